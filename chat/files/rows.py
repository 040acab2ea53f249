"""The rows of files: accept, store each content once, attach to messages, delete, clean up.

A `File` row gives one person access to stored bytes. Equal bytes of one owner are stored once, and whoever continues a
shared chat gets rows for the bytes that are stored already: such rows have the same `storage_name`. The bytes are
deleted with the last of them, after the commit.
"""

import hashlib
import mimetypes
import re
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.base import File as DjangoFile
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.access import Person
from chat.files import documents, pictures, stores
from chat.models import Chat, File, Message
from providers import runtime
from providers.errors import BadRequest, NotFound, TooLarge, Unavailable
from providers.process import waiting

UPLOAD_DAYS = 7  # how long an upload waits for the message it was meant for
UNDO = timedelta(hours=1)  # how long a deletion can be undone
THUMBNAIL_WIDTHS = (128, 256, 512, 1024)
# What is derived from a file once and stored beside it: its text, the picture as models take it, thumbnails.
DERIVED = ("text", "model", *(f"w{width}.webp" for width in THUMBNAIL_WIDTHS))
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_DERIVED = re.compile(r"\.(text|model|w\d+\.webp)$")
BATCH = 500  # rows read at once: the connection is given back while their bytes go
STRAY_AGE = timedelta(hours=1)  # a running transaction may still write the row of stored bytes that are younger
FOREIGN = ("speech/",)  # prefixes under which other apps store bytes, with rows of their own
HEAD = 4096  # bytes that tell the content type

collecting = Signal()  # `now`: other apps remove their own rows that have expired

# Types that a browser may show; every other type is served as a download.
INLINE = {
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/avif",
    "image/bmp",
    "audio/mpeg",
    "audio/wav",
    "audio/ogg",
    "audio/flac",
    "text/plain",
}
TEXT_NAMES = {".csv": "text/csv", ".md": "text/markdown", ".json": "application/json"}
# Extensions that are served as a download although the content is plain text: a browser might run it.
RUNNABLE = {".htm", ".html", ".js", ".mjs", ".svg", ".xht", ".xhtml", ".xml"}
EXTENSIONS = {"text/plain": ".txt", "text/markdown": ".md", "image/jpeg": ".jpg", "application/octet-stream": ".bin"}


@dataclass(frozen=True, slots=True)
class FileContext:
    """What a new file belongs to (chat, message, session), when it expires, and how it was made."""

    chat: Chat | None = None
    message: Message | None = None
    session_id: str = ""
    provenance: Mapping[str, Any] | None = None  # engine, model, prompt, revised prompt, seed, size: facts, never bytes
    expires_at: datetime | None = None


NO_CONTEXT = FileContext()


def sniff(head: bytes, name: str = "") -> str:
    """The content type by the first bytes. A name only chooses among kinds of plain text."""
    if picture := pictures.sniff(head):
        return picture
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if head.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")):
        return "audio/mpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "audio/wav"
    if head.startswith(b"OggS"):
        return "audio/ogg"
    if head.startswith(b"fLaC"):
        return "audio/flac"
    if head.startswith(b"PK\x03\x04"):
        return "application/zip"
    if documents.marked_encoding(head) or (b"\0" not in head and (_is_utf8(head) or not _has_controls(head))):
        return TEXT_NAMES.get(PurePath(name).suffix.lower(), "text/plain")
    return "application/octet-stream"


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
    for piece in file.chunks(stores.PIECE):
        digest.update(piece)
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    content_type = sniff(head, name)
    width, height = _measured(file, content_type)
    row = File(
        owner_id=owner.pk,
        name=_display_name(name, content_type),
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


def _save(row: File, file: DjangoFile) -> File:
    with transaction.atomic():
        # Locked, so that the last row with these bytes is not deleted, and the bytes with it, before ours is saved.
        twin = File.objects.select_for_update().filter(owner_id=row.owner_id, sha256=row.sha256).first()
        if twin is not None:
            row.storage_name = twin.storage_name
            row.save()
            return row
    _make_room(row)
    name = f"{row.sha256[:2]}/{row.sha256}-{secrets.token_hex(4)}{_extension(row.content_type)}"
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
        copy.chat, copy.message, copy.session_id = context.chat, context.message, context.session_id
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
    """Raises TooLarge where there is none. Deleted files, which an undo could restore, are removed when necessary."""
    check_room(row.owner_id, row.size)
    everything = File.everything.filter(owner_id=row.owner_id)
    if settings.FILE_QUOTA_BYTES and _bytes_of(everything) > settings.FILE_QUOTA_BYTES - row.size:
        everything.filter(deleted_at__isnull=False).delete()


def used_bytes(owner_id: int) -> int:
    """How many bytes this person's files take up; equal files count once."""
    return _bytes_of(File.objects.filter(owner_id=owner_id))


def _bytes_of(rows: QuerySet[File]) -> int:
    return sum(size for _name, size in rows.order_by().values_list("storage_name", "size").distinct())


def upload_context() -> FileContext:
    """For an upload that waits for its message: it expires when no message is sent with it."""
    return FileContext(expires_at=timezone.now() + timedelta(days=UPLOAD_DAYS))


def temporary_end() -> datetime:
    """When files expire that are made or uploaded in a temporary chat now."""
    return timezone.now() + timedelta(hours=settings.TEMPORARY_FILE_HOURS)


def temporary_context(session_id: str = "") -> FileContext:
    """For an upload in a temporary chat: no stored message will refer to it."""
    return FileContext(session_id=session_id[:100], expires_at=temporary_end())


def to_attach(owner: Person, row: File) -> File:
    """The row to attach to a message: this one while it belongs to nothing, else a copy.

    A file of another message, of another person or of the person's own pictures stays where it is.
    """
    is_taken = row.owner_id != owner.pk or row.message_id is not None or row.provenance
    return copy_for(owner, row) if is_taken else row


def attach(rows: list[File], message: Message) -> None:
    """Attach uploads to the message they were sent with; from now on they are deleted with it and not before."""
    File.objects.filter(pk__in=[row.pk for row in rows]).update(message=message, chat=message.chat, expires_at=None)


def remove(row: File) -> None:
    """Delete a file; `restore` undoes it within `UNDO`. Earlier deletions of its owner become final."""
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at"])
    purge_deleted(File.everything.filter(owner_id=row.owner_id))


def restore(row: File) -> None:
    """Undo a deletion."""
    row.deleted_at = None
    row.save(update_fields=["deleted_at"])


def purge_deleted(rows: QuerySet[File], *, now: datetime | None = None) -> int:
    """Remove for good what was deleted longer ago than `UNDO`; returns how many files that were."""
    late = rows.filter(deleted_at__lt=(now or timezone.now()) - UNDO)
    return late.delete()[1].get(File._meta.label, 0)


def delete_unused_bytes(storage_name: str) -> None:
    """After the commit that deleted a row: delete the bytes, and what was derived from them, unless a row is left."""
    if not File.everything.filter(storage_name=storage_name).exists():
        stores.delete(storage_name)
        for suffix in DERIVED:
            stores.delete(f"{storage_name}.{suffix}")


# --- reading ----------------------------------------------------------------------------------------------------------


def thumbnail(row: File, width: int) -> tuple[bytes, int]:
    """A WebP of the picture, and its width: the smallest of THUMBNAIL_WIDTHS that is not below `width`.

    Made once and stored beside the picture. Raises NotFound for what is no picture or cannot be scaled (SVG).
    """
    width = next((step for step in THUMBNAIL_WIDTHS if step >= width), THUMBNAIL_WIDTHS[-1])

    def small(content: bytes) -> bytes:
        if not row.is_picture or row.content_type == "image/svg+xml":
            raise NotFound(_("There is no thumbnail of this file."))
        return pictures.thumbnail(content, width)

    return _derived(row, f"w{width}.webp", small), width


def document(row: File) -> documents.Document:
    """The file's text, or the problem with it. Slow the first time. Raises FileNotFoundError."""
    if not documents.is_text(row.content_type) and row.content_type != "application/pdf":
        return documents.Document("", documents.UNREADABLE)
    if row.content_type != "application/pdf":
        beginning = b"".join(stores.read_range(row.storage_name, 0, documents.TEXT_BYTES))
        return documents.read(beginning, row.content_type)
    packed = _derived(row, "text", lambda content: documents.read(content, row.content_type).packed())
    return documents.Document.unpacked(packed)


def picture_for_model(row: File) -> bytes:
    """The picture as models take it. Raises BadRequest (unreadable), TooLarge, FileNotFoundError."""
    return _derived(row, "model", pictures.for_model)


class Deriving:
    """Long documents and large pictures are read a few at a time: each takes memory and a core."""

    def __init__(self) -> None:
        self.places = threading.BoundedSemaphore(2)


def _derived(row: File, suffix: str, make: Callable[[bytes], bytes]) -> bytes:
    """What `make` derives from a file: made the first time, then read from beside it unless it is the file itself."""
    name = f"{row.storage_name}.{suffix}"
    try:
        if stored := stores.read(name):
            return stored
    except (FileNotFoundError, Unavailable):
        pass  # without a copy the file itself is read
    content = stores.read(row.storage_name)
    with waiting.in_turn(runtime.state(Deriving).places):
        made = make(content)
    if made is not content:
        stores.write_copy(name, made)
    return made


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


def is_shown(row: File) -> bool:
    """Whether a browser may show it; other files are served as a download."""
    return row.content_type in INLINE and PurePath(row.name).suffix.lower() not in RUNNABLE


# --- collecting -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Cleanup:
    """What one clean-up removed; `missing` are the ids of files whose bytes are gone."""

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
        collecting.send(sender=File, now=now)
    ids = dict(File.everything.values_list("storage_name", "id"))
    stored: set[str] = set()
    for name, changed in stores.stored():
        stored.add(name)
        original = _DERIVED.sub("", name)
        if name in ids or original in ids or name.startswith(FOREIGN):
            continue
        if now - changed > STRAY_AGE:
            result.stray += 1
            if not dry_run:
                stores.delete(name)
    result.missing = tuple(str(ids[name]) for name in ids if name not in stored)
    return result


# --- type, size and name ----------------------------------------------------------------------------------------------


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a character cut by the end of the head
    return True


def _has_controls(head: bytes) -> bool:
    """Whether there are control bytes, which no text has in any encoding of eight bits."""
    return bool(_CONTROLS.search(head))


def _measured(file: DjangoFile, content_type: str) -> tuple[int | None, int | None]:
    if not content_type.startswith("image/") or content_type == "image/svg+xml":
        return None, None
    facts = pictures.measure(file.read())
    file.seek(0)
    return facts.width, facts.height


def _extension(content_type: str) -> str:
    return EXTENSIONS.get(content_type) or mimetypes.guess_extension(content_type) or ".bin"


def _display_name(name: str, content_type: str) -> str:
    """The file's own name without unsafe characters, with an extension that fits its content."""
    stem = PurePath(name.replace("\\", "/")).name
    stem = "".join(letter for letter in stem if letter.isprintable() and letter not in '/\\<>:"|?*').strip(". ")
    path = PurePath(stem or "file")
    extension = _extension(content_type)
    guessed = mimetypes.guess_type(path.name)[0]
    if content_type.startswith("text/") and guessed and not guessed.startswith(("image/", "audio/", "video/")):
        return path.name[-150:]
    fits = guessed == content_type or path.suffix.lower() == extension
    return (path.name if fits else f"{path.stem}{extension}")[-150:]
