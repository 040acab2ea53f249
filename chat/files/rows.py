"""The rows of files: accept, store each content once, attach to messages, delete, clean up.

A `File` row gives one person access to stored bytes. Equal bytes of one owner are stored once, and whoever continues a
shared chat gets rows for the bytes that are stored already: such rows have the same `storage_name`. The bytes are
deleted with the last of them, after the commit.
"""

import hashlib
import logging
import re
import secrets
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.base import File as DjangoFile
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils import timezone

from chat import access
from chat.access import Person
from chat.decoding import formats
from chat.files import derived, kinds, pictures, stores
from chat.models import Chat, DocumentIndex, File, Message, Transfer
from providers import json_bodies
from providers.errors import BadRequest, NotFound, TooLarge
from providers.process import file_store, storage_providers, waiting
from providers.sentences import sentence as _

UPLOAD_DAYS = 7  # how long an upload waits for the message it was meant for
UNDO = timedelta(hours=1)  # how long a deletion can be undone
BATCH = 500  # rows per batch: the database connection is given back while their bytes are deleted
STRAY_AGE = timedelta(hours=1)  # a running transaction may still write the row of stored bytes that are younger
# The names that `_save` gives, and those of `chat.transfers`; others are somebody else's.
OURS = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}-[0-9a-f]{8}|transfers/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOST_STRAY = 100  # stored bytes without a row that are removed even where they are more than the files

logger = logging.getLogger(__name__)
collecting = Signal()  # `now`: other apps remove their own rows that have expired


@dataclass(frozen=True, slots=True)
class FileContext:
    """The context of a new file: its chat, message and session, its expiry, and how it was made."""

    chat: Chat | None = None
    message: Message | None = None
    session_id: str = ""
    provenance: Mapping[str, Any] | None = None  # engine, model, prompt, revised prompt, seed, size: facts, never bytes
    expires_at: datetime | None = None


NO_CONTEXT = FileContext()


def accept(owner: Person, content: bytes | DjangoFile, *, name: str = "", context: FileContext = NO_CONTEXT) -> File:
    """Store a file of this person's and return its row. Raises BadRequest (empty), TooLarge (file or quota)."""
    file: DjangoFile = ContentFile(content) if isinstance(content, bytes) else content
    size = file.size
    if not size:
        raise BadRequest(_("This file is empty."), param="file")
    if size > settings.FILE_MAX_BYTES:
        limit = settings.FILE_MAX_BYTES // 1_000_000
        raise TooLarge(_("This file is too large: at most %d MB.") % limit, param="file")
    digest = hashlib.sha256()
    for piece in file.chunks(storage_providers.PIECE):
        digest.update(piece)
    file.seek(0)
    head = file.read(kinds.HEAD)
    file.seek(0)
    content_type = kinds.sniff(head, name)
    width, height = _measured(file, content_type)
    row = File(
        owner_id=owner.pk,
        name=kinds.display_name(name, content_type),
        content_type=content_type,
        size=size,
        sha256=digest.hexdigest(),
        width=width,
        height=height,
        chat=context.chat,
        message=context.message,
        session_id=context.session_id,
        provenance=dict(context.provenance or {}),
        expires_at=context.expires_at,
    )
    return _save(row, file)


def _measured(file: DjangoFile, content_type: str) -> tuple[int | None, int | None]:
    if not formats.is_raster(content_type):
        return None, None

    def whole() -> bytes:
        file.seek(0)
        content: bytes = file.read()
        return content

    try:
        facts = pictures.measure(whole, file.read(pictures.HEAD))
    finally:
        file.seek(0)
    return facts.width, facts.height


def _save(row: File, file: DjangoFile) -> File:
    with transaction.atomic():
        # Locked, so that the last row with these bytes is not deleted, and the bytes with it, before ours is saved.
        twin = File.objects.select_for_update().filter(owner_id=row.owner_id, sha256=row.sha256).first()
        if twin is not None:
            row.storage_name = twin.storage_name
            row.save()
            return row
    _make_room(row)
    name = f"{row.sha256[:2]}/{row.sha256}-{secrets.token_hex(4)}{kinds.extension(row.content_type)}"
    row.storage_name = stores.write(name, file)
    try:
        row.save()
    except BaseException:
        stores.delete(row.storage_name)
        raise
    return row


def copy_for(owner: Person, row: File, *, context: FileContext = NO_CONTEXT) -> File:
    """A row of this person's own for bytes that are stored already. The provenance is not copied.

    Raises TooLarge (the person's quota), NotFound when the row was deleted meanwhile.
    """
    with transaction.atomic():
        copy = File.objects.select_for_update().filter(pk=row.pk).first()  # locked as in `_save`
        if copy is None:
            raise NotFound(_("This file was not found. It may have been deleted."), code="file_not_found")
        copy.pk, copy._state.adding = uuid.uuid4(), True
        copy.owner_id, copy.created = owner.pk, timezone.now()
        copy.assistant = None
        copy.chat, copy.message, copy.session_id = context.chat, context.message, context.session_id
        copy.folder = None
        copy.provenance, copy.expires_at = dict(context.provenance or {}), context.expires_at
        if not File.objects.filter(owner_id=owner.pk, storage_name=copy.storage_name).exists():
            _make_room(copy)
        copy.save()
    return copy


def check_room(owner_id: int, size: int = 1) -> None:
    """Raises TooLarge where this person's quota leaves no room for so many bytes more."""
    if settings.FILE_QUOTA_BYTES and used_bytes(owner_id) > settings.FILE_QUOTA_BYTES - size:
        limit = settings.FILE_QUOTA_BYTES // 1_000_000
        message = _("Your files have reached the limit of %d MB. Delete some, then try again.") % limit
        raise TooLarge(message, code="quota_exceeded", param="file")


def _make_room(row: File) -> None:
    """Make room in the person's quota: remove deleted files if needed. Raises TooLarge if that is not enough."""
    check_room(row.owner_id, row.size)
    everything = File.everything.filter(owner_id=row.owner_id)
    if settings.FILE_QUOTA_BYTES and _bytes_of(everything) > settings.FILE_QUOTA_BYTES - row.size:
        everything.filter(deleted_at__isnull=False).delete()


def used_bytes(owner_id: int) -> int:
    """The number of bytes of this person's files; equal files count once."""
    return _bytes_of(File.objects.filter(owner_id=owner_id))


def _bytes_of(rows: QuerySet[File]) -> int:
    return sum(size for _name, size in rows.order_by().values_list("storage_name", "size").distinct())


def upload_context() -> FileContext:
    """The context of an upload that waits for its message: it expires when no message is sent with it."""
    return FileContext(expires_at=timezone.now() + timedelta(days=UPLOAD_DAYS))


def temporary_end() -> datetime:
    """When files expire that are made or uploaded in a temporary chat now."""
    return timezone.now() + timedelta(hours=settings.TEMPORARY_FILE_HOURS)


def temporary_context(session_id: str = "") -> FileContext:
    """The context of an upload in a temporary chat: no stored message will refer to it."""
    return FileContext(session_id=json_bodies.storable(session_id)[:100], expires_at=temporary_end())


def present(owner_ids: Collection[int], file_ids: Collection[object]) -> dict[str, dict[str, Any]]:
    """The JSON of those of these files that are there and belong to one of these people, by id. One query, if any."""
    wanted = {access.as_uuid(pk) for pk in file_ids}
    rows = File.objects.filter(pk__in=wanted, owner_id__in=owner_ids) if wanted else ()
    return {str(row.pk): file_json(row) for row in rows}


def to_attach(owner: Person, row: File) -> File:
    """The row to attach to a message: this one while it belongs to nothing, else a copy.

    A file of another message, of a folder, of another person or of the person's own pictures stays where it is.
    """
    belongs = row.message_id is not None or row.folder_id is not None or row.assistant_id is not None
    is_taken = row.owner_id != owner.pk or belongs or row.provenance
    return copy_for(owner, row) if is_taken else row


def attach(rows: list[File], message: Message) -> None:
    """Attach uploads to the message they were sent with; from now on they are deleted with it and not before."""
    File.objects.filter(pk__in=[row.pk for row in rows]).update(message=message, chat=message.chat, expires_at=None)


def remove(owner_id: int, ids: Iterable[Any]) -> None:
    """Delete files of this owner; `restore` undoes it within `UNDO`. Earlier deletions become final."""
    File.objects.filter(owner_id=owner_id, pk__in=ids).update(deleted_at=timezone.now())
    purge_deleted(File.everything.filter(owner_id=owner_id))


def restore(owner_id: int, ids: Iterable[Any]) -> None:
    """Undo deletions of this owner's."""
    File.everything.filter(owner_id=owner_id, pk__in=ids).update(deleted_at=None)


def purge_deleted(rows: QuerySet[File], *, now: datetime | None = None) -> int:
    """Remove for good what was deleted longer ago than `UNDO`; returns how many files that were."""
    late = rows.filter(deleted_at__lt=(now or timezone.now()) - UNDO)
    return late.delete()[1].get(File._meta.label, 0)


def delete_unused_bytes(storage_name: str) -> None:
    """After the commit that deleted a row: delete the bytes, and what was made of them, unless a row is left."""
    if not File.everything.filter(storage_name=storage_name).exists():
        DocumentIndex.objects.filter(storage_name=storage_name).delete()
        stores.delete(storage_name)
        for name in derived.names(storage_name):
            stores.delete(name)


def file_json(row: File) -> dict[str, Any]:
    """The JSON of a file in messages, events and responses."""
    return {
        "id": str(row.pk),
        "type": "image" if row.content_type.startswith("image/") else "file",
        "url": row.url,
        "name": row.name,
        "content_type": row.content_type,
        "size": row.size,
        "width": row.width,
        "height": row.height,
        "provenance": row.provenance,
        "created": row.created.isoformat(),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }


def owned_json(row: File) -> dict[str, Any]:
    """`file_json` for the file's owner: with the chat and message of the file."""
    return {
        **file_json(row),
        "chat_id": str(row.chat_id) if row.chat_id else None,
        "message_id": str(row.message_id) if row.message_id else None,
        "session_id": row.session_id or None,
    }


# --- collecting -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Cleanup:
    """The result of a clean-up; `missing` are the ids of files whose bytes are gone."""

    expired: int = 0
    stray: int = 0
    missing: tuple[str, ...] = ()


def collect(*, now: datetime | None = None, dry_run: bool = False) -> Cleanup:
    """Remove expired and deleted files, and stored bytes without a row; report rows whose bytes are gone."""
    now = now or timezone.now()
    result = Cleanup()
    expired = File.everything.filter(expires_at__lt=now)
    result.expired = expired.count()
    if not dry_run:
        while rows := list(expired[:BATCH]):
            for row in rows:
                row.delete()
        purge_deleted(File.everything.all(), now=now)
        # What a question made of a file that was deleted meanwhile.
        DocumentIndex.objects.exclude(storage_name__in=File.everything.values("storage_name")).delete()
        collecting.send(sender=File, now=now)
    ids = dict(File.everything.values_list("storage_name", "id"))
    transferred = set(Transfer.objects.exclude(storage_name="").values_list("storage_name", flat=True))
    stored: set[str] = set()
    stray: list[str] = []
    waiting.give_back()  # the list of a large store takes its time
    with file_store.guarded():
        for name, changed in stores.stored():
            stored.add(name)
            original = derived.original(name)
            is_held = name in ids or original in ids or name in transferred
            if not is_held and OURS.match(name) and now - changed > STRAY_AGE:
                stray.append(name)
    if len(stray) > MOST_STRAY and len(stray) > len(ids):
        # More orphans than files: probably another site's store, or a new database.
        logger.warning("The file store holds %s files that no row knows. They were left where they are", len(stray))
        stray = []
    result.stray = len(stray)
    if not dry_run:
        for name in stray:
            stores.delete(name)
    result.missing = tuple(str(ids[name]) for name in ids if name not in stored)
    return result
