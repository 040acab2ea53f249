"""A chat with its files as a ZIP archive that streams: never more of it in memory than a piece of one file.

`files/` comes first and the texts that refer to it last, when it is known which files could be read. Pictures and
sounds are compressed already, so they are stored without compression.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import PurePath
from urllib.parse import quote

from django.db.models import Q, prefetch_related_objects
from django.utils import timezone
from rest_framework.renderers import JSONRenderer

from chat import access, file_addresses
from chat.export import texts
from chat.files import stores
from chat.models import Chat, File

ODD = re.compile(r'[\x00-\x1f<>:"/\\|?*]')  # not allowed in file names on some systems
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # names that Windows reserves
SQUEEZED = ("text/", "application/json", "image/svg")
FIRST_YEAR = 1980  # of the times that a ZIP archive can hold


class _Outlet(io.RawIOBase):
    """A file without `seek` for `zipfile`: it holds the bytes written until `take` returns them."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        content = bytes(piece)  # type: ignore[call-overload]
        self._pieces.append(content)
        return len(content)

    def take(self) -> Iterator[bytes]:
        """Yield the bytes written since the last call; nothing instead of an empty piece."""
        content, self._pieces = b"".join(self._pieces), []
        if content:
            yield content


def files_of(chat: Chat) -> list[File]:
    """Every file of the owner's that belongs to the chat or is listed by one of its messages."""
    listed = {access.as_uuid(pk) for message in chat.messages.all() for pk in access.listed_files(message)}
    rows = File.objects.filter(Q(chat=chat) | Q(pk__in=listed), owner_id=chat.user_id)
    return list(rows.order_by("created", "pk"))


def pieces(chat: Chat) -> Iterator[bytes]:
    """The archive: `files/…`, `chat.json`, `chat.md`. A file whose bytes are gone is left out.

    Three queries, all before the first piece: those after it are made in any thread.
    """
    prefetch_related_objects([chat], "messages", "user")
    return _written(chat, files_of(chat))


def _written(chat: Chat, rows: list[File]) -> Iterator[bytes]:
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w") as archive:
        for _piece in add_chat(archive, chat, rows):
            yield from outlet.take()
    yield from outlet.take()


def packed(rows: Sequence[File]) -> Iterator[bytes]:
    """An archive of these files alone. A file whose bytes are gone is left out. No queries."""
    outlet, names = _Outlet(), set[str]()
    with zipfile.ZipFile(outlet, "w") as archive:
        for row in rows:
            for _is_there in add_file(archive, row, unique_name(row.name, names)):
                yield from outlet.take()
    yield from outlet.take()


def add_chat(archive: zipfile.ZipFile, chat: Chat, rows: list[File], *, folder: str = "") -> Iterator[None]:
    """Write a chat into an archive, below `folder`; yields after each piece of it."""
    names: set[str] = set()
    paths: dict[str, str] = {}

    def relocate(address: str) -> str:
        path = paths.get(file_addresses.named_id(address).lower())
        return quote(path) if path else texts.on_site(address)

    for row in rows:
        path = f"files/{unique_name(row.name, names)}"
        for is_there in add_file(archive, row, f"{folder}{path}"):
            if is_there:
                paths[str(row.pk)] = path
                yield
    now = timezone.now()
    whole = JSONRenderer().render(texts.as_json(chat, relocate=relocate), "application/json; indent=2")
    archive.writestr(entry_of(f"{folder}chat.json", now, "application/json"), whole)
    archive.writestr(entry_of(f"{folder}chat.md", now, "text/markdown"), texts.as_markdown(chat, relocate=relocate))
    yield


def add_file(archive: zipfile.ZipFile, row: File, path: str) -> Iterator[bool]:
    """Write the bytes of a file into an archive; yields after each piece, or False once where they are gone."""
    content = stores.read_range(row.storage_name, 0, None)
    try:
        first = next(content, b"")
    except FileNotFoundError:
        yield False
        return
    with archive.open(entry_of(path, row.created, row.content_type, row.size), "w") as entry:
        for piece in chain([first], content):
            entry.write(piece)
            yield True


def unique_name(name: str, names: set[str]) -> str:
    """A name that every system can unpack and that is not in `names`; it is added there."""
    path = PurePath(ODD.sub("_", name).strip(". ") or "file")
    stem, suffix = path.stem[:120], path.suffix[:20]
    if RESERVED.match(stem):
        stem = f"_{stem}"
    unique, number = f"{stem}{suffix}", 1
    while unique.casefold() in names:
        number += 1
        unique = f"{stem}-{number}{suffix}"
    names.add(unique.casefold())
    return unique


def entry_of(path: str, moment: datetime, content_type: str, size: int = 0) -> zipfile.ZipInfo:
    """The head of an entry."""
    local = timezone.localtime(moment)
    entry = zipfile.ZipInfo(path, (max(local.year, FIRST_YEAR), *local.timetuple()[1:6]))
    entry.compress_type = zipfile.ZIP_DEFLATED if content_type.startswith(SQUEEZED) else zipfile.ZIP_STORED
    entry.file_size = size  # decides beforehand whether it needs the ZIP64 form
    entry.external_attr = 0o644 << 16  # without it, some systems unpack unreadable files
    return entry
