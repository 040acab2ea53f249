"""Tools and tool servers: the routes of the API, and the page in the settings."""

from django.urls import path

from chat.tool_servers import api, views

urlpatterns = [
    path("api/v1/tools", api.ToolList.as_view(), name="tool-list"),
    path("api/v1/tools/decisions", api.ToolDecision.as_view(), name="tool-decision"),
    path("api/v1/tool-servers/", api.ToolServerList.as_view(), name="tool-server-list"),
    path("api/v1/tool-servers/<int:server_id>/grant", api.ToolServerGrant.as_view(), name="tool-server-grant"),
    path("settings/tools", views.tools, name="settings_tools"),
    path("settings/tools/back", views.come_back, name="settings_tools_back"),
    path("settings/tools/<int:server_id>/connect", views.connect, name="settings_connect_tools"),
    path("settings/tools/<int:server_id>/disconnect", views.disconnect, name="settings_disconnect_tools"),
]
