"""The addresses of accounts and settings. Pages of django-allauth that are not listed here do not exist."""

from typing import Any

from allauth.account import views as allauth_views
from django.conf import settings
from django.urls import include, path, re_path

from webui.accounts import keys, views

accounts: list[Any] = [
    path("login/", allauth_views.login, name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("signup/", views.SignUp.as_view(), name="account_signup"),
    path("signup/done/", views.signed_up, name="account_signed_up"),
    path("confirm-email/", allauth_views.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", allauth_views.confirm_email, name="account_confirm_email"),
    path("password/reset/", views.ResetPassword.as_view(), name="account_reset_password"),
    path("password/reset/done/", allauth_views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.ResetPasswordFromKey.as_view(),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
if settings.OPENID_PROVIDER_URL:
    accounts.append(path("", include("webui.accounts.openid.urls")))

urlpatterns = [
    path("accounts/", include(accounts)),
    path("setup/<str:token>", views.set_up, name="setup"),
    path("settings", views.profile, name="settings"),
    path("settings/password", views.ChangePassword.as_view(), name="account_change_password"),
    path("settings/password/set", views.SetPassword.as_view(), name="account_set_password"),
    path("settings/keys", keys.keys, name="settings_keys"),
    path("settings/keys/<int:key_id>", keys.key, name="settings_key"),
    path("settings/keys/<int:key_id>/replace", keys.replace_key, name="settings_replace_key"),
    path("settings/keys/<int:key_id>/end-former", keys.end_former_key, name="settings_end_former_key"),
    path("settings/keys/<int:key_id>/revoke", keys.revoke_key, name="settings_revoke_key"),
    path("settings/usage", views.usage, name="settings_usage"),
    path("i18n/setlang/", views.set_language, name="set_language"),
]
