"""A thing that people have, and the archive into which it is written."""

import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework.renderers import JSONRenderer

from chat.export import archive as chat_archive
from chat.models import File
from providers.errors import TooLarge
from providers.sentences import sentence as _


class Archive:
    """A ZIP archive that is written into a file, up to so many bytes; 0 is no limit."""

    def __init__(self, archive: zipfile.ZipFile, file: Any, *, limit: int, beat: Callable[..., None]) -> None:
        self.zip, self._file, self._limit, self._beat = archive, file, limit, beat
        self.names: set[str] = set()

    def beat(self, **progress: Any) -> None:
        """Call it after each piece. Raises TooLarge once the archive is."""
        self._beat(**progress)
        if self._limit and self._file.tell() > self._limit:
            raise TooLarge(
                _("Your data are larger than %d MB, which is the limit for one archive here.")
                % (self._limit // 1_000_000)
            )

    def add_json(self, path: str, value: Any) -> None:
        content = JSONRenderer().render(value, "application/json; indent=2")
        self.zip.writestr(chat_archive.entry_of(path, timezone.now(), "application/json"), content)
        self.beat()

    def add_file(self, row: File, folder: str) -> str:
        """Write a file below this folder; its path, empty where its bytes are gone."""
        path = f"{folder}{chat_archive.unique_name(row.name, self.names)}"
        for is_there in chat_archive.add_file(self.zip, row, path):
            if not is_there:
                return ""
            self.beat()
        return path


class Belonging(ABC):
    """A kind of thing that people have. `label` names it; `models` are the rows that it answers for."""

    name: ClassVar[str]
    label: Any
    models: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def count(self, user_id: int) -> int:
        """How many there are. One query."""

    @abstractmethod
    def export(self, user: Any, archive: Archive) -> None:
        """Write all of them into the archive; nothing where there are none."""

    @abstractmethod
    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        """Delete all of them for good; how many there were. Works when it is begun again."""
