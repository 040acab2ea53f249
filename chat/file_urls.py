from django.urls import path

from chat import file_api

urlpatterns = [
    path("api/v1/files/", file_api.FileList.as_view(), name="file-list"),
    path("api/v1/files/<str:file_id>", file_api.FileDetail.as_view(), name="file-detail"),
    path("api/v1/files/<str:file_id>/restore", file_api.RestoreFile.as_view(), name="file-restore"),
    path("api/v1/files/<str:file_id>/content", file_api.FileContent.as_view(), name="file-content"),
]
