"""The routes of files. `chat.file_addresses` defines the address of a file's content."""

from django.urls import path

from chat.file_addresses import ROOT, content_address
from chat.files import views

FILES = ROOT.lstrip("/")

urlpatterns = [
    path(FILES, views.FileList.as_view(), name="file-list"),
    path(f"{FILES}<str:file_id>", views.FileDetail.as_view(), name="file-detail"),
    path(f"{FILES}<str:file_id>/recipe", views.FileRecipe.as_view(), name="file-recipe"),
    path(f"{FILES}<str:file_id>/restore", views.RestoreFile.as_view(), name="file-restore"),
    path(content_address("<str:file_id>").lstrip("/"), views.FileContent.as_view(), name="file-content"),
]
