"""Derived files: the text, the thumbnails, and the picture as models take it, made once and stored beside a file."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from copy import copy

from chat.decoding.pool import Content
from chat.files import documents, pictures, stores
from chat.models import File
from providers import runtime
from providers.errors import NotFound, TooLarge, Unavailable
from providers.sentences import sentence as _

THUMBNAIL_WIDTHS = (128, 256, 512, 1024)
# `text` is what earlier versions read of documents, without its places.
SUFFIXES = ("read", "text", "model", *(f"w{width}.webp" for width in THUMBNAIL_WIDTHS))
_SUFFIX = re.compile(r"\.(read|text|model|w\d+\.webp)$")
REMEMBERED, REMEMBERED_SECONDS = 1000, 600.0


def names(storage_name: str) -> list[str]:
    """The names of everything that may be stored beside a file."""
    return [f"{storage_name}.{suffix}" for suffix in SUFFIXES]


def original(name: str) -> str:
    """The name of the file that this derived file was made from."""
    return _SUFFIX.sub("", name)


def thumbnail(row: File, width: int) -> tuple[bytes, int]:
    """A WebP of the picture, and its width: the smallest of THUMBNAIL_WIDTHS that is not below `width`.

    Raises NotFound for what is no picture or cannot be scaled (SVG), BadRequest (unreadable), TooLarge, Unavailable,
    FileNotFoundError.
    """
    width = next((step for step in THUMBNAIL_WIDTHS if step >= width), THUMBNAIL_WIDTHS[-1])
    if not row.is_raster:
        raise NotFound(_("There is no thumbnail of this file."))
    return _derived(row, f"w{width}.webp", lambda content: pictures.thumbnail(content, width)), width


def document(row: File) -> documents.Document:
    """The file's text, or the problem with it; of a recording what `keep_transcript` stored. Slow the first time.

    Raises Unavailable, FileNotFoundError.
    """
    if row.content_type in documents.RECORDINGS:
        try:
            return documents.Document.unpacked(stores.read(f"{row.storage_name}.read"))
        except FileNotFoundError:
            return documents.Document("", documents.UNHEARD)
    task = documents.task_of(row.content_type, row.name, row.size)
    if documents.is_text(row.content_type) and not task:
        beginning = b"".join(stores.read_range(row.storage_name, 0, documents.TEXT_BYTES))
        return documents.read(beginning, row.content_type)
    if not task:
        return documents.Document("", documents.UNREADABLE)

    def packed(content: Content) -> bytes:
        read = documents.read(content, row.content_type, task)
        if read.problem == documents.TOO_LONG:  # not stored: another day the limits may be wider
            raise TooLarge(_("This document is too large to be read."), code="document_too_large")
        return read.packed()

    try:
        return documents.Document.unpacked(_derived(row, "read", packed))
    except TooLarge:
        return documents.Document("", documents.TOO_LONG)


def keep_transcript(row: File, text: str) -> None:
    """Store what is said in a recording as its text."""
    stores.write_copy(f"{row.storage_name}.read", documents.Document(text[: documents.MAX_CHARACTERS]).packed())


def picture_for_model(row: File) -> bytes:
    """The picture as models take it. Raises BadRequest (unreadable), TooLarge, Unavailable, FileNotFoundError."""
    return _derived(row, "model", pictures.for_model)


class Refusals:
    """Files that exceeded the limits of time or memory, each with its error: they are not tried again for a while."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.of = OrderedDict[str, tuple[float, TooLarge]]()

    def check(self, name: str) -> None:
        """Raises the error of this file, for `REMEMBERED_SECONDS` after it was added."""
        with self.lock:
            since, error = self.of.get(name, (float("-inf"), None))
            if error is not None and time.monotonic() - since < REMEMBERED_SECONDS:
                raise copy(error)

    def add(self, name: str, error: TooLarge) -> None:
        with self.lock:
            self.of[name] = (time.monotonic(), error)
            if len(self.of) > REMEMBERED:
                self.of.popitem(last=False)


def _derived(row: File, suffix: str, make: Callable[[Content], bytes | None]) -> bytes:
    """The derived file: made by `make` and stored at first use, later read from the store.

    Where `make` returns None, the original serves.
    """
    name = f"{row.storage_name}.{suffix}"
    try:
        if stored := stores.read(name):
            return stored
    except (FileNotFoundError, Unavailable):
        pass  # without a stored copy the original is read
    refusals = runtime.state(Refusals)
    refusals.check(name)
    try:
        made = make(lambda: stores.read(row.storage_name))
    except TooLarge as error:
        refusals.add(name, error)
        raise
    if made is None:
        return stores.read(row.storage_name)
    stores.write_copy(name, made)
    return made
