"""The addresses of the site's look."""

from django.urls import path

from webui.branding import views

urlpatterns = [
    path("site/accent.css", views.accent, name="site_accent"),
    path("site/icon.svg", views.icon, name="site_icon"),
    path("site/manifest.json", views.manifest, name="site_manifest"),
    path("site/logo", views.logo, name="site_logo"),
]
