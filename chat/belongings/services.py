"""The verbs: begin an export, begin an import, let it in, delete everything."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from chat import transfers
from chat.belongings import table
from chat.export import archive
from chat.files import stores
from chat.models import Transfer
from providers.errors import BadRequest, Conflict, Forbidden, RateLimited, TooLarge
from providers.sentences import sentence as _

Kind, State = Transfer.TransferKind, Transfer.TransferState
IMPORT_DAYS = 7  # how long an upload waits for a decision, and how long it is known what came of one
TRIES, TRY_SECONDS = 5, 300  # of a password before a deletion


def begin_export(user: Any) -> Transfer:
    """Everything that the person has, as a ZIP archive. Raises Conflict while one is made."""
    name = f"{timezone.localdate():%Y-%m-%d} export.zip"
    return transfers.add(user, Kind.EXPORT, name=name, expires_at=_in(settings.EXPORT_DAYS))


def begin_import(user: Any, upload: Any) -> Transfer:
    """Have an export of another site looked through. Earlier uploads that wait for a decision go.

    Raises BadRequest (empty), TooLarge, Conflict while another import is under way.
    """
    if not upload.size:
        raise BadRequest(_("This file is empty."), param="file")
    if upload.size > settings.IMPORT_MAX_BYTES:
        limit = settings.IMPORT_MAX_BYTES // 1_000_000
        raise TooLarge(_("This file is too large for an import: at most %d MB.") % limit, param="file")
    if transfers.own(user, Kind.IMPORT).filter(state__in=Transfer.OPEN).exists():
        raise Conflict(_("Another one is under way. Wait for its end, or cancel it."), code="transfer_open")
    key = uuid.uuid4()
    stored = stores.write(f"transfers/{key}", upload)
    name = archive.unique_name(PurePath(upload.name or "").name, set())[:160]
    values = {"name": name, "size": upload.size, "storage_name": stored, "expires_at": _in(IMPORT_DAYS)}
    try:
        row = transfers.add(user, Kind.IMPORT, id=key, **values)
    except BaseException:
        stores.delete(stored)
        raise
    for earlier in transfers.own(user, Kind.IMPORT).exclude(pk=key).exclude(state=State.DONE):
        earlier.delete()
    return row


def bring_in(row: Transfer) -> None:
    """Let an import that was looked through come in. Raises Conflict when it has, or is not ready yet."""
    if not row.storage_name or row.state not in (State.READY, State.FAILED, State.CANCELLED):
        raise Conflict(_("This import is over, or not looked through yet."), code="not_ready")
    transfers.queue(row, go=True)


def begin_erasure(user: Any, sections: Sequence[str] | None, *, password: str = "", address: str = "") -> Transfer:
    """Delete these things of the person's for good; None is all of them.

    Asks for the password; where the person has none, for their e-mail address. Raises Forbidden (`not_confirmed`),
    RateLimited, BadRequest, Conflict.
    """
    sections = table.names() if sections is None else sections
    if not sections:
        raise BadRequest(_("Nothing was chosen, so nothing was deleted."), param="sections")
    unknown = set(sections) - set(table.names())
    if unknown:
        raise BadRequest(_("There is nothing called “%s”.") % sorted(unknown)[0][:50], param="sections")
    _check_confirmed(user, password, address)
    return transfers.add(user, Kind.ERASURE, options={"sections": list(sections)}, expires_at=_in(IMPORT_DAYS))


def counts_of(user_id: int) -> list[tuple[Any, int]]:
    """Each thing with how many the person has. A query each."""
    return [(belonging, belonging.count(user_id)) for belonging in table.all_of()]


def _check_confirmed(user: Any, password: str, address: str) -> None:
    key = f"erasure:{user.pk}"
    cache.add(key, 0, TRY_SECONDS)
    try:
        tries = cache.incr(key)  # before the password is looked at: of many at the same time each counts
    except ValueError:  # it ended just now
        tries = 1
    if tries > TRIES:
        raise RateLimited(_("Too many attempts. Wait some minutes, then try again."), retry_after=TRY_SECONDS)
    if user.has_usable_password():
        is_confirmed, message = user.check_password(password), _("This is not your password.")
    else:
        is_confirmed = address.strip().lower() == user.email.lower()
        message = _("This is not the e-mail address of your account.")
    if is_confirmed:
        cache.delete(key)
        return
    raise Forbidden(message, code="not_confirmed", param="password" if user.has_usable_password() else "address")


def _in(days: int) -> Any:
    return timezone.now() + timedelta(days=days)
