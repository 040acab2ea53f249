"""The caller behind an API key or a signed-in user. Known keys are kept in memory until a row changes."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.core import signing
from django.db import DatabaseError, InterfaceError
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy

from providers import runtime, sign_ins
from providers.catalogue.versioned import Versioned
from providers.errors import Forbidden, Unauthenticated
from providers.facts import Caller
from providers.matching import networks, patterns
from providers.models import KEY_PREFIX, ClientKey, key_digest
from providers.process import background, outages
from providers.sentences import sentence as _

__all__ = ["SCOPES", "Caller", "caller_for_key", "caller_for_key_blocking", "caller_for_user", "session_token"]

# The scopes of an API key; a key with an empty list has all of them.
SCOPES = {
    "inference": gettext_lazy("Every call of a model but for pictures, and the model list"),
    "images": gettext_lazy("Pictures"),
    "chats": gettext_lazy("Conversations and files"),
    "admin": gettext_lazy("Settings (administrators)"),
}
CACHE_SIZE = 10_000  # callers per process
ADDRESSES = 50  # of clients per key that a process remembers
LAST_USED_SECONDS = 60.0  # a key's last use is written at most this often
USES_AT_ONCE = 500  # keys of one statement
TOKEN_PREFIX = "st-"  # noqa: S105  a mark, not a secret
TOKEN_SECONDS = 600  # how long the token that stands for a caller is accepted
TOKEN_PATHS = "/v1/"  # noqa: S105  where it is accepted: paths that begin so
TOKEN_SCOPE = "inference"  # noqa: S105  and what it may be used for
TOKEN_SALT = "providers.session-token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class _KnownCaller:
    caller: Caller
    expires_at: float | None  # seconds since the epoch
    is_token: bool = False
    allowed: tuple[networks.Network, ...] | None = None  # as `ClientKey.allowed_networks`
    at: dict[str, Caller] = field(default_factory=dict)  # the caller by the client's address, where that is allowed


class CallerMemory(Versioned[str, _KnownCaller]):
    """Callers by the digest of their API key."""

    size = CACHE_SIZE


async def caller_for_key(key: str, path: str = TOKEN_PATHS, address: str = "") -> Caller:
    """The caller behind a key or a session token, for a request at `path` from a client's address (`client_address`).

    Raises Unauthenticated (unknown, revoked, expired, inactive user), and Forbidden for a token at another path than
    those that it is for, or for an address that the key does not allow (`address_not_allowed`).
    """
    digest = _digest(key)
    _check_path(key, path)
    return _use(await runtime.state(CallerMemory).value(digest, lambda: _load(key, digest)), address)


def caller_for_key_blocking(key: str, path: str = TOKEN_PATHS, address: str = "") -> Caller:
    """`caller_for_key` for synchronous code. In a transaction it reads the transaction's rows and caches nothing."""
    digest = _digest(key)
    _check_path(key, path)
    return _use(runtime.state(CallerMemory).value_blocking(digest, lambda: _load(key, digest)), address)


def caller_for_user(user: Any, *, sign_in: int | None = None) -> Caller:
    """The caller for a signed-in user, and their session's sign-in through a provider; one query for the groups."""
    proof = proof_of(user)
    return _caller(user, token=partial(_token, user.pk, proof, sign_in=sign_in), proof=proof, sign_in=sign_in)


def caller_of_key(row: ClientKey) -> Caller:
    """The caller behind the row of a key, without its secret: to say what a call with it may do."""
    models = patterns.compiled(row.models)
    return _caller(row.user, key_id=row.pk, scopes=frozenset(row.scopes), models=models, token=None)


def caller_of_work(user: Any, *, key_id: int | None = None, sign_in: int | None = None) -> Caller:
    """The caller of work that a person, or a program with this key of theirs, asked for earlier. For threads.

    Raises Unauthenticated where the account is switched off, or the key has gone.
    """
    check_active(user)
    if key_id is None:
        return caller_for_user(user, sign_in=sign_in)
    row = ClientKey.objects.select_related("user").filter(pk=key_id, user=user, revoked_at=None).first()
    if row is None:
        raise Unauthenticated(_("This API key was revoked."))
    check_not_ended(row.expires_at.timestamp() if row.expires_at else None)
    may_infer = not row.scopes or TOKEN_SCOPE in row.scopes
    token = partial(_token, row.user_id, proof_of(row.user), row.pk) if may_infer else None
    return replace(caller_of_key(row), token=token)


def check_valid(row: ClientKey) -> None:
    """Raise Unauthenticated for a key that was revoked, or whose account is switched off. Its end is another matter."""
    if row.revoked_at is not None:
        raise Unauthenticated(_("This API key was revoked."))
    check_active(row.user)


def check_active(user: Any) -> None:
    """Raise Unauthenticated for an account that is switched off."""
    if not user.is_active:
        raise Unauthenticated(_("This account is not active."))


def check_not_ended(end: float | None) -> None:
    """Raise Unauthenticated for a key that ends, or ended, at this time, in seconds since the epoch."""
    if end is not None and end <= time.time():
        raise Unauthenticated(_("This API key has expired."))


def session_of(user: Any) -> Caller:
    """The caller for a signed-in user without groups and without a query: for work that only ends with the session."""
    return Caller(user_id=user.pk, email=user.email, name="", role=user.role, proof=proof_of(user))


def proof_of(user: Any) -> str:
    """A digest of the password that sessions and tokens contain, so that a new password ends them."""
    return str(user.get_session_auth_hash()[:16])


def session_token(user: Any) -> str:
    """A signed token for this user, valid for `TOKEN_SECONDS` or until the password changes."""
    return _token(user.pk, proof_of(user))


def _token(
    user_id: int, proof: str, key_id: int | None = None, secret_digest: str = "", *, sign_in: int | None = None
) -> str:
    """A signed token for this user. With `key_id` it also ends when that API key, or the secret of it, ends."""
    until = int(time.time()) + TOKEN_SECONDS
    value = {"user": user_id, "proof": proof, "until": until, "key": key_id, "sign_in": sign_in}
    if secret_digest:
        value["secret"] = secret_digest
    return TOKEN_PREFIX + signing.dumps(value, salt=TOKEN_SALT)


def _check_path(key: str, path: str) -> None:
    if key.startswith(TOKEN_PREFIX) and not path.startswith(TOKEN_PATHS):
        raise Forbidden(_("This token is for calling models at /v1 and nothing else."), code="insufficient_scope")


def _digest(key: str) -> str:
    """The digest by which a caller is cached. Raises Unauthenticated for text that cannot be a key."""
    if not key:
        raise Unauthenticated(_("No API key was sent."))
    if not key.startswith((KEY_PREFIX, TOKEN_PREFIX)):
        raise _unknown()
    return key_digest(key)


def _unknown() -> Unauthenticated:
    return Unauthenticated(_("Incorrect API key provided."))


def _load(key: str, digest: str) -> _KnownCaller:
    """Read a caller with two queries. Raises Unauthenticated, and Unavailable without a database."""
    try:
        return _load_token(key) if key.startswith(TOKEN_PREFIX) else _load_key(key, digest)
    except (DatabaseError, InterfaceError) as error:
        raise outages.of_database(error) from error


def _load_key(key: str, digest: str) -> _KnownCaller:
    secret = Q(digest=digest) | Q(former_digest=digest)
    row = ClientKey.objects.select_related("user").filter(secret).first()
    if row is None:
        raise _unknown()
    check_valid(row)
    may_infer = not row.scopes or TOKEN_SCOPE in row.scopes  # a token may never do more than the key
    token = partial(_token, row.user_id, proof_of(row.user), row.pk, digest) if may_infer else None
    caller = replace(caller_of_key(row), secret_digest=digest, token=token)
    end = row.end_of(digest)
    return _KnownCaller(caller, end.timestamp() if end else None, allowed=row.allowed_networks)


def _load_token(key: str) -> _KnownCaller:
    try:
        value = signing.loads(key.removeprefix(TOKEN_PREFIX), salt=TOKEN_SALT, max_age=TOKEN_SECONDS)
    except signing.BadSignature as error:
        raise _unknown() from error
    user = get_user_model()._default_manager.filter(pk=value["user"], is_active=True).first()
    if user is None or not constant_time_compare(proof_of(user), value["proof"]):
        raise _unknown()
    key_id, until = value.get("key"), float(value["until"])
    digest, models = value.get("secret", ""), None
    if key_id is not None:
        row = ClientKey.objects.filter(pk=key_id, user=user, revoked_at=None).first()
        if row is None:
            raise _unknown()
        end = row.end_of(digest) if digest else row.expires_at
        until = min(until, end.timestamp()) if end else until
        models = patterns.compiled(row.models)
    # The token is sent to providers with `session` authentication: it allows calling models and nothing else. It is
    # never renewed by a call that it makes, so it ends at its time whoever holds it.
    caller = _caller(
        user,
        key_id=key_id,
        scopes=frozenset({TOKEN_SCOPE}),
        models=models,
        secret_digest=digest,
        token=lambda: key,
        proof=value["proof"],
        sign_in=value.get("sign_in"),
    )
    return _KnownCaller(caller, until, is_token=True)


def _caller(
    user: Any,
    *,
    key_id: int | None = None,
    scopes: frozenset[str] = frozenset(),
    models: re.Pattern[str] | None = None,
    secret_digest: str = "",
    token: Callable[[], str] | None,
    proof: str = "",
    sign_in: int | None = None,
) -> Caller:
    groups = list(user.groups.order_by("name").values_list("pk", "name"))
    return Caller(
        user_id=user.pk,
        email=user.email,
        name=user.get_full_name(),
        role=user.role,
        group_ids=frozenset(pk for pk, _name in groups),
        group_names=tuple(name for _pk, name in groups),
        key_id=key_id,
        scopes=scopes,
        models=models,
        secret_digest=secret_digest,
        token=token,
        proof=proof,
        sign_in=sign_in,
        oauth_token=partial(sign_ins.token_for, user.pk, sign_in),
    )


def _use(known: _KnownCaller, address: str) -> Caller:
    check_not_ended(known.expires_at)
    if known.is_token:  # a provider uses it, from wherever that is
        return known.caller
    caller = known.at.get(address)
    if caller is None:
        check_address(known.allowed, address)
        if len(known.at) >= ADDRESSES:
            known.at.clear()
        caller = known.at[address] = replace(known.caller, address=address)
    runtime.state(KeyUses).note(caller)
    return caller


def check_address(allowed: tuple[networks.Network, ...] | None, address: str) -> None:
    """Raise Forbidden (`address_not_allowed`) unless a key with these networks may be used from a client's address."""
    if allowed is not None and not networks.are_around(allowed, address):
        shown = str(networks.address_of(address) or _("unknown"))
        raise Forbidden(
            _("This API key may not be used from your address (%(address)s). Whose key it is can allow the address.")
            % {"address": shown},
            code="address_not_allowed",
        )


class KeyUses:
    """Writes the last use of keys in the background: at most once a minute per secret, several in one statement."""

    columns = ("last_used", "last_address", "former_last_used", "former_last_address")

    def __init__(self) -> None:
        self.noted: dict[str, float] = {}  # by the digest of the secret
        self.waiting: dict[str, str] = {}  # the client's address by the digest
        self.lock = threading.Lock()

    def note(self, caller: Caller) -> None:
        now, digest = time.monotonic(), caller.secret_digest
        if now - self.noted.get(digest, float("-inf")) < LAST_USED_SECONDS:
            return
        with self.lock:
            if len(self.noted) >= CACHE_SIZE:
                self.noted.clear()
            self.noted[digest] = now
            first = not self.waiting
            self.waiting[digest] = caller.address
        if first:
            background.write(self._flush, what="when keys were last used")

    def _flush(self) -> None:
        with self.lock:
            uses, self.waiting = self.waiting, {}
        digests, now = list(uses), timezone.now()
        rows = ClientKey.objects.quietly()
        for start in range(0, len(digests), USES_AT_ONCE):
            some = digests[start : start + USES_AT_ONCE]
            used = list(rows.filter(Q(digest__in=some) | Q(former_digest__in=some)))
            for row in used:
                if row.digest in uses:
                    row.last_used, row.last_address = now, _shown(uses[row.digest])
                if row.former_digest in uses:
                    row.former_last_used, row.former_last_address = now, _shown(uses[row.former_digest])
            rows.bulk_update(used, self.columns)


def _shown(address: str) -> str:
    return str(networks.address_of(address) or "")
