"""Authentication for Django REST framework: an API key in a header, or a session. `request.auth` is the Caller."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from providers import callers, sign_ins
from providers.errors import Unauthenticated
from providers.facts import Caller
from providers.process import client_address
from providers.sentences import sentence as _
from providers.upstream.kinds import ANTHROPIC_KEY_HEADER, AZURE_KEY_HEADER


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sk-…`, `api-key: sk-…` as Azure's clients send it, or `x-api-key: sk-…` as Anthropic's."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        key = key_in(request.headers)
        if key is None:
            return None
        caller = callers.caller_for_key_blocking(key, request.path, client_address.of_request(request))
        return user_of(caller), caller

    def authenticate_header(self, request: Request) -> str:
        """The `WWW-Authenticate` header: with it an anonymous request gets a 401, without it a 403."""
        return 'Bearer realm="api"'


class BrowserAuthentication(SessionAuthentication):
    """The session cookie, with the CSRF token on every unsafe method."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        session = super().authenticate(request)
        return (session[0], _signed_in(request, session[0])) if session else None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class IsCaller(BasePermission):
    """Allows requests that have a Caller. Unlike IsAuthenticated it does not look up the person's row."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, Caller)


def user_of(caller: Caller) -> Any:
    """The person of a caller, looked up at first use; raises Unauthenticated then if the account is not active."""

    def load() -> Any:
        user = get_user_model()._default_manager.filter(pk=caller.user_id, is_active=True).first()
        if user is None:
            raise Unauthenticated(_("This account is not active."))
        return user

    return SimpleLazyObject(load)


def key_in(headers: Mapping[str, str]) -> str | None:
    """The API key in the headers of a Django request; None where there is none."""
    api_key = headers.get(AZURE_KEY_HEADER, "") or headers.get(ANTHROPIC_KEY_HEADER, "")
    return presented_key(headers.get("Authorization", ""), api_key)


def presented_key(authorization: str, api_key: str = "") -> str | None:
    """The API key in the values of `Authorization` and of a header for keys; None where neither holds one."""
    scheme, _space, key = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return api_key.strip() or None


def caller_of(request: Any) -> Caller:
    """The caller of a DRF or Django request, looked up once. Raises Unauthenticated for an anonymous one."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, Caller):
        return auth
    if not request.user.is_authenticated:
        raise Unauthenticated(_("Sign in, or send an API key."))
    request.auth = caller = _signed_in(request, request.user)
    return caller


def _signed_in(request: Any, user: Any) -> Caller:
    return callers.caller_for_user(user, sign_in=sign_ins.of_session(getattr(request, "session", None)))
