"""The URL conf with the routes of single sign-on, which exist only with a configured provider."""

from django.urls import include, path

from webui import urls

urlpatterns = [path("accounts/", include("webui.accounts.openid.urls")), *urls.urlpatterns]
handler403, handler404, handler500 = urls.handler403, urls.handler404, urls.handler500
