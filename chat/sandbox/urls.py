"""The documents of the frames."""

from django.urls import path

from chat.sandbox import views

urlpatterns = [
    path("sandbox/drawing", views.drawing, name="sandbox-drawing"),
    path("sandbox/page", views.page, name="sandbox-page"),
]
