"""The verbs of drafts: keep one, take it away, list them. The newest one counts, whichever device it comes from."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chat import access, events, files
from chat.access import Person
from chat.models import Draft, File
from providers.errors import Conflict, NotFound
from providers.process import deletion
from providers.sentences import sentence as _

NEW = "new"  # the key of the new chat
MAX_TEXT = 100_000  # characters
MAX_DRAFTS = 200  # of one person; the oldest ones go
DAYS = 60  # after which an untouched draft goes


class NewerDraft(Conflict):
    code = "newer_draft"


def drafts_of(user: Person) -> QuerySet[Draft]:
    """All of a person's drafts, those of deleted chats left out."""
    return Draft.objects.filter(user_id=user.pk).exclude(chat__deleted_at__isnull=False)


def draft_for(user: Person, key: str) -> Draft:
    """The draft of one's own chat, or of the new one. Raises NotFound."""
    row = drafts_of(user).filter(key=_key(user, key)).first()
    if row is None:
        raise NotFound(_("Nothing was begun here."), code="draft_not_found")
    return row


def keep(user: Person, key: str, *, text: str, file_ids: Sequence[str] = (), age: float = 0.0) -> Draft | None:
    """Keep what stands in the field; an empty one is taken away: None. `age`: seconds since it was written.

    Raises NotFound (the chat), NewerDraft when another device wrote later than that.
    """
    key = _key(user, key)
    written = timezone.now() - timedelta(seconds=age)
    owned = File.objects.filter(owner_id=user.pk, pk__in=[access.as_uuid(pk) for pk in file_ids], message=None)
    present = {str(pk) for pk in owned.values_list("pk", flat=True)}
    listed = [str(access.as_uuid(pk)) for pk in file_ids]
    values = {"text": text, "files": [pk for pk in listed if pk in present], "written": written}
    with transaction.atomic():
        # The person's row is the lock: two devices that write at once come one after the other.
        get_user_model()._default_manager.select_for_update().get(pk=user.pk)
        before = Draft.objects.filter(user_id=user.pk, key=key).first()
        if before is not None and before.written > written:
            raise NewerDraft(_("Another device has a newer draft of this message."))
        if not text.strip() and not values["files"]:
            if before is not None:
                before.delete()
                _tell(user, key, None)
            return None
        chat_id = None if key == NEW else key
        row, _is_new = Draft.objects.update_or_create(user_id=user.pk, key=key, defaults={**values, "chat_id": chat_id})
        oldest = Draft.objects.filter(user_id=user.pk).order_by("-written").values_list("pk", flat=True)[MAX_DRAFTS:]
        Draft.objects.filter(pk__in=list(oldest)).delete()
        _tell(user, key, written)
    return row


def shown(user: Person, key: str) -> dict[str, Any] | None:
    """The draft of a chat whose page this person may see, as JSON; None without one. One query, two with files."""
    row = Draft.objects.filter(user_id=user.pk, key=key).first()
    return shape(row) if row else None


def drop(user: Person, key: str) -> None:
    """Take a draft away: it was sent. Harmless where there is none."""
    key = _key(user, key)
    with transaction.atomic():
        if Draft.objects.filter(user_id=user.pk, key=key).delete()[0]:
            _tell(user, key, None)


def shape(row: Draft) -> dict[str, Any]:
    """A draft as JSON, with those of its files that are still there."""
    return shapes([row])[0]


def shapes(rows: Sequence[Draft]) -> list[dict[str, Any]]:
    """Drafts as JSON. One query for all their files."""
    present = files.present({row.user_id for row in rows}, [pk for row in rows for pk in row.files])
    return [
        {
            "key": row.key,
            "chat_id": str(row.chat_id) if row.chat_id else None,
            "text": row.text,
            "files": [present[pk] for pk in row.files if pk in present],
            "written": row.written.isoformat(),
        }
        for row in rows
    ]


def purge(now: datetime) -> int:
    """Remove drafts that nobody touched for `DAYS`; returns how many there were."""
    return deletion.in_batches(Draft.objects.filter(written__lt=now - timedelta(days=DAYS)))


def _key(user: Person, key: str) -> str:
    """The key of the new chat, or of one of the person's own. Raises NotFound: temporary chats have no drafts."""
    return NEW if key == NEW else str(access.chat_for(user, key).pk)


def _tell(user: Person, key: str, written: datetime | None) -> None:
    data = {"key": key, "written": written.isoformat()} if written else {"key": key, "gone": True}
    transaction.on_commit(partial(events.emit_soon, user.pk, type="chat:draft", data=data))
