"""The gallery's routes of the API."""

from django.urls import path

from imagegen.gallery import api

PICTURES = "api/v1/images/pictures"

urlpatterns = [
    path(PICTURES, api.PictureList.as_view()),
    path(f"{PICTURES}/", api.PictureList.as_view(), name="picture-list"),
    path(f"{PICTURES}/bulk", api.BulkPictures.as_view(), name="picture-bulk"),
    path(f"{PICTURES}/archive", api.PictureArchive.as_view(), name="picture-archive"),
    path(f"{PICTURES}/<str:file_id>/star", api.StarredPicture.as_view(), name="picture-star"),
]
