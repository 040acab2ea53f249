"""What a list or a search is narrowed to: folder, model, dates, pictures, archived, deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date

from chat.models import Chat, File
from providers.errors import BadRequest
from providers.sentences import sentence as _

WORDS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
NO_FOLDER = "none"


@dataclass(frozen=True, slots=True)
class ChatFilters:
    """Each member narrows the list; None does not. By default archived chats are left out, and deleted ones."""

    folder: UUID | str | None = None  # NO_FOLDER: those in no folder
    model: str = ""  # the public id that was last used in the chat
    since: date | None = None  # days of the person's time zone, both included
    until: date | None = None
    pictures: bool | None = None
    archived: bool | None = False
    pinned: bool | None = None
    unread: bool | None = None
    deleted: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "ChatFilters":
        """The filters of a request's query parameters. Raises BadRequest for values that are none."""
        return cls(
            folder=_folder(str(given.get("folder", ""))),
            model=str(given.get("model", ""))[:255].replace("\0", ""),
            since=day_of(given, "since"),
            until=day_of(given, "until"),
            pictures=_switch(given, "pictures", None),
            archived=_switch(given, "archived", False, also={"all": None}),
            pinned=_switch(given, "pinned", None),
            unread=_switch(given, "unread", None),
            deleted=bool(_switch(given, "deleted", False)),
        )

    @property
    def narrows(self) -> bool:
        """Whether it is more than the usual list."""
        return self != ChatFilters()

    @property
    def in_archive(self) -> bool | None:
        """Whether archived chats alone count, or the others; None for both. The trash has both."""
        return None if self.deleted else self.archived

    def apply(self, chats: QuerySet[Chat]) -> QuerySet[Chat]:
        chats = chats.filter(deleted_at__isnull=not self.deleted)
        if self.folder is not None:
            chats = chats.filter(folder=self.folder if isinstance(self.folder, UUID) else None)
        if self.model:
            chats = chats.filter(model=self.model)
        if self.since:
            chats = chats.filter(updated__gte=midnight(self.since))
        if self.until:
            chats = chats.filter(updated__lt=midnight(self.until + timedelta(days=1)))
        if self.pictures is not None:
            pictures = Exists(File.objects.filter(chat=OuterRef("pk"), content_type__startswith="image/"))
            chats = chats.filter(pictures if self.pictures else ~pictures)
        if self.in_archive is not None:
            chats = chats.filter(archived_at__isnull=not self.in_archive)
        if self.pinned is not None:
            chats = chats.filter(pinned_at__isnull=not self.pinned)
        if self.unread is not None:
            chats = chats.filter(unread=self.unread)
        return chats


def midnight(day: date) -> datetime:
    """The beginning of a day in the present time zone."""
    return timezone.make_aware(datetime.combine(day, time()))


def _folder(text: str) -> UUID | str | None:
    if text in ("", NO_FOLDER):
        return text or None
    try:
        return UUID(text)
    except ValueError:
        raise BadRequest(_("This is no id of a folder."), param="folder") from None


def day_of(given: Mapping[str, Any], name: str) -> date | None:
    """The day of a query parameter, as 2026-07-31; None without it. Raises BadRequest."""
    text = str(given.get(name, ""))
    try:
        day = parse_date(text) if text else None
        if text and (day is None or not 1900 <= day.year <= 9000):
            raise ValueError(text)
    except ValueError:
        raise BadRequest(_("Write a day as 2026-07-31."), param=name) from None
    return day


def _switch(
    given: Mapping[str, Any], name: str, usual: bool | None, also: Mapping[str, bool | None] | None = None
) -> bool | None:
    text = str(given.get(name, "")).lower()
    words = {**WORDS, **(also or {})}
    if text and text not in words:
        raise BadRequest(_("Say one of these: %s.") % ", ".join(sorted({"true", "false", *(also or {})})), param=name)
    return words[text] if text else usual
