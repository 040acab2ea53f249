"""A person's memories: the routes of the API, and the page in the settings."""

from django.urls import path

from chat.memory import api, views

urlpatterns = [
    path("api/v1/memories/", api.MemoryList.as_view(), name="memory-list"),
    path("api/v1/memories/<str:memory_id>", api.MemoryDetail.as_view(), name="memory-detail"),
    path("settings/memories", views.memories, name="settings_memories"),
    path("settings/memories/use", views.use_memories, name="settings_use_memories"),
    path("settings/memories/delete", views.delete_memories, name="settings_delete_memories"),
    path("settings/memories/<int:memory_id>", views.change_memory, name="settings_change_memory"),
    path("settings/memories/<int:memory_id>/delete", views.delete_memory, name="settings_delete_memory"),
]
