from django.urls import path

from chat.files import views

urlpatterns = [
    path("api/v1/files/", views.FileList.as_view(), name="file-list"),
    path("api/v1/files/<str:file_id>", views.FileDetail.as_view(), name="file-detail"),
    path("api/v1/files/<str:file_id>/restore", views.RestoreFile.as_view(), name="file-restore"),
    path("api/v1/files/<str:file_id>/content", views.FileContent.as_view(), name="file-content"),
]
