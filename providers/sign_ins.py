"""The tokens of single sign-on (auth type `system_oauth`): one sign-in per browser session, renewed before it expires.

A session holds the id of its `SignIn` under `SESSION_KEY`. A provider that rotates refresh tokens takes a second use of
the old one for theft, so a token is renewed once: calls in one process wait for the one that renews, and a process
claims the row before it renews.
"""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialToken
from django.utils import timezone

from providers import http, runtime
from providers.errors import ConfigurationError, GatewayError, NoCredential, NoSignOn, ProviderError
from providers.fields import UNREADABLE
from providers.models import SignIn
from providers.process import background, clock, deletion, waiting
from providers.sentences import sentence as _
from providers.upstream.error_bodies import provider_words

SESSION_KEY = "oauth_session_id"
RENEW_SECONDS = 60.0  # before the token expires
REMEMBER_SECONDS = 30.0  # how long a token is used without looking at its row
CLAIM_SECONDS = 40.0  # the longest a renewal may take: two requests
WAIT_SECONDS = 60.0  # the longest a call waits for another one that renews
CONFIG_SECONDS = 3600.0  # how long the provider's configuration is cached
LONGEST_LIFE = 1e9  # seconds; a longer life of a token is none that a provider would mean
CACHE_SIZE = 10_000  # tokens per process
LIMITS = http.Limits(connect=5, first_byte=10, idle=10, total=15, max_bytes=1_000_000)


@dataclass(slots=True)
class _CachedToken:
    token: str = field(repr=False)
    until: float  # on the monotonic clock


class OAuthTokens:
    """The cached tokens and provider configurations of this process, and the reads of tokens that are under way."""

    def __init__(self) -> None:
        self.configs: dict[str, tuple[float, dict[str, Any]]] = {}
        self._tokens: dict[int, _CachedToken] = {}
        self._pending: dict[int, Future[str]] = {}
        self._lock = threading.Lock()

    def token(self, sign_in: int) -> str:
        """The cached token; empty when there is none."""
        cached = self._tokens.get(sign_in)
        return cached.token if cached is not None and cached.until > time.monotonic() else ""

    def keep(self, sign_in: int, token: str, seconds: float) -> None:
        with self._lock:
            while len(self._tokens) >= CACHE_SIZE:
                del self._tokens[next(iter(self._tokens))]
            self._tokens[sign_in] = _CachedToken(token, time.monotonic() + seconds)

    def drop(self, sign_in: int) -> None:
        with self._lock:
            self._tokens.pop(sign_in, None)

    def claim(self, sign_in: int) -> "tuple[Future[str], bool]":
        """The read that is under way, or a new one, which the caller then has to do (true)."""
        with self._lock:
            future = self._pending.get(sign_in)
            if future is not None:
                return future, False
            future = self._pending[sign_in] = Future()
            return future, True

    def release(self, sign_in: int) -> None:
        with self._lock:
            del self._pending[sign_in]


# --- sessions ---------------------------------------------------------------------------------------------------------


def keep(session: Any, account: Any, token: Any) -> None:
    """Store the tokens of a sign-in (django-allauth's unsaved `SocialToken`) for this session, and for no other."""
    if (former := of_session(session)) is not None:
        forget(former)
    row = SignIn.objects.create(
        account=account,
        token=token.token,
        refresh_token=token.token_secret,
        expires_at=token.expires_at,
        session_ends=session.get_expiry_date(),
    )
    session[SESSION_KEY] = row.pk


def of_session(session: Mapping[str, Any] | None) -> int | None:
    """The id of a session's sign-in; None where it was no sign-in through a provider."""
    value = None if session is None else session.get(SESSION_KEY)
    return value if isinstance(value, int) else None


def extend(sign_in: int, session_ends: datetime) -> None:
    SignIn.objects.filter(pk=sign_in).update(session_ends=session_ends)


def forget(sign_in: int) -> None:
    """Delete the tokens of a session that ends."""
    SignIn.objects.filter(pk=sign_in).delete()
    runtime.state(OAuthTokens).drop(sign_in)


def purge(*, now: datetime) -> int:
    """Delete the tokens of sessions that have expired; returns how many.

    And all of django-allauth's: during an upgrade processes of the earlier version may still write some.
    """
    deletion.in_batches(SocialToken.objects.all())
    return deletion.in_batches(SignIn.objects.filter(session_ends__lt=now))


# --- tokens -----------------------------------------------------------------------------------------------------------


def token_for(user_id: int, sign_in: int | None) -> str:
    """A valid access token of a person's sign-in. Blocks. Raises NoCredential, in words for the person, without one."""
    if sign_in is None:
        raise _missing()
    memory = runtime.state(OAuthTokens)
    if token := memory.token(sign_in):
        return token
    future, ours = memory.claim(sign_in)
    if not ours:
        return _told_by(future)
    try:
        row = _lasting(user_id, sign_in)
        memory.keep(sign_in, row.token, min(REMEMBER_SECONDS, max(0.0, _seconds_left(row) - RENEW_SECONDS)))
        future.set_result(row.token)
    except BaseException as error:
        future.set_exception(error)
        raise
    finally:
        memory.release(sign_in)
    return row.token


def _told_by(future: "Future[str]") -> str:
    try:
        return waiting.for_future(future, WAIT_SECONDS)
    except TimeoutError as error:
        raise _not_renewed() from error


def _lasting(user_id: int, sign_in: int) -> SignIn:
    """The row, with a token that does not expire during a call; one that cannot be renewed is used to its end."""
    end = time.monotonic() + CLAIM_SECONDS
    read = partial(_row_of, user_id, sign_in)
    row = background.run(read)
    if _seconds_left(row) > RENEW_SECONDS:
        return row
    while row.refresh_token and not background.run(partial(_claim, row)):
        # Another process renews it, or has done so since the row was read.
        row = background.run(read)
        if _seconds_left(row) > 0:
            return row
        if time.monotonic() > end:
            raise _not_renewed()
        waiting.sleep(0.1)
    if row.refresh_token:
        return _renewed(row)
    if _seconds_left(row) > 0:
        return row
    raise _expired()


def _row_of(user_id: int, sign_in: int) -> SignIn:
    row = SignIn.objects.select_related("account").filter(pk=sign_in, account__user_id=user_id).first()
    if row is None:
        raise _missing()
    return row


def _claim(row: SignIn) -> bool:
    """Claim the renewal for this process, unless another one has it, or has renewed the token since it was read."""
    now = timezone.now()
    longest = timedelta(seconds=CLAIM_SECONDS)
    free = clock.is_free("renewing_until", longest, now)
    rows = SignIn.objects.filter(free, pk=row.pk, expires_at=row.expires_at)
    return bool(rows.update(renewing_until=now + longest))


def _missing() -> NoCredential:
    """One sentence for sessions and for API keys: a picture is drawn when it is no longer known which of them asked."""
    if not get_adapter().list_apps(None):
        return NoSignOn(
            _(
                "This model needs single sign-on, which is not set up on this site. An administrator can set "
                "OPENID_PROVIDER_URL."
            )
        )
    return NoCredential(
        _(
            "This model needs the single sign-on of a browser session, which an API key does not have. On this site's "
            "pages, sign out, then sign in again with single sign-on."
        ),
        code="oauth_token_missing",
    )


def _seconds_left(row: SignIn) -> float:
    if UNREADABLE in (row.token, row.refresh_token):
        raise _expired()
    return float("inf") if row.expires_at is None else (row.expires_at - timezone.now()).total_seconds()


def _expired() -> NoCredential:
    return NoCredential(
        _("Your single sign-on has expired. Sign out, then sign in again with single sign-on."),
        code="oauth_token_ended",
    )


# --- renewal ----------------------------------------------------------------------------------------------------------


def _renewed(row: SignIn) -> SignIn:
    """The claimed row with a new token; unchanged while the old token is valid and cannot be renewed."""
    changes: dict[str, Any] = {"renewing_until": None}
    try:
        app = _app_of(row)
        answer = _request_token(app, _provider_config(app), row.refresh_token)
        changes["token"] = row.token = str(answer["access_token"])
        changes["refresh_token"] = row.refresh_token = str(answer.get("refresh_token") or row.refresh_token)
        changes["expires_at"] = row.expires_at = _expiry(answer.get("expires_in"))
    except GatewayError:
        if _seconds_left(row) <= 0:
            raise
    finally:
        stored = background.run(lambda: SignIn.objects.filter(pk=row.pk).update(**changes))
    if not stored:  # the session has ended meanwhile
        raise _missing()
    return row


def _expiry(seconds: Any) -> datetime | None:
    """When a token expires; None where the provider does not say it, or not as a number."""
    try:
        number = float(seconds)
    except (TypeError, ValueError):
        return None
    return timezone.now() + timedelta(seconds=number) if 0 < number < LONGEST_LIFE else None


def _app_of(row: SignIn) -> Any:
    try:
        return get_adapter().get_app(None, provider=row.account.provider)
    except SocialApp.DoesNotExist as error:
        raise NoSignOn(_("The single sign-on that this person used is no longer configured.")) from error


def _not_renewed(words: str = "") -> ProviderError:
    return ProviderError(
        _("The single sign-on provider did not renew the sign-in."), provider=words, status=502, retryable=True
    )


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
        raise _not_renewed(secrets.clean_text(provider_words(answer.content)))
    return value
