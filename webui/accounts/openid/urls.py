"""The addresses of sign-in through an OpenID provider; included only where one is configured."""

from django.urls import include, path

from webui.accounts import views
from webui.accounts.openid import sign_in

urlpatterns = [
    path("3rdparty/", include("allauth.socialaccount.urls")),
    path("oidc/<str:provider_id>/login/", sign_in.login, name="openid_connect_login"),
    path("oidc/<str:provider_id>/login/callback/", sign_in.callback, name="openid_connect_callback"),
    path("link/", views.link, name="account_link"),
]
