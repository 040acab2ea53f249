"""django-allauth's adapters: sign-in, sign-up, links in mails, and single sign-on."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import ratelimit
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount import app_settings
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from providers import http, sign_ins
from providers.errors import ConfigurationError
from providers.process import waiting
from providers.secrets import tokens
from webui import address
from webui.accounts import account_link, addresses
from webui.accounts.cookies import remember_language, remember_theme
from webui.branding import current
from webui.models import User

# Messages that are not shown, because the next page says the same.
SILENT = {
    "account/messages/logged_in.txt",
    "account/messages/logged_out.txt",
    "account/messages/email_confirmation_sent.txt",
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def format_email_subject(self, subject: str) -> str:
        return f"[{current.site().name}] {subject}"

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.ENABLE_SIGNUP)

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in SILENT:
            super().add_message(request, level, message_template, *args, **kwargs)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Count attempts by the e-mail address that was entered, whether it has an account or not.

        Raises ValidationError after too many. A successful sign-in resets the count.
        """
        typed = str(credentials.get("email", "")).lower()
        if not ratelimit.consume(request, action="sign_in_address", key=typed):
            raise self.validation_error("too_many_login_attempts")
        user = super().authenticate(request, **credentials)
        if user is not None:
            ratelimit.clear(request, action="sign_in_address", key=typed)
        return user

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponseBase | None:
        """Treat the address of an account that was made by a command of Django (`createsuperuser`) as proved.

        Nobody signs in to the service account of a group, however they come.
        """
        if user.is_service:
            return redirect("account_inactive")
        addresses.vouch_unless_own(user)
        response: HttpResponseBase | None = super().pre_login(request, user, **kwargs)
        return response

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponseBase:
        """Keep the tokens of single sign-on for this session; apply the person's language and theme to this browser."""
        response: HttpResponseBase = super().post_login(request, user, **kwargs)
        sociallogin = (kwargs.get("signal_kwargs") or {}).get("sociallogin")
        if sociallogin is not None and sociallogin.token is not None:
            sign_ins.keep(request.session, sociallogin.account, sociallogin.token)
        if user.is_superuser:
            address.remember(request)
        remember_language(response, user.preferences.get("language", ""))
        remember_theme(response, user.preferences.get("theme", ""))
        return response

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail without the sign-up link, which the library makes from the request's Host header."""
        waiting.give_back()  # a mail server takes its time
        super().send_mail(template_prefix, email, {**context, "signup_url": ""})

    def get_reset_password_from_key_url(self, key: str) -> str:
        user_id, _dash, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": user_id, "key": token})
        return _origin(self.request) + path

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        path = reverse("account_confirm_email", args=[emailconfirmation.key])
        return _origin(request) + path

    def send_account_already_exists_mail(self, email: str) -> None:
        link = _origin(self.request) + reverse("account_reset_password")
        self.send_mail("account/email/account_already_exists", email, {"password_reset_url": link})


def _origin(request: HttpRequest) -> str:
    """The origin for links in mails. While it is unknown, the response is a page that says so."""
    try:
        return address.origin_for(request)
    except ConfigurationError as error:
        page = render(request, "account/no_links.html", {"message": error.message}, status=error.status)
        raise ImmediateHttpResponse(page) from error


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def get_requests_session(self) -> Any:
        """The HTTP session for allauth's calls to the provider."""
        waiting.give_back()
        return http.TimedSession(app_settings.REQUESTS_TIMEOUT)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Everybody whom the provider signs in gets an account, unless ENABLE_OAUTH_SIGNUP is off."""
        return bool(settings.ENABLE_OAUTH_SIGNUP)

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Connect a sign-in with the account that has its address already.

        The person enters the password of the account once. With OAUTH_MERGE_ACCOUNTS_BY_EMAIL an address that the
        provider has verified is enough; then `addresses.prove` empties an account that somebody else made for it.
        """
        if sociallogin.state.get("process") != AuthProcess.LOGIN:
            return
        if sociallogin.is_existing:
            if sociallogin.account.pk is None:  # the account was found by its address
                self._take(sociallogin.user)
            return
        if account_link.account_of(sociallogin) is not None:
            account_link.keep(request, sociallogin)
            raise ImmediateHttpResponse(redirect("account_link"))

    @staticmethod
    def _take(user: User) -> None:
        if not user.is_active:
            raise ImmediateHttpResponse(redirect("account_inactive"))
        addresses.prove(user)
        user.refresh_from_db()

    def serialize_instance(self, instance: Any) -> dict[str, Any]:
        """Encrypt the tokens of a sign-in that waits in the session."""
        values: dict[str, Any] = super().serialize_instance(instance)
        return tokens.sealed(values) if tokens.is_token(type(instance)) else values

    def deserialize_instance(self, model: Any, data: Any) -> Any:
        if tokens.is_token(model) and isinstance(data, dict):
            data = tokens.opened(data)
        return super().deserialize_instance(model, data)

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        user = super().populate_user(request, sociallogin, data)
        parts = (data.get("first_name") or "", data.get("last_name") or "")
        user.name = (data.get("name") or " ".join(filter(None, parts)))[:150]
        return user
