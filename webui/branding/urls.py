"""The addresses of the site's look."""

from django.urls import path

from webui.branding import views

urlpatterns = [
    path("site/accent.css", views.accent, name="site_accent"),
    path("site/logo", views.logo, name="site_logo"),
]
