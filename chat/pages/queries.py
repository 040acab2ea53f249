"""The queries of the pages; their number does not grow with the rows."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Greatest, Left, Lower, StrIndex, Substr
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from chat import access, search, tree
from chat.access import Person
from chat.models import Chat, File, Message, Share
from chat.pages import cursors
from providers import catalogue

SHARED_SIZE = 50  # messages a shared chat shows at once: it is read from its beginning
OWNERS_ONLY = ("reasoning", "connection", "usage", "error", "options")
THREAD_SIZE = 20  # messages a thread shows at first, and at each step upwards
LIST_SIZE = 40  # chats the sidebar shows at first, and at each step downwards
SNIPPET = 80  # characters of a message that a search shows
AROUND = 600  # characters of a message that a search reads
SHOWN = 50_000  # characters of a text that a page shows unless it is asked for the whole


@dataclass(frozen=True, slots=True)
class ThreadEntry:
    """A message of the thread; `branches` are the ids of its alternatives and its own, oldest first."""

    message: Message
    branches: tuple[UUID, ...]
    model_name: str
    is_cut: bool = False  # the message holds only the beginning of its texts

    @property
    def number(self) -> int:
        return self.branches.index(self.message.pk) + 1

    @property
    def previous(self) -> UUID | None:
        return self.branches[self.number - 2] if self.number > 1 else None

    @property
    def next(self) -> UUID | None:
        return self.branches[self.number] if self.number < len(self.branches) else None


@dataclass(frozen=True, slots=True)
class Thread:
    """Consecutive messages of the shown branch; `earlier` is the id of the first one if there are older messages."""

    entries: list[ThreadEntry]
    earlier: UUID | None = None


@dataclass(frozen=True, slots=True)
class SharedEntry:
    """A message of a shared thread. `files` are those that readers may see: of this chat, and its owner's.

    `steps` are the status lines that name sources; the others concern the owner alone.
    """

    message: Message
    model_name: str
    files: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class SharedThread:
    """A page of a shared branch; `earlier` and `later` are the numbers of the pages around it, 0 for none."""

    entries: list[SharedEntry]
    earlier: int = 0
    later: int = 0


@dataclass(frozen=True, slots=True)
class SidebarRow:
    """A chat in the sidebar, with the part of a message that a search matched.

    `apart` is what tells it from others of the same title.
    """

    chat: Chat
    snippet: str = ""
    model_name: str = ""
    has_pictures: bool = False
    apart: str = ""


@dataclass(frozen=True, slots=True)
class SidebarSection:
    """Chats of one stretch of time; `continued` when the page before this one showed its heading already."""

    label: str
    rows: list[SidebarRow]
    continued: bool = False


@dataclass(frozen=True, slots=True)
class SidebarPage:
    """A page of the sidebar; `cursor` asks for the next one, empty at the end."""

    sections: list[SidebarSection]
    cursor: str = ""


def thread(chat: Chat, *, before: UUID | None = None) -> Thread:
    """The end of the shown branch, or the stretch above the message `before`. Two queries."""
    outline = list(chat.messages.only("pk", "chat", "parent", "role", "created").order_by("created", "pk"))
    branch = tree.branch_to(outline, chat.leaf_id)
    if before is not None:
        branch = branch[: next((index for index, message in enumerate(branch) if message.pk == before), 0)]
    shown = branch[-THREAD_SIZE:]
    return Thread(_entries(outline, shown), earlier=shown[0].pk if len(branch) > len(shown) else None)


def beginnings() -> QuerySet[Message]:
    """A query of messages that reads only the beginnings of their texts, for `entry`."""
    return _with_beginnings(Message.objects.all(), _both_beginnings())


def entry(message: Message, *, whole: bool) -> ThreadEntry:
    """One message with its alternatives, in full length if `whole`, else one of `beginnings`. One query."""
    siblings = message.chat.messages.filter(parent_id=message.parent_id, role=message.role).order_by("created", "pk")
    name = _model_names().get(message.model, message.model)
    is_cut = not whole and _cut(message, *_beginnings(message, _both_beginnings()))
    return ThreadEntry(message, tuple(siblings.values_list("pk", flat=True)), name, is_cut)


def lone_entries(messages: Iterable[Message]) -> list[ThreadEntry]:
    """Messages without alternatives, which need not be stored. No query."""
    names = _model_names()
    return [ThreadEntry(message, (message.pk,), names.get(message.model, message.model)) for message in messages]


def _entries(outline: Iterable[Message], shown: list[Message]) -> list[ThreadEntry]:
    alternatives: dict[tuple[UUID | None, str], list[UUID]] = {}
    for message in outline:
        alternatives.setdefault((message.parent_id, message.role), []).append(message.pk)
    rows = _cut_rows(Message.objects.all(), [message.pk for message in shown], _both_beginnings())
    present = [rows[message.pk] for message in shown if message.pk in rows]
    names = _model_names()
    return [
        ThreadEntry(row, tuple(alternatives[row.parent_id, row.role]), names.get(row.model, row.model), is_cut)
        for row, is_cut in present
    ]


def _both_beginnings() -> dict[str, Left]:
    return {name: Left(name, SHOWN + 1) for name in ("content", "reasoning")}


def _cut_rows(
    messages: QuerySet[Message], keys: list[UUID], parts: dict[str, Left]
) -> dict[UUID, tuple[Message, bool]]:
    """The messages by id, with the beginnings of their texts, and whether these are longer. One query."""
    rows = _with_beginnings(messages, parts).in_bulk(keys)
    return {key: (row, _cut(row, *_beginnings(row, parts))) for key, row in rows.items()}


def _with_beginnings(messages: QuerySet[Message], parts: dict[str, Left]) -> QuerySet[Message]:
    return messages.defer(*parts).annotate(**{f"{name}_beginning": part for name, part in parts.items()})


def _beginnings(row: Message, names: Iterable[str]) -> list[str]:
    return [getattr(row, f"{name}_beginning") for name in names]


def _cut(message: Message, content: str, reasoning: str = "") -> bool:
    """Give the message the beginnings of these texts; returns whether one is longer. The message is not saved again."""
    message.content, message.reasoning = content[:SHOWN], reasoning[:SHOWN]
    return max(len(content), len(reasoning)) > SHOWN


def shared_thread(share: Share, *, number: int = 1, whole: UUID | None = None) -> SharedThread:
    """A page of what readers see, counted from 1, with the message `whole` in full length. Three or four queries."""
    messages = access.readable(share)
    start = (number - 1) * SHARED_SIZE
    shown = messages[start : start + SHARED_SIZE]
    has_more = start + SHARED_SIZE < len(messages)
    keys = [message.pk for message in shown if message.pk != whole]
    rows = _cut_rows(Message.objects.defer(*OWNERS_ONLY), keys, {"content": Left("content", SHOWN + 1)})
    if len(keys) < len(shown):
        rows |= _whole_rows([message.pk for message in shown if message.pk == whole])
    entries = _shared_entries(share, shown, rows)
    return SharedThread(entries, earlier=number - 1, later=number + 1 if has_more else 0)


def shared_entries(share: Share, messages: list[Message]) -> list[SharedEntry]:
    """These messages as readers see them, in full length. Two queries."""
    return _shared_entries(share, messages, _whole_rows([message.pk for message in messages]))


def _whole_rows(keys: list[UUID]) -> dict[UUID, tuple[Message, bool]]:
    return {key: (row, False) for key, row in Message.objects.defer(*OWNERS_ONLY).in_bulk(keys).items()}


def _shared_entries(share: Share, messages: list[Message], rows: dict[UUID, tuple[Message, bool]]) -> list[SharedEntry]:
    present = [rows[message.pk] for message in messages if message.pk in rows]
    listed = {access.as_uuid(pk) for message, _is_cut in present for pk in access.listed_files(message)}
    # Other files that a message lists are not its owner's, or not of this chat, and would not be served.
    servable = File.objects.filter(chat_id=share.chat_id, owner_id=share.chat.user_id, pk__in=listed)
    file_ids = {str(pk) for pk in servable.values_list("pk", flat=True)}
    names = _model_names()
    return [
        SharedEntry(
            message,
            names.get(message.model, message.model),
            [_without_provenance(file) for file in message.files if _is_listed(file, file_ids)],
            [{"description": "", "done": True, "sources": step["sources"]} for step in _steps_with_sources(message)],
            is_cut,
        )
        for message, is_cut in present
    ]


def _is_listed(file: Any, file_ids: set[str]) -> bool:
    return isinstance(file, dict) and str(file.get("id")) in file_ids


def _steps_with_sources(message: Message) -> list[dict[str, Any]]:
    return [step for step in message.status_history if isinstance(step, dict) and step.get("sources")]


def _without_provenance(file: dict[str, Any]) -> dict[str, Any]:
    """Remove how a picture was made, and by which engine: that is for its owner alone."""
    return {name: value for name, value in file.items() if name != "provenance"}


def _model_names() -> dict[str, str]:
    return {public_id: route.name or public_id for public_id, route in catalogue.snapshot_blocking().routes.items()}


def sidebar_page(user: Person, *, words: str = "", cursor: str = "") -> SidebarPage:
    """The person's chats, newest first; with `words`, those whose title or messages contain them. One query."""
    pictures = File.objects.filter(chat=OuterRef("pk"), content_type__startswith="image/")
    chats = search.chats_of(user, words).select_related("share").annotate(has_pictures=Exists(pictures))
    if words:
        position = StrIndex(Lower("content"), Lower(Value(words)))
        around = Substr("content", Greatest(position - AROUND // 3, 1), AROUND)
        matches = Message.objects.filter(chat=OuterRef("pk"), content__icontains=words).order_by("-created")
        chats = chats.annotate(match=Subquery(matches.values(around=around)[:1]))
    shown, next_cursor = cursors.page_of(chats, cursor, by="updated", size=LIST_SIZE)
    rows = _rows(shown, words)
    today, end = timezone.localdate(), cursors.parsed(cursor)
    shown_label = _day_label(timezone.localtime(end[0]).date(), today) if end else ""
    grouped = groupby(rows, key=lambda row: _day_label(timezone.localtime(row.chat.updated).date(), today))
    sections = [SidebarSection(label, list(group), continued=label == shown_label) for label, group in grouped]
    return SidebarPage(sections, next_cursor)


def _rows(chats: list[Any], words: str) -> list[SidebarRow]:
    names = _model_names()
    titles = Counter(chat.title for chat in chats)
    rows: list[SidebarRow] = []
    taken: Counter[tuple[str, str]] = Counter()
    for chat in chats:
        apart = _apart(chat) if titles[chat.title] > 1 else ""
        taken[chat.title, apart] += 1
        if apart and taken[chat.title, apart] > 1:  # begun in the same minute
            apart = f"{apart} ({taken[chat.title, apart]})"
        snippet = _snippet(getattr(chat, "match", None) or "", words)
        rows.append(SidebarRow(chat, snippet, names.get(chat.model, chat.model), chat.has_pictures, apart))
    return rows


def _apart(chat: Chat) -> str:
    """When a chat began: its time today, the day and the time before that."""
    begun = timezone.localtime(chat.created)
    return date_format(begun, "H:i" if begun.date() == timezone.localdate() else _("j M, H:i"))


def _snippet(content: str, words: str) -> str:
    """The part of a message around the words, on one line."""
    line = " ".join(content.split())
    at = line.lower().find(words.lower()) if words else -1
    if at < 0:
        return ""
    start = max(0, at - SNIPPET // 3)
    end = start + SNIPPET
    return ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")


def _day_label(day: date, today: date) -> str:
    if day >= today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    return _("Previous 7 days") if day > today - timedelta(days=7) else _("Older")
