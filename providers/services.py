"""The verbs for connections, models and API keys. The administration, the API and the commands call these."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy
from simple_history.utils import bulk_update_with_history

from providers import callers, versioning
from providers.catalogue import connection_tests, discovery, health, snapshot_loader
from providers.catalogue.discovery import RefreshResult
from providers.errors import OF_CALLER, BadRequest, Conflict, CredentialRefused, GatewayError, NoCredential
from providers.facts import Caller
from providers.fields import EncryptedTextField, is_unreadable
from providers.models import ClientKey, Connection, key_digest
from providers.sentences import counted as ngettext
from providers.sentences import sentence as _

# What a check is, besides a success or a failure: it answers, but something needs a look; it cannot be known here.
DOUBTFUL, UNTESTED = "doubtful", "untested"
UNTESTABLE = {  # by the code of a NoCredential
    "user_needed": gettext_lazy(
        "This cannot be tested here, because it sends the credential of whoever is signed in. Test it on its page in "
        "the administration."
    ),
    "oauth_not_configured": gettext_lazy(
        "This cannot be tested here, because no single sign-on is set up (OPENID_PROVIDER_URL) and nobody has a token."
    ),
    "oauth_token_missing": gettext_lazy(
        "This cannot be tested here, because you signed in with a password and have no token of single sign-on. Ask "
        "somebody who has one to test it."
    ),
    "oauth_token_ended": gettext_lazy(
        "This cannot be tested here, because your single sign-on has expired. Sign in with it again, then test."
    ),
}
MAX_OVERLAP = timedelta(days=90)  # for which a secret works after it was replaced
OVERLAPS = {  # what the pages offer of it, by seconds
    "0": gettext_lazy("It ends at once"),
    "3600": gettext_lazy("One hour"),
    "86400": gettext_lazy("One day"),
    "604800": gettext_lazy("One week"),
    "2592000": gettext_lazy("30 days"),
}
PREFIX_LENGTH = 8  # characters of a key that stay readable: `sk-` and five more


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of checking a connection or an image engine. `message` is for administrators."""

    ok: bool  # false: it does not work
    message: str
    models: int | None = None  # how many models it lists; None without a list
    ms: int = 0
    note: str = ""  # DOUBTFUL or UNTESTED, where `ok` is not the whole truth


# --- connections -----------------------------------------------------------------------------------------------------


def check_connection(row: Connection, *, by: Caller | None = None) -> CheckResult:
    """Find out whether calls will work, write the row's health, store no models. Never raises GatewayError.

    `by`: the caller whose credential is sent, for auth types that need one.
    """
    started = time.monotonic()
    try:
        finding = connection_tests.examine(snapshot_loader.facts_of(row), by=by)
    except OF_CALLER as error:
        return untested(error)
    except GatewayError as error:
        if row.pk:
            health.record_failure(row.pk, error)
        return CheckResult(False, health.in_words(error))
    ms = round((time.monotonic() - started) * 1000)
    if row.pk:
        health.record_answer(row.pk, ms)
    message = _("Answers in %(ms)s ms.") % {"ms": ms}
    if finding.models:
        message = ngettext(
            "Answers in %(ms)s ms and lists %(n)s model.",
            "Answers in %(ms)s ms and lists %(n)s models.",
            finding.models,
        ) % {"ms": ms, "n": finding.models}
    if finding.doubt:
        return CheckResult(True, f"{message} {finding.doubt}", models=finding.models, ms=ms, note=DOUBTFUL)
    return CheckResult(True, message, models=finding.models, ms=ms)


def refresh_models(row: Connection, *, by: Caller | None = None) -> RefreshResult:
    """Ask the provider for its models now and store them. Raises GatewayError, which the row's health shows too."""
    return discovery.refresh_one(row, by=by)


def update_connections(rows: QuerySet[Connection], **values: Any) -> int:
    """Write columns of several connections and update their models; each gets a version. Returns how many there are.

    A plain `update` of a prefix or of model ids would leave the models under their old ids.
    """
    if values.keys() & {*Connection.audited, *Connection.secret_columns()}:
        raise ValueError("Addresses and secrets are written by the rows' own save, which keeps their rule.")
    with versioning.exclusive():
        chosen = list(rows)
        for row in chosen:
            for name, value in values.items():
                setattr(row, name, value)
        bulk_update_with_history(chosen, Connection, list(values))
        if discovery.SETTLED_COLUMNS & values.keys():
            for row in chosen:
                discovery.settle(row)
    return len(chosen)


def remove_demo() -> int:
    """Delete the demo connections and their models; returns how many there were. No later start makes them again."""
    count = 0
    with versioning.exclusive():
        for row in Connection.objects.filter(demo=True):
            row.delete()
            count += 1
    return count


def untested(error: NoCredential | CredentialRefused) -> CheckResult:
    """The result of a check whose credential of a person is missing or refused: no success, and no failure."""
    return CheckResult(True, str(UNTESTABLE.get(error.code) or health.in_words(error)), note=UNTESTED)


# --- keys ------------------------------------------------------------------------------------------------------------


def issue_key(
    user: Any = None,
    *,
    group: Any = None,
    name: str = "",
    expires_at: datetime | None = None,
    scopes: Iterable[str] = (),
    models: str = "",
    addresses: str = "",
) -> tuple[ClientKey, str]:
    """Make an API key for a person, or for a group. Returns its row and the key, which is stored nowhere and cannot be
    shown again.

    Raises BadRequest for an unknown scope and an expiry in the past, ValidationError for models and addresses that
    cannot be read (`ClientKey.clean`).
    """
    chosen = sorted(set(scopes))
    unknown = [scope for scope in chosen if scope not in callers.SCOPES]
    if unknown:
        raise BadRequest(_("There is no scope “%(scope)s”.") % {"scope": unknown[0]}, param="scopes")
    if expires_at is not None and expires_at <= timezone.now():
        raise BadRequest(_("The expiry date must be in the future."), param="expires_at")
    key = ClientKey.make_key()
    user_model: Any = get_user_model()
    with versioning.exclusive():
        row = ClientKey.objects.create(
            user=user if group is None else user_model.objects.service_account(group),
            group=group,
            name=name.strip()[:100],
            prefix=key[:PREFIX_LENGTH],
            digest=key_digest(key),
            expires_at=expires_at,
            scopes=chosen,
            models=models,
            addresses=addresses,
        )
    return row, key


def rotate_key(row: ClientKey, *, keep: timedelta = timedelta()) -> str:
    """Give a key a new secret and return it; the one so far works for `keep` longer, at most `MAX_OVERLAP`.

    A secret that an earlier rotation left ends at once. Limits, budgets and usage stay with the key. Raises Conflict
    for a key that was revoked or has expired.
    """
    secret = ClientKey.make_key()
    with versioning.exclusive():
        now = timezone.now()
        stored = ClientKey.objects.select_for_update().get(pk=row.pk)
        if stored.revoked_at is not None or (stored.expires_at is not None and stored.expires_at <= now):
            raise Conflict(_("This key no longer works. Make another one."), code="key_ended")
        if keep > timedelta():
            stored.former_prefix, stored.former_digest = stored.prefix, stored.digest
            stored.former_until = now + min(keep, MAX_OVERLAP)
            stored.former_last_used, stored.former_last_address = stored.last_used, stored.last_address
        else:
            _forget_former(stored)
        stored.prefix, stored.digest = secret[:PREFIX_LENGTH], key_digest(secret)
        stored.last_used, stored.last_address = None, ""
        stored.save()
    row.refresh_from_db()
    return secret


def end_former_secret(row: ClientKey) -> None:
    """End the secret that a rotation left, before its time."""
    _forget_former(row)
    row.save(
        update_fields=["former_prefix", "former_digest", "former_until", "former_last_used", "former_last_address"]
    )


def _forget_former(row: ClientKey) -> None:
    row.former_prefix = row.former_last_address = ""
    row.former_digest = row.former_until = row.former_last_used = None


def revoke_key(row: ClientKey) -> None:
    """Revoke a key with all its secrets for good; every process refuses it within a second."""
    if row.revoked_at is None:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])


# --- secrets ---------------------------------------------------------------------------------------------------------


def rotate_secrets() -> tuple[int, list[str]]:
    """Encrypt every stored secret with the newest key of FIELD_ENCRYPTION_KEYS.

    Returns how many were written, and the rows whose secret no key decrypts. Those stay as they are.
    """
    written, unreadable = 0, []
    for model in apps.get_models():
        fields = [field.attname for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]
        if not fields:
            continue
        for pk in list(_rows(model).values_list("pk", flat=True)):
            with transaction.atomic():  # a row at a time, locked: a call may renew its token meanwhile
                row = _rows(model).select_for_update().only("pk", *fields).filter(pk=pk).first()
                if row is None:
                    continue
                values = {name: value for name in fields if (value := getattr(row, name)) and not is_unreadable(value)}
                unreadable += [f"{model._meta.label} {pk}" for name in fields if is_unreadable(getattr(row, name))]
                if values:
                    written += _rows(model).filter(pk=pk).update(**values)
    return written, unreadable


def _rows(model: type[models.Model]) -> Any:
    """All rows of a model, for a write that makes no new version of the configuration."""
    rows = model._default_manager.all()
    return rows.quietly() if hasattr(rows, "quietly") else rows
