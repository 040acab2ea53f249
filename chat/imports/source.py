"""The uploaded file: a JSON document, or a ZIP archive of such documents and of the files that they name.

A ZIP archive is bounded before and while it is read: the size of its directory, the number of its entries, what its
documents unpack to, each file by itself, and all of them together. Nothing of it is unpacked to a disk.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any

from django.conf import settings

from chat.imports.values import Unreadable
from providers.errors import BadRequest, TooLarge
from providers.sentences import sentence as _

MAX_READ = 32 * 2**20  # bytes that are read at once: `zipfile` reads the whole list of entries so
MAX_ENTRIES = 200_000
MAX_DOCUMENTS = 4 * 2**30  # bytes of all documents together, unpacked
MAX_UNPACKED = 64 * 2**30  # bytes of all files that one run reads, unpacked
PIECE = 2**20
MAGIC = b"PK\x03\x04"
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, struct.error)
_ASSET_ID = re.compile(r"file[-_][A-Za-z0-9]+")


@dataclass(slots=True)
class ExportDocument:
    """A JSON document of the source; `path` is empty for a file that is one itself."""

    path: str
    size: int
    source: "ExportSource"

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        if self.source.archive is None:
            self.source.file.seek(0)
            yield self.source.file
            return
        with _reading():
            entry = self.source.archive.open(self.path)
        with entry:
            yield _Readable(entry)  # type: ignore[misc]  # nothing but `read` is used of it


@contextmanager
def _reading() -> Iterator[None]:
    """Only around what reads the archive: errors of whoever uses what was read are others."""
    try:
        yield
    except BROKEN as error:
        raise Unreadable(_("This part of the archive is damaged or protected by a password.")) from error


class _Readable:
    """An entry of an archive; what is wrong with it is Unreadable."""

    def __init__(self, entry: IO[bytes]) -> None:
        self._entry = entry

    def read(self, size: int = -1) -> bytes:
        with _reading():
            return self._entry.read(size)


class _Bounded:
    """A file of which never more than MAX_READ bytes are read at once, whatever an archive says of itself."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if size > MAX_READ:
            raise TooLarge(_("This archive has too many entries: at most %d.") % MAX_ENTRIES)
        return self._file.read(size if size >= 0 else MAX_READ)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@dataclass(slots=True)
class ExportSource:
    file: IO[bytes]
    archive: zipfile.ZipFile | None = None
    paths: dict[str, str] = field(default_factory=dict)  # of entries that are files, by path and by asset id
    names: dict[str, str] = field(default_factory=dict)  # what people called files, by the names that entries have
    folders: dict[str, Any] | None = None  # of an archive of this site: facts of folders by the ids of their chats
    unpacked: int = 0

    def documents(self, patterns: tuple[re.Pattern[str], ...]) -> list[ExportDocument]:
        """The documents whose paths fit one of the patterns; every document where none fits any."""
        if self.archive is None:
            self.file.seek(0, 2)
            return [ExportDocument("", self.file.tell(), self)]
        entries = [entry for entry in self.archive.infolist() if entry.filename.lower().endswith(".json")]
        fitting = [entry for entry in entries if any(pattern.search(entry.filename) for pattern in patterns)]
        chosen = sorted(fitting or entries, key=lambda entry: entry.filename)
        if sum(entry.file_size for entry in chosen) > MAX_DOCUMENTS:
            raise TooLarge(_("The chats in this archive unpack to more than %d GB.") % (MAX_DOCUMENTS >> 30))
        return [ExportDocument(entry.filename, entry.file_size, self) for entry in chosen]

    def find(self, path: str, beside: str = "") -> str:
        """The path of an entry: by its own path, by one relative to the document `beside`, or by the id in its name."""
        below = str(PurePosixPath(beside).parent / path) if beside else path
        return self.paths.get(below) or self.paths.get(path) or ""

    def read(self, path: str) -> bytes | None:
        """The bytes of an entry; None for one that is damaged or larger than a file here may be. Raises TooLarge once
        all that was read is.
        """
        if self.archive is None or not path:
            return None
        content = bytearray()
        try:
            with self.archive.open(path) as entry:
                while len(content) <= settings.FILE_MAX_BYTES and (piece := entry.read(PIECE)):
                    content += piece
                    self.count(len(piece))
        except (*BROKEN, KeyError):
            return None
        return bytes(content) if 0 < len(content) <= settings.FILE_MAX_BYTES else None

    def count(self, size: int) -> None:
        """Count bytes of files that were read. Raises TooLarge."""
        self.unpacked += size
        if self.unpacked > MAX_UNPACKED:
            raise TooLarge(_("The files of this export unpack to more than %d GB.") % (MAX_UNPACKED >> 30))

    def small_document(self, path: str) -> Any:
        """The bytes of a small document, None where there is none."""
        content = self.read(self.paths.get(path, ""))
        return content if content is not None and len(content) < 2**23 else None


def open_source(file: IO[bytes]) -> ExportSource:
    """Raises BadRequest, TooLarge for an archive that cannot be read."""
    file.seek(0)
    head = file.read(4)
    if head != MAGIC:
        return ExportSource(file)
    try:
        archive = zipfile.ZipFile(_Bounded(file))  # type: ignore[arg-type]  # a file but for the bound
        entries = archive.infolist()
    except (*BROKEN, ValueError) as error:
        raise BadRequest(_("This ZIP archive is damaged. Download it again, then try once more.")) from error
    if len(entries) > MAX_ENTRIES:
        raise TooLarge(_("This archive has too many entries: at most %d.") % MAX_ENTRIES)
    paths: dict[str, str] = {}
    for entry in entries:
        if entry.is_dir():
            continue
        paths[entry.filename] = entry.filename
        name = PurePosixPath(entry.filename).name
        if match := _ASSET_ID.match(name):
            paths.setdefault(match[0], entry.filename)
    return ExportSource(file, archive, paths)
