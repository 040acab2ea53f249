"""Files: accept, sniff, limit, store once, serve safely, collect what nobody holds any more.

A `File` row is one person's hold on stored bytes. The same bytes of the same owner are stored once, and who goes on
from a shared chat holds the bytes that are there: rows share a `storage_name`, and the bytes go when the last row goes,
after the transaction that removed it has committed.
"""

import hashlib
import mimetypes
import re
import secrets
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
from providers.errors import BadRequest, NotFound, TooLarge

UPLOAD_DAYS = 7  # how long an upload waits for the message it was meant for
UNDO = timedelta(hours=1)  # how long a deletion can be undone
THUMBNAIL_WIDTHS = (128, 256, 512, 1024)
# What is made of a file once and kept beside it: its text, the picture as models take it, thumbnails.
BESIDE = ("text", "model", *(f"w{width}.webp" for width in THUMBNAIL_WIDTHS))
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_BESIDE = re.compile(r"\.(text|model|w\d+\.webp)$")
STRAY_AGE = timedelta(hours=1)  # bytes without a row are left alone while they may belong to a running transaction
OTHERS = ("speech/",)  # what other rooms keep in the same store under rows of their own
HEAD = 4096  # bytes that sniffing looks at

collecting = Signal()  # `now`: other rooms remove what has an end of its own

# Shown in the page as what they are; everything else is handed out as a download that no browser runs.
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
RUNNABLE = {".htm", ".html", ".js", ".mjs", ".svg", ".xht", ".xhtml", ".xml"}  # by name: a download, though it is text
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
    """The content type by the first bytes. A name only chooses among kinds of plain text; a claim is never believed."""
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
    """Store somebody's file and return its row. Raises BadRequest (empty), TooLarge (one file, or the owner's
    quota).
    """
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
        name=_shown_name(name, content_type),
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
        # Locked, so that the last holder cannot go (and take the bytes along) while we become one.
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
    """A row of this person's own for bytes that are stored already; how they were made stays with the first owner.

    Raises TooLarge (the owner's quota), NotFound when the row has gone meanwhile.
    """
    with transaction.atomic():
        copy = File.objects.select_for_update().filter(pk=row.pk).first()  # locked as in `_save`
        if copy is None:
            raise NotFound(_("This file is not there."), code="file_not_found")
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
    """Raises TooLarge where there is none; what was deleted and could be had back goes when its bytes are needed."""
    check_room(row.owner_id, row.size)
    everything = File.everything.filter(owner_id=row.owner_id)
    if settings.FILE_QUOTA_BYTES and _held_bytes(everything) > settings.FILE_QUOTA_BYTES - row.size:
        everything.filter(deleted_at__isnull=False).delete()


def used_bytes(owner_id: int) -> int:
    """What this person's files take up, the same bytes counted once."""
    return _held_bytes(File.objects.filter(owner_id=owner_id))


def _held_bytes(rows: QuerySet[File]) -> int:
    return sum(size for _name, size in rows.order_by().values_list("storage_name", "size").distinct())


def upload_context() -> FileContext:
    """For an upload that waits for its message: it goes by itself when the message never comes."""
    return FileContext(expires_at=timezone.now() + timedelta(days=UPLOAD_DAYS))


def temporary_end() -> datetime:
    """When what is made or uploaded in a temporary chat now goes."""
    return timezone.now() + timedelta(hours=settings.TEMPORARY_FILE_HOURS)


def temporary_context(session_id: str = "") -> FileContext:
    """For an upload in a temporary chat, which no message will ever hold."""
    return FileContext(session_id=session_id[:100], expires_at=temporary_end())


def to_attach(owner: Person, row: File) -> File:
    """The row to tie to a message: an upload that stands nowhere yet, else a new row, so that a file does not leave
    the message, the person's own pictures or the person that it belongs to.
    """
    stands = row.owner_id != owner.pk or row.message_id is not None or row.provenance
    return copy_for(owner, row) if stands else row


def attach(rows: list[File], message: Message) -> None:
    """Tie uploads to the message they were sent with; from now on they live as long as it does."""
    File.objects.filter(pk__in=[row.pk for row in rows]).update(message=message, chat=message.chat, expires_at=None)


def remove(row: File) -> None:
    """Out of everybody's sight; to be had back for `UNDO`. What its owner deleted earlier goes for good."""
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at"])
    forget_deleted(File.everything.filter(owner_id=row.owner_id))


def restore(row: File) -> None:
    """Undo a deletion."""
    row.deleted_at = None
    row.save(update_fields=["deleted_at"])


def forget_deleted(rows: QuerySet[File], *, now: datetime | None = None) -> int:
    """Remove for good what was deleted longer ago than `UNDO`; returns how many files went."""
    late = rows.filter(deleted_at__lt=(now or timezone.now()) - UNDO)
    return late.delete()[1].get(File._meta.label, 0)


def delete_bytes_unheld(storage_name: str) -> None:
    """After the commit of a removal: drop the bytes and what lies beside them unless another row holds them."""
    if not File.everything.filter(storage_name=storage_name).exists():
        stores.delete(storage_name)
        for what in BESIDE:
            stores.delete(f"{storage_name}.{what}")


# --- reading ----------------------------------------------------------------------------------------------------------


def thumbnail(row: File, wanted: int) -> tuple[bytes, int]:
    """A WebP of the picture, and its width class: the smallest of THUMBNAIL_WIDTHS that is not below `wanted`.

    Made once and kept beside the picture. Raises NotFound for what is no picture or cannot be scaled (SVG).
    """
    width = next((one for one in THUMBNAIL_WIDTHS if one >= wanted), THUMBNAIL_WIDTHS[-1])

    def small(content: bytes) -> bytes:
        if not row.is_picture or row.content_type == "image/svg+xml":
            raise NotFound(_("This file has no small picture."))
        return pictures.thumbnail(content, width)

    return _kept(row, f"w{width}.webp", small), width


def document(row: File) -> documents.Document:
    """The file's text, or what is wrong with it. Slow the first time. Raises FileNotFoundError."""
    if not documents.is_text(row.content_type) and row.content_type != "application/pdf":
        return documents.Document("", documents.UNREADABLE)
    if row.content_type != "application/pdf":
        beginning = b"".join(stores.read_range(row.storage_name, 0, documents.TEXT_BYTES))
        return documents.read(beginning, row.content_type)
    packed = _kept(row, "text", lambda content: documents.read(content, row.content_type).packed())
    return documents.Document.unpacked(packed)


def picture_for_model(row: File) -> bytes:
    """The picture as models take it. Raises BadRequest (unreadable), TooLarge, FileNotFoundError."""
    return _kept(row, "model", pictures.for_model)


def _kept(row: File, what: str, make: Callable[[bytes], bytes]) -> bytes:
    """Something made of a file: made by the first one to ask, and kept beside it unless it is the file itself."""
    name = f"{row.storage_name}.{what}"
    try:
        return stores.read(name)
    except FileNotFoundError:
        content = stores.read(row.storage_name)
    made = make(content)
    if made is not content:
        stores.write(name, made)
    return made


def file_json(row: File) -> dict[str, Any]:
    """How a file looks in messages, events and answers."""
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
    """Whether a browser may show it as what it is; everything else it is given as a download."""
    return row.content_type in INLINE and PurePath(row.name).suffix.lower() not in RUNNABLE


# --- collecting -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Collected:
    expired: int = 0
    stray: int = 0
    missing: tuple[str, ...] = ()


def collect(*, now: datetime | None = None, dry_run: bool = False) -> Collected:
    """Remove what has expired or was deleted, and stored bytes that no row holds; name rows whose bytes are gone."""
    now = now or timezone.now()
    result = Collected()
    expired = File.everything.filter(expires_at__lt=now)
    result.expired = expired.count()
    if not dry_run:
        for row in expired.iterator():
            row.delete()
        forget_deleted(File.everything.all(), now=now)
        collecting.send(sender=File, now=now)
    held = dict(File.everything.values_list("storage_name", "id"))
    stored: set[str] = set()
    for name, changed in stores.stored():
        stored.add(name)
        base = _BESIDE.sub("", name)  # what lies beside a file goes with it
        if name in held or base in held or name.startswith(OTHERS):
            continue
        if now - changed > STRAY_AGE:
            result.stray += 1
            if not dry_run:
                stores.delete(name)
    result.missing = tuple(str(held[name]) for name in held if name not in stored)
    return result


# --- small facts ------------------------------------------------------------------------------------------------------


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a character cut by the end of the head
    return True


def _has_controls(head: bytes) -> bool:
    """Whether there are bytes that no text has, in whatever encoding of eight bits."""
    return bool(_CONTROLS.search(head))


def _measured(file: DjangoFile, content_type: str) -> tuple[int | None, int | None]:
    if not content_type.startswith("image/") or content_type == "image/svg+xml":
        return None, None
    facts = pictures.measure(file.read())
    file.seek(0)
    return facts.width, facts.height


def _extension(content_type: str) -> str:
    return EXTENSIONS.get(content_type) or mimetypes.guess_extension(content_type) or ".bin"


def _shown_name(name: str, content_type: str) -> str:
    """The file's own name, cut to what is safe, with an extension that says what it is."""
    stem = PurePath(name.replace("\\", "/")).name
    stem = "".join(letter for letter in stem if letter.isprintable() and letter not in '/\\<>:"|?*').strip(". ")
    path = PurePath(stem or "file")
    wanted = _extension(content_type)
    guessed = mimetypes.guess_type(path.name)[0]
    if content_type.startswith("text/") and guessed and not guessed.startswith(("image/", "audio/", "video/")):
        return path.name[-150:]
    same = guessed == content_type or path.suffix.lower() == wanted
    return (path.name if same else f"{path.stem}{wanted}")[-150:]
