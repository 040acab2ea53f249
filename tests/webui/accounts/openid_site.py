"""The site's addresses with those of single sign-on, which are there only where a provider is configured."""

from django.urls import include, path

from webui import urls

urlpatterns = [path("accounts/", include("webui.accounts.openid.urls")), *urls.urlpatterns]
handler403, handler404, handler500 = urls.handler403, urls.handler404, urls.handler500
