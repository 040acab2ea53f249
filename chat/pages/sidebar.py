"""The queries of lists of chats: the sidebar, a search, pages of lists. Their number does not grow with the rows."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from chat import search
from chat.access import Person
from chat.models import Chat, File, Folder, Message
from chat.models.chats import IS_RUNNING
from chat.pages import cursors
from chat.pages.queries import model_names

LIST_SIZE = 40  # chats the sidebar shows at first, and at each step downwards


@dataclass(frozen=True, slots=True)
class SidebarRow:
    """A chat in the sidebar; `hit` is what a search matched, `apart` what tells it from others of the same title."""

    chat: Chat
    model_name: str = ""
    has_pictures: bool = False
    is_running: bool = False
    apart: str = ""
    hit: search.Hit | None = None

    @property
    def url(self) -> str:
        return self.hit.url if self.hit else reverse("chat", args=[self.chat.pk])


@dataclass(frozen=True, slots=True)
class SidebarSection:
    """Chats of one stretch of time; `continued` when the page before this one showed its heading already."""

    label: str
    rows: list[SidebarRow]
    continued: bool = False


@dataclass(frozen=True, slots=True)
class SidebarPage:
    """A page of a list of chats; `cursor` asks for the next one, empty at the end."""

    sections: list[SidebarSection]
    cursor: str = ""
    query: dict[str, str] = field(default_factory=dict)  # the words and filters of its address
    pinned: list[SidebarRow] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)

    @property
    def following(self) -> str:
        """The query of the address of the next page."""
        return "?" + urlencode({"cursor": self.cursor, **self.query})


def sidebar_page(user: Person, *, words: str = "", cursor: str = "") -> SidebarPage:
    """The person's list: pinned chats and folders, then the other chats, newest first; with `words`, a search instead.

    Three queries at most, however many chats there are.
    """
    if words:
        return search_page(user, words, filters=search.ChatFilters(archived=None), cursor=cursor)
    shown, next_cursor = cursors.page_of(_marked(search.listed(user)), cursor, by="updated", size=LIST_SIZE)
    sections = _by_day(_rows(shown), cursor)
    if cursor:
        return SidebarPage(sections, next_cursor)
    pinned = _rows(_marked(search.pinned(user)))
    return SidebarPage(sections, next_cursor, pinned=pinned, folders=list(Folder.objects.filter(user_id=user.pk)))


def search_page(user: Person, words: str, *, filters: search.ChatFilters, cursor: str = "") -> SidebarPage:
    """The chats that hold the words, best first, each with its place. Four queries at most."""
    page = search.find(user, words, filters=filters, cursor=cursor, size=LIST_SIZE, chats=_marked(Chat.objects.all()))
    hits = {hit.chat.pk: hit for hit in page.hits}
    rows = [replace(row, hit=hits[row.chat.pk]) for row in _rows([hit.chat for hit in page.hits])]
    return SidebarPage([SidebarSection("", rows, continued=True)] if rows else [], page.cursor)


def chat_page(user: Person, *, filters: search.ChatFilters, words: str = "", cursor: str = "") -> SidebarPage:
    """A page of chats that pass the filters, newest first; with `words` as `search_page`."""
    if words:
        return search_page(user, words, filters=filters, cursor=cursor)
    by = "deleted_at" if filters.deleted else "updated"
    chats = _marked(search.chats_of(user, filters=filters))
    shown, next_cursor = cursors.page_of(chats, cursor, by=by, size=LIST_SIZE)
    return SidebarPage([SidebarSection("", _rows(shown), continued=True)] if shown else [], next_cursor)


def filter_choices(user: Person) -> dict[str, Any]:
    """The folders and models that a person's chats can be narrowed to. Two queries."""
    names = model_names()
    models = Chat.objects.filter(user_id=user.pk, deleted_at=None).exclude(model="").order_by().values_list("model")
    return {
        "filter_folders": list(Folder.objects.filter(user_id=user.pk)),
        "filter_models": sorted(((pk, names.get(pk, pk)) for (pk,) in models.distinct()), key=lambda pair: pair[1]),
    }


def _marked(chats: QuerySet[Chat]) -> QuerySet[Chat]:
    """With what a row of a list shows besides its title."""
    pictures = File.objects.filter(chat=OuterRef("pk"), content_type__startswith="image/")
    running = Message.objects.filter(IS_RUNNING, chat=OuterRef("pk"))
    return chats.select_related("share", "folder").annotate(has_pictures=Exists(pictures), is_running=Exists(running))


def _by_day(rows: list[SidebarRow], cursor: str) -> list[SidebarSection]:
    today, end = timezone.localdate(), cursors.parsed(cursor)
    shown_label = _day_label(timezone.localtime(end[0]).date(), today) if end else ""
    grouped = groupby(rows, key=lambda row: _day_label(timezone.localtime(row.chat.updated).date(), today))
    return [SidebarSection(label, list(group), continued=label == shown_label) for label, group in grouped]


def _rows(chats: Iterable[Any]) -> list[SidebarRow]:
    chats, names = list(chats), model_names()
    titles = Counter(chat.title for chat in chats)
    rows: list[SidebarRow] = []
    taken: Counter[tuple[str, str]] = Counter()
    for chat in chats:
        apart = _apart(chat) if titles[chat.title] > 1 else ""
        taken[chat.title, apart] += 1
        if apart and taken[chat.title, apart] > 1:  # begun in the same minute
            apart = f"{apart} ({taken[chat.title, apart]})"
        rows.append(SidebarRow(chat, names.get(chat.model, chat.model), chat.has_pictures, chat.is_running, apart))
    return rows


def _apart(chat: Chat) -> str:
    """When a chat began: its time today, the day and the time before that."""
    begun = timezone.localtime(chat.created)
    return date_format(begun, "H:i" if begun.date() == timezone.localdate() else _("j M, H:i"))


def _day_label(day: date, today: date) -> str:
    if day >= today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    return _("Previous 7 days") if day > today - timedelta(days=7) else _("Older")
