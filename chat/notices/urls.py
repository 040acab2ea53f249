"""The routes of devices, their page in the settings, and the worker and page that a browser keeps."""

from django.urls import path

from chat.notices import api, views

urlpatterns = [
    path("api/v1/push/key", api.PushKeyDetail.as_view(), name="push-key"),
    path("api/v1/push/devices", api.DeviceList.as_view(), name="push-devices"),
    path("api/v1/push/devices/<str:device_id>", api.DeviceDetail.as_view(), name="push-device"),
    path("settings/notices", views.notices, name="settings_notices"),
    path("settings/notices/<int:device_id>/remove", views.remove_device, name="settings_remove_device"),
    path("worker.js", views.worker, name="worker"),
    path("offline", views.offline, name="offline"),
    path("share", views.shared_by_device, name="shared-by-device"),
]
