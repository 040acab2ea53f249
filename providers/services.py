"""What can be done with connections, models and keys; the admin, the API and the commands all call these."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from providers import callers, versioning
from providers.catalogue import discovery, health, loading
from providers.catalogue.discovery import Outcome
from providers.errors import BadRequest, GatewayError
from providers.facts import Caller
from providers.fields import UNREADABLE, EncryptedTextField
from providers.models import ClientKey, Connection, key_digest

PREFIX_LENGTH = 8  # characters of a key that stay readable: `sk-` and five more


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test of a connection or a picture engine found, in words for an administrator."""

    ok: bool
    words: str
    models: int | None = None  # how many it lists; None where it lists nothing that could be counted
    ms: int = 0


# --- connections -----------------------------------------------------------------------------------------------------


def test_connection(row: Connection, *, by: Caller | None = None) -> Tested:  # noqa: PT028  no test
    """Call the provider as a listing would, write the row's health, keep no models. Never raises GatewayError.

    `by`: in whose name, for connections that send on who is signed in.
    """
    started = time.monotonic()
    try:
        models = discovery.probe(loading.facts_of(row), by=by)
    except GatewayError as error:
        if row.pk:
            health.record_failure(row.pk, error)
        return Tested(False, health.in_words(error))
    ms = round((time.monotonic() - started) * 1000)
    if row.pk:
        health.record_answer(row.pk, ms)
    if models is None:
        return Tested(
            True, _("Answers in %(ms)s ms. It has no list of models, so the key was not tried.") % {"ms": ms}, ms=ms
        )
    words = ngettext(
        "Answers in %(ms)s ms and lists %(n)s model.", "Answers in %(ms)s ms and lists %(n)s models.", models
    )
    return Tested(True, words % {"ms": ms, "n": models}, models=models, ms=ms)


def refresh_models(row: Connection, *, by: Caller | None = None) -> Outcome:
    """Ask the provider for its models now and write them. Raises GatewayError; the row's health says the same."""
    return discovery.refresh_one(row, by=by)


def update_connections(rows: QuerySet[Connection], **values: Any) -> int:
    """Write these columns of all these connections, and keep their models in step. Returns the number of rows.

    A plain `update` of a prefix or of static ids would leave the models under their old ids.
    """
    with versioning.exclusive():
        ids = list(rows.values_list("pk", flat=True))
        count = Connection.objects.filter(pk__in=ids).update(**values)
        if discovery.SETTLED_COLUMNS & values.keys():
            for row in Connection.objects.filter(pk__in=ids):
                discovery.settle(row)
    return count


def remove_demo() -> int:
    """Take the demo connection and its models away; returns how many there were. The next start leaves it away."""
    count = 0
    with versioning.exclusive():
        for row in Connection.objects.filter(demo=True):
            row.delete()
            count += 1
    return count


# --- keys ------------------------------------------------------------------------------------------------------------


def issue_key(
    user: Any, *, name: str = "", expires_at: datetime | None = None, scopes: Iterable[str] = ()
) -> tuple[ClientKey, str]:
    """Make a key for this person: the row, and the key itself, which is nowhere else and cannot be shown again."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in callers.SCOPES]
    if unknown:
        raise BadRequest(_("There is no scope “%(scope)s”.") % {"scope": unknown[0]}, param="scopes")
    if expires_at is not None and expires_at <= timezone.now():
        raise BadRequest(_("A key cannot end in the past."), param="expires_at")
    key = ClientKey.make_key()
    row = ClientKey.objects.create(
        user=user,
        name=name.strip()[:100],
        prefix=key[:PREFIX_LENGTH],
        digest=key_digest(key),
        expires_at=expires_at,
        scopes=wanted,
    )
    return row, key


def revoke_key(row: ClientKey) -> None:
    """End a key for good; calls with it are refused within a second everywhere."""
    if row.revoked_at is None:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])


# --- secrets ---------------------------------------------------------------------------------------------------------


def rotate_secrets() -> tuple[int, list[str]]:
    """Encrypt every stored secret with the newest key of FIELD_ENCRYPTION_KEYS.

    Returns how many were written, and the names of the rows whose secret no key decrypts; those stay as they are.
    """
    written, unreadable = 0, []
    for model in apps.get_models():
        fields = [field.attname for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]
        if not fields:
            continue
        for row in _rows(model).only("pk", *fields).iterator(chunk_size=500):
            values = {name: value for name in fields if (value := getattr(row, name)) and value != UNREADABLE}
            unreadable += [f"{model._meta.label} {row.pk}" for name in fields if getattr(row, name) == UNREADABLE]
            if values:
                written += _rows(model).filter(pk=row.pk).update(**values)
    return written, unreadable


def _rows(model: type[models.Model]) -> Any:
    """All rows, for a write that is no change of configuration."""
    rows = model._default_manager.all()
    return rows.quietly() if hasattr(rows, "quietly") else rows
