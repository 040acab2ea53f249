"""Bytes of files, written and read in pieces in any store, without local copies.

The table of storage providers says how each store reads a range and lists its objects.
"""

import io
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.files.base import File as DjangoFile
from django.core.files.storage import storages

from providers.errors import NotFound, Unavailable
from providers.process import file_store, storage_providers, waiting
from providers.sentences import sentence as _

logger = logging.getLogger(__name__)


class ContentGone(NotFound, FileNotFoundError):
    """The store no longer has the bytes of a file that the database knows."""

    code = "content_gone"

    def __init__(self) -> None:
        super().__init__(_("The content of this file is gone. Ask your administrator, who may have a backup."))


def write(name: str, content: bytes | DjangoFile) -> str:
    """Store bytes, or an upload (in memory or in a temporary file); returns the name that the store gave them.

    Raises Unavailable (`storage_full`, `storage_unavailable`), as the other verbs do.
    """
    file = DjangoFile(io.BytesIO(content), name) if isinstance(content, bytes) else content
    return file_store.save(name, file)


def write_copy(name: str, content: bytes) -> None:
    """Store what can be made again from something stored, if that is possible."""
    try:
        write(name, content)
    except Unavailable as trouble:
        logger.info("The copy %s is not stored: %s", name, trouble.code)


def delete(name: str) -> None:
    """Delete bytes if that is possible; the clean-up finds those that nothing refers to."""
    file_store.delete_if_possible(name)


def read(name: str) -> bytes:
    """Read all the bytes. Raises ContentGone, which is a FileNotFoundError too."""
    return b"".join(read_range(name, 0, None))


def read_range(name: str, start: int, length: int | None) -> Iterator[bytes]:
    """The bytes from `start`, `length` of them (None: to the end), in pieces. ContentGone before the first piece."""
    storage = storages["default"]
    waiting.give_back()
    row = storage_providers.of(storage) or storage_providers.LOCAL
    return _guarded(row.read(storage, name, start, length))


def _guarded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        with file_store.guarded():
            yield from pieces
    except FileNotFoundError as error:
        raise ContentGone from error


# --- listing ----------------------------------------------------------------------------------------------------------


def stored() -> Iterator[tuple[str, datetime]]:
    """Every name in the store, with the time when it was last modified."""
    storage = storages["default"]
    prefix = f"{location}/" if (location := str(getattr(storage, "location", "")).strip("/")) else ""
    row = storage_providers.of(storage)
    if row is None or row.list is None:
        yield from _walk(storage, "")
        return
    for name, changed in row.list(storage, prefix):
        yield name.removeprefix(prefix), changed


def _walk(storage: Any, folder: str) -> Iterator[tuple[str, datetime]]:
    try:
        folders, names = storage.listdir(folder)
    except FileNotFoundError:
        return
    below = f"{folder}/" if folder else ""
    for name in names:
        yield below + name, storage.get_modified_time(below + name)
    for inner in folders:
        yield from _walk(storage, below + inner)
