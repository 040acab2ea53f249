"""The pictures page, and the parts of it that its scripts fetch."""

from django.urls import path

from imagegen.pages import views

urlpatterns = [
    path("images", views.images, name="images"),
    path("images/gallery", views.gallery_part, name="images-gallery"),
    path("images/jobs", views.jobs_part, name="images-jobs"),
    path("images/abilities", views.abilities, name="images-abilities"),
    path("images/<uuid:file_id>", views.picture, name="picture"),
]
