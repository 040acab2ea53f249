"""The verbs of transfers, and how a row looks in JSON."""

from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chat import access
from chat.access import Person
from chat.files import stores
from chat.models import Transfer
from chat.transfers import base, worker
from providers import stored_errors
from providers.errors import Conflict, NotFound
from providers.process import deletion
from providers.sentences import sentence as _

State = Transfer.TransferState


def own(user: Person, kind: str, transfer_id: object | None = None) -> Any:
    """The person's transfers of a kind, or one of them. Raises NotFound."""
    rows = Transfer.objects.filter(user_id=user.pk, kind=kind)
    if transfer_id is None:
        return rows
    row = rows.filter(pk=access.as_uuid(transfer_id)).first()
    if row is None:
        raise NotFound(_("This was not found. It may have been deleted."), code="transfer_not_found")
    return row


def add(user: Person, kind: str, **values: Any) -> Transfer:
    """Queue a new work. Raises Conflict (`transfer_open`) while another of the same kind is queued or runs."""
    with transaction.atomic():
        # The person's row is the lock: two requests at once would both find nothing open.
        get_user_model()._default_manager.select_for_update().get(pk=user.pk)
        if own(user, kind).filter(state__in=Transfer.OPEN).exists():
            raise Conflict(_("Another one is under way. Wait for its end, or cancel it."), code="transfer_open")
        row = Transfer.objects.create(user_id=user.pk, kind=kind, **values)
        worker.wake_after_commit()
    return row


def queue(row: Transfer, **options: Any) -> None:
    """Queue a work once more, with these choices. Raises Conflict when it is under way already."""
    with transaction.atomic():
        changed = (
            Transfer.objects.filter(pk=row.pk)
            .exclude(state__in=Transfer.OPEN)
            .update(
                state=State.QUEUED,
                options={**row.options, **options},
                progress={},
                error=None,
                cancel_requested=False,
                attempts=0,
                ended=None,
            )
        )
        if not changed:
            raise Conflict(_("Another one is under way. Wait for its end, or cancel it."), code="transfer_open")
        worker.wake_after_commit()
    row.refresh_from_db()


def cancel(row: Transfer) -> None:
    """End a work; what it has done stays. Harmless when it is over."""
    Transfer.objects.filter(pk=row.pk, state=State.QUEUED).update(state=State.CANCELLED, ended=timezone.now())
    Transfer.objects.filter(pk=row.pk, state=State.RUNNING).update(cancel_requested=True)
    row.refresh_from_db()
    base.tell(row)


def remove(row: Transfer) -> None:
    """Forget a work, with its file. Raises Conflict while it runs."""
    if row.state == State.RUNNING:
        raise Conflict(_("This is under way. Cancel it first."), code="transfer_open")
    row.delete()


def drop_bytes(storage_name: str) -> None:
    """After the commit that deleted a row: delete its file."""
    stores.delete(storage_name)


def purge(now: datetime) -> int:
    """Remove what has expired; returns how many there were."""
    return deletion.in_batches(expired(now))


def expired(now: datetime) -> QuerySet[Transfer]:
    return Transfer.objects.filter(expires_at__lt=now).exclude(state__in=Transfer.OPEN)


def shape(row: Transfer) -> dict[str, Any]:
    """The JSON of a transfer."""
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "state": row.state,
        "name": row.name,
        "size": row.size,
        "progress": row.progress,
        "report": row.report,
        "error": stored_errors.for_owner(row.error, lambda: row.user),
        "created": row.created.isoformat(),
        "ended": row.ended.isoformat() if row.ended else None,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }
