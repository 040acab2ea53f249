"""Sign-in through an OpenID provider: the request to it, the verification of its answer, and the two views.

When the provider does not answer, or its answer cannot be verified, the response is a page that says so.
"""

import logging
import secrets
from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.utils import get_request_param
from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.crypto import salted_hmac

from webui.accounts.openid import id_tokens

View = Callable[[HttpRequest, str], HttpResponseBase]
logger = logging.getLogger(__name__)

ADDRESSES = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
)  # required in the provider's discovery document
# The claims about a person that are stored, if they are texts. Others are not needed, and may be of any size.
CLAIMS = ("email", "name", "given_name", "family_name", "preferred_username")
LONGEST = 500  # characters of a claim; the rest is cut off


class SiteOpenIDAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The calls to the provider. Raises OAuth2Error for answers that cannot be verified, OSError for none."""

    @cached_property
    def openid_config(self) -> dict[str, Any]:
        """The provider's discovery document, loaded once per request."""
        provider = self.get_provider()
        config = _document(provider.server_url)
        config.update(provider.app.settings.get("openid_configuration_overrides", {}))
        missing = [name for name in ADDRESSES if not isinstance(config.get(name), str)]
        if missing:
            raise OAuth2Error(f"The provider's description lacks {', '.join(missing)}")
        return config

    def get_access_token_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            answer = dict(super().get_access_token_data(*args, **kwargs))
            answer["access_token"] = str(answer["access_token"])
            answer["refresh_token"] = str(answer.get("refresh_token") or "")
            answer["expires_in"] = min(int(answer.get("expires_in") or 0), 10**9) or None
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise OAuth2Error("The token endpoint's answer cannot be read") from error
        return answer

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        config = self.openid_config
        try:
            signed = id_tokens.verified_claims(
                kwargs["response"].get("id_token"),
                _document(config["jwks_uri"]),
                issuer=config["issuer"],
                client_id=app.client_id,
                nonce=nonce_of(str(get_request_param(request, "state"))),
            )
        except id_tokens.IdTokenRefused as error:
            raise OAuth2Error(f"The ID token is refused: {error}") from error
        userinfo: dict[str, Any] = {}
        if config.get("userinfo_endpoint") and app.settings.get("fetch_userinfo", True):
            userinfo = _document(config["userinfo_endpoint"], token=token.token)
            if userinfo.get("sub") != signed["sub"]:
                raise OAuth2Error("The userinfo is about another person than the ID token")
        return self.get_provider().sociallogin_from_response(request, {"id_token": signed, "userinfo": userinfo})


class SiteOpenIDProvider(OpenIDConnectProvider):  # type: ignore[misc]
    """The request to the provider, and the claims about a person that are accepted from it."""

    oauth2_adapter_class = SiteOpenIDAdapter

    def redirect(self, request: HttpRequest, process: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        state_id = secrets.token_urlsafe(24)
        kwargs["auth_params"] = {**self.get_auth_params(), "nonce": nonce_of(state_id)}
        response: HttpResponseBase = super().redirect(request, process, *args, state_id=state_id, **kwargs)
        return response

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        """The configured scopes only, whatever the address of the request asks for."""
        return [str(scope) for scope in self.get_scope()]

    def extract_uid(self, data: dict[str, Any]) -> str:
        return str(data["id_token"]["sub"])

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        signed = data["id_token"]
        return {"id_token": {"iss": signed["iss"], "sub": signed["sub"]}, "userinfo": _person(data)}

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        person = _person(data)
        names = {
            "username": "preferred_username",
            "name": "name",
            "first_name": "given_name",
            "last_name": "family_name",
            "email": "email",
        }
        return {name: person.get(claim) for name, claim in names.items()}

    def extract_email_addresses(self, data: dict[str, Any]) -> list[Any]:
        email = _person(data).get("email")
        if not email:
            return []
        return [EmailAddress(email=email, verified=_says_verified(data, email), primary=True)]


def nonce_of(state_id: str) -> str:
    """The nonce for a state: an HMAC, so that nobody else can make it and it need not be stored."""
    return salted_hmac("webui.accounts.openid.nonce", state_id, algorithm="sha256").hexdigest()


def _person(data: dict[str, Any]) -> dict[str, str]:
    """The claims about a person that are texts; those of the userinfo override those of the ID token."""
    merged = {**data["id_token"], **data["userinfo"]}
    texts = {name: merged[name] for name in CLAIMS if isinstance(merged.get(name), str)}
    return {name: text[:LONGEST].replace("\0", "") for name, text in texts.items()}


def _says_verified(data: dict[str, Any], email: str) -> bool:
    """Whether the provider says that this address is verified. The text "true" counts only with the setting for it."""
    for claims in (data["userinfo"], data["id_token"]):
        if claims.get("email") == email and "email_verified" in claims:
            value = claims["email_verified"]
            return value is True or (settings.OAUTH_EMAIL_VERIFIED_AS_TEXT and value == "true")
    return False


def _document(url: str, *, token: str = "") -> dict[str, Any]:
    """The JSON object at an address of the provider. Raises OAuth2Error when there is none."""
    headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    with get_adapter().get_requests_session() as session:
        answer = session.get(url, headers=headers)
        answer.raise_for_status()
        try:
            value = answer.json()
        except ValueError as error:
            raise OAuth2Error("The provider's answer is not JSON") from error
    if not isinstance(value, dict):
        raise OAuth2Error("The provider's answer is no JSON object")
    return value


# --- views ---


def _answered(view: View) -> View:
    @wraps(view)
    def answer(request: HttpRequest, provider_id: str) -> HttpResponseBase:
        try:
            return view(request, provider_id)
        except SocialApp.DoesNotExist as error:
            raise Http404 from error
        except OAuth2Error as error:
            logger.warning("The OpenID provider does not describe itself: %s", error)
            return render(request, "socialaccount/authentication_error.html", status=502)
        except OSError as error:  # the base of all errors of the HTTP library
            logger.warning("The OpenID provider could not be asked: %s", type(error).__name__)
            return render(request, "socialaccount/authentication_error.html", {"unreachable": True}, status=502)

    return answer


@_answered
def login(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    view: Any = OAuth2LoginView.adapter_view(SiteOpenIDAdapter(request, provider_id))
    response: HttpResponseBase = view(request)
    return response


@_answered
def callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    view: Any = OAuth2CallbackView.adapter_view(SiteOpenIDAdapter(request, provider_id))
    response: HttpResponseBase = view(request)
    return response
