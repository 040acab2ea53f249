"""What people have here: the routes of the API, and the page in the settings."""

from django.urls import path

from chat.belongings import api, views

urlpatterns = [
    path("api/v1/imports/", api.ImportList.as_view(), name="import-list"),
    path("api/v1/imports/<str:transfer_id>", api.ImportDetail.as_view(), name="import-detail"),
    path("api/v1/imports/<str:transfer_id>/start", api.StartImport.as_view(), name="import-start"),
    path("api/v1/imports/<str:transfer_id>/cancel", api.CancelImport.as_view(), name="import-cancel"),
    path("api/v1/exports/", api.ExportList.as_view(), name="export-list"),
    path("api/v1/exports/<str:transfer_id>", api.ExportDetail.as_view(), name="export-detail"),
    path("api/v1/exports/<str:transfer_id>/content", api.ExportContent.as_view(), name="export-content"),
    path("api/v1/exports/<str:transfer_id>/cancel", api.CancelExport.as_view(), name="export-cancel"),
    path("api/v1/erasures/", api.ErasureList.as_view(), name="erasure-list"),
    path("api/v1/erasures/<str:transfer_id>", api.ErasureDetail.as_view(), name="erasure-detail"),
    path("api/v1/belongings/", api.BelongingList.as_view(), name="belonging-list"),
    path("settings/data", views.page, name="settings_data"),
    path("settings/data/import", views.bring, name="settings_import"),
    path("settings/data/import/<uuid:transfer_id>/start", views.start, name="settings_start_import"),
    path("settings/data/export", views.pack, name="settings_export"),
    path("settings/data/delete", views.ask_to_delete, name="settings_ask_to_delete"),
    path("settings/data/delete/now", views.delete, name="settings_delete"),
    path("settings/data/<str:kind>/<uuid:transfer_id>/cancel", views.cancel, name="settings_cancel_transfer"),
    path("settings/data/<str:kind>/<uuid:transfer_id>/forget", views.forget, name="settings_forget_transfer"),
]
