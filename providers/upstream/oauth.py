"""The access token from a person's single sign-on, renewed before it expires (auth type `system_oauth`).

django-allauth stores it (`SocialToken`), encrypted by `providers.secrets.tokens`. Only one renewal runs at a time, by a
lock over threads and by the cache over processes: a provider that rotates refresh tokens takes a second use of the old
one for theft.
"""

import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialToken
from django.core.cache import cache
from django.utils import timezone

from providers import http, runtime
from providers.errors import ConfigurationError, GatewayError, NoCredential, ProviderError
from providers.fields import UNREADABLE
from providers.process import background, waiting
from providers.sentences import sentence as _
from providers.upstream.error_bodies import provider_words

RENEW_SECONDS = 60.0  # before the token expires
REMEMBER_SECONDS = 30.0  # how long a token is used without looking at its row
RENEWAL_SECONDS = 20.0  # the longest a renewal may take
CONFIG_SECONDS = 3600.0  # how long the provider's configuration is cached
LIMITS = http.Limits(connect=5, first_byte=10, idle=10, total=15, max_bytes=1_000_000)


@dataclass(slots=True)
class _CachedToken:
    token: str = field(repr=False)
    until: float  # on the monotonic clock


class OAuthTokens:
    """The cached tokens and provider configurations of this process, and a lock per person for renewals."""

    def __init__(self) -> None:
        self.tokens: dict[int, _CachedToken] = {}
        self.locks: dict[int, threading.Lock] = {}
        self.configs: dict[str, tuple[float, dict[str, Any]]] = {}
        self.lock = threading.Lock()

    def lock_for(self, user_id: int) -> threading.Lock:
        with self.lock:
            return self.locks.setdefault(user_id, threading.Lock())


def token_for(user_id: int) -> str:
    """A valid access token of this person. Blocks. Raises NoCredential, in words for the person, without one."""
    memory = runtime.state(OAuthTokens)
    cached = memory.tokens.get(user_id)
    if cached is not None and cached.until > time.monotonic():
        return cached.token
    with memory.lock_for(user_id):
        cached = memory.tokens.get(user_id)
        if cached is not None and cached.until > time.monotonic():
            return cached.token
        row = background.run(lambda: _row_of(user_id))
        seconds = _seconds_left(row)
        if seconds <= RENEW_SECONDS:
            row = _renewed(row, user_id, still_valid=seconds > 0)
            seconds = _seconds_left(row)
        cached_for = min(REMEMBER_SECONDS, max(0.0, seconds - RENEW_SECONDS))
        memory.tokens[user_id] = _CachedToken(row.token, time.monotonic() + cached_for)
        return str(row.token)


def _row_of(user_id: int) -> Any:
    row = (
        SocialToken.objects.select_related("account", "app")
        .filter(account__user_id=user_id)
        .order_by("-account__last_login", "-pk")
        .first()
    )
    if row is None and not get_adapter().list_apps(None):
        raise NoCredential(
            _(
                "This model needs single sign-on, which is not set up on this site. An administrator can set "
                "OPENID_PROVIDER_URL."
            ),
            code="oauth_not_configured",
        )
    if row is None:
        raise NoCredential(
            _("This model needs single sign-on. Sign out, then sign in again with single sign-on."),
            code="oauth_token_missing",
        )
    return row


def _seconds_left(row: Any) -> float:
    if row.token == UNREADABLE:
        raise _expired()
    return float("inf") if row.expires_at is None else (row.expires_at - timezone.now()).total_seconds()


def _expired() -> NoCredential:
    return NoCredential(
        _("Your single sign-on has expired. Sign out, then sign in again with single sign-on."),
        code="oauth_token_ended",
    )


def _renewed(row: Any, user_id: int, *, still_valid: bool) -> Any:
    """The row with a new token; unchanged while the old token is valid and cannot be renewed."""
    if not row.token_secret:
        if still_valid:
            return row
        raise _expired()
    key = f"oauth-renewal-{row.pk}"
    if not cache.add(key, 1, timeout=RENEWAL_SECONDS):
        return _renewed_elsewhere(row, user_id, still_valid=still_valid)
    try:
        return _renew(row)
    except GatewayError:
        if still_valid:
            return row
        raise
    finally:
        cache.delete(key)


def _renewed_elsewhere(row: Any, user_id: int, *, still_valid: bool) -> Any:
    """Wait for the token that another process is renewing, unless the old one is still valid."""
    end = time.monotonic() + RENEWAL_SECONDS
    while not still_valid and time.monotonic() < end:
        waiting.sleep(0.1)
        fresh = background.run(lambda: _row_of(user_id))
        if _seconds_left(fresh) > 0:
            return fresh
    if still_valid:
        return row
    raise _expired()


def _renew(row: Any) -> Any:
    app = background.run(lambda: _app_of(row))
    config = _provider_config(app)
    answer = _request_token(app, config, row.token_secret)
    row.token = str(answer["access_token"])
    row.token_secret = str(answer.get("refresh_token") or row.token_secret)
    seconds = answer.get("expires_in")
    row.expires_at = timezone.now() + timedelta(seconds=float(seconds)) if seconds else None
    background.run(lambda: row.save(update_fields=["token", "token_secret", "expires_at"]))
    return row


def _app_of(row: Any) -> Any:
    try:
        return row.app or get_adapter().get_app(None, provider=row.account.provider)
    except SocialApp.DoesNotExist as error:
        raise NoCredential(
            _("The single sign-on that this person used is no longer configured."), code="oauth_not_configured"
        ) from error


def _provider_config(app: Any) -> dict[str, Any]:
    """The provider's configuration (`/.well-known/openid-configuration`)."""
    url = str(app.settings["server_url"])
    if "/.well-known/" not in url:
        url = f"{url.rstrip('/')}/.well-known/openid-configuration"
    memory = runtime.state(OAuthTokens)
    read, config = memory.configs.get(url, (float("-inf"), {}))
    if time.monotonic() - read > CONFIG_SECONDS:
        answer = http.request("GET", url, limits=LIMITS)
        config = answer.json() if answer.status < 400 else {}
        if not isinstance(config, dict) or not config.get("token_endpoint"):
            raise ConfigurationError(
                _("The configuration of the single sign-on provider could not be read."),
                provider=provider_words(answer.content),
            )
        memory.configs[url] = (time.monotonic(), config)
    return config


def _request_token(app: Any, config: dict[str, Any], refresh_token: str) -> dict[str, Any]:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    methods = config.get("token_endpoint_auth_methods_supported") or []
    method = app.settings.get("token_auth_method")
    basic = method == "client_secret_basic" or (
        not method and "client_secret_post" not in methods and "client_secret_basic" in methods
    )
    if not basic:
        form |= {"client_id": app.client_id, "client_secret": app.secret}
    # An ordinary answer may well repeat the refresh token: only errors are cleaned.
    secrets = http.secrets_of([app.secret, refresh_token], only_errors=True)
    answer = http.request(
        "POST",
        str(config["token_endpoint"]),
        data=form,
        auth=(app.client_id, app.secret) if basic else None,
        headers={"Accept": "application/json"},
        limits=LIMITS,
        secrets=secrets,
    )
    if answer.status in (400, 401):
        raise _expired()
    value = answer.json() if answer.status < 400 else None
    if not isinstance(value, dict) or not value.get("access_token"):
        raise ProviderError(
            _("The single sign-on provider did not renew the sign-in."),
            provider=secrets.clean_text(provider_words(answer.content)),
            status=502,
            retryable=True,
        )
    return value
