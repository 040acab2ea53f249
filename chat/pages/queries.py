"""What the pages show, each in a number of queries that does not grow with the rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from chat import access, search, tree
from chat.access import Person
from chat.models import Chat, File, Message, Share
from providers import catalogue

SHARED_SIZE = 50  # messages a shared chat shows at once: it is read from its beginning
OWNERS_ONLY = ("reasoning", "connection", "usage", "error", "options")
THREAD_SIZE = 20  # messages a thread shows at first, and at each step upwards
LIST_SIZE = 40  # chats the sidebar shows at first, and at each step downwards
SNIPPET = 80  # characters of a message that a search shows


@dataclass(frozen=True, slots=True)
class Turn:
    """A message where it stands: `branches` are its alternatives and itself, oldest first."""

    message: Message
    branches: tuple[UUID, ...]
    model_name: str

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
    """A stretch of the shown branch; `earlier` names its first message when there are older ones above it."""

    turns: list[Turn]
    earlier: UUID | None = None


@dataclass(frozen=True, slots=True)
class SharedTurn:
    """A message as readers of a shared chat see it; `files` are those that are its owner's to show.

    Of the steps of its making `steps` keeps the pages that an answer names as its sources.
    """

    message: Message
    model_name: str
    files: list[dict[str, Any]]
    steps: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class SharedThread:
    """A stretch of a shared branch; `earlier` and `later` are the numbers of the pages around it, 0 where none is."""

    turns: list[SharedTurn]
    earlier: int = 0
    later: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A chat in the sidebar, with the words that a search found in it."""

    chat: Chat
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """Chats of one part of the past; `continued` when the page before it already showed its heading."""

    label: str
    found: list[Found]
    continued: bool = False


@dataclass(frozen=True, slots=True)
class ChatList:
    """A page of the sidebar; `cursor` asks for the next one, empty at the end."""

    days: list[Day]
    cursor: str = ""


def thread(chat: Chat, *, before: UUID | None = None) -> Thread:
    """The end of the shown branch, or the stretch above the message `before`. Two queries."""
    outline = list(chat.messages.only("pk", "chat", "parent", "role", "created").order_by("created", "pk"))
    branch = tree.branch_to(outline, chat.leaf_id)
    if before is not None:
        branch = branch[: next((index for index, message in enumerate(branch) if message.pk == before), 0)]
    shown = branch[-THREAD_SIZE:]
    turns = _turns(outline, shown)
    return Thread(turns, earlier=shown[0].pk if len(branch) > len(shown) else None)


def turn(message: Message) -> Turn:
    """One message where it stands. One query."""
    siblings = message.chat.messages.filter(parent_id=message.parent_id, role=message.role).order_by("created", "pk")
    name = _model_names().get(message.model, message.model)
    return Turn(message, tuple(siblings.values_list("pk", flat=True)), name)


def lone_turns(messages: Iterable[Message]) -> list[Turn]:
    """Messages without alternatives, which need not be stored. No query."""
    names = _model_names()
    return [Turn(message, (message.pk,), names.get(message.model, message.model)) for message in messages]


def _turns(outline: Iterable[Message], shown: list[Message]) -> list[Turn]:
    alternatives: dict[tuple[UUID | None, str], list[UUID]] = {}
    for message in outline:
        alternatives.setdefault((message.parent_id, message.role), []).append(message.pk)
    rows = Message.objects.in_bulk([message.pk for message in shown])
    present = [rows[message.pk] for message in shown if message.pk in rows]
    names = _model_names()
    return [Turn(row, tuple(alternatives[row.parent_id, row.role]), names.get(row.model, row.model)) for row in present]


def shared_thread(share: Share, *, number: int = 1) -> SharedThread:
    """A page of what readers see, counted from 1. Three queries."""
    messages = access.readable(share)
    start = (number - 1) * SHARED_SIZE
    shown = messages[start : start + SHARED_SIZE]
    more = start + SHARED_SIZE < len(messages)
    return SharedThread(shared_turns(share, shown), earlier=number - 1, later=number + 1 if more else 0)


def shared_turns(share: Share, messages: list[Message]) -> list[SharedTurn]:
    """Some of what readers see. Two queries."""
    rows = Message.objects.defer(*OWNERS_ONLY).in_bulk([message.pk for message in messages])
    present = [rows[message.pk] for message in messages if message.pk in rows]
    named = {access.as_uuid(pk) for message in present for pk in access.listed_files(message)}
    # Whatever else a message names is not its owner's, or not of this chat, and would not be served.
    held = File.objects.filter(chat_id=share.chat_id, owner_id=share.chat.user_id, pk__in=named)
    known = {str(pk) for pk in held.values_list("pk", flat=True)}
    names = _model_names()
    return [
        SharedTurn(
            message,
            names.get(message.model, message.model),
            [_fact(file) for file in message.files if isinstance(file, dict) and str(file.get("id")) in known],
            [{"description": "", "done": True, "sources": step["sources"]} for step in _steps_with_sources(message)],
        )
        for message in present
    ]


def _steps_with_sources(message: Message) -> list[dict[str, Any]]:
    return [step for step in message.status_history if isinstance(step, dict) and step.get("sources")]


def _fact(file: dict[str, Any]) -> dict[str, Any]:
    """A file without how it was made: by which engine is its owner's to know."""
    return {name: value for name, value in file.items() if name != "provenance"}


def _model_names() -> dict[str, str]:
    return {public_id: route.name or public_id for public_id, route in catalogue.snapshot_blocking().routes.items()}


def chat_list(user: Person, *, words: str = "", cursor: str = "") -> ChatList:
    """The person's chats, newest first; with `words`, those whose title or messages hold them. One query."""
    chats = search.chats_of(user, words).select_related("share").order_by("-updated", "-pk")
    if words:
        said = Message.objects.filter(chat=OuterRef("pk"), content__icontains=words).order_by("-created")
        chats = chats.annotate(said=Subquery(said.values("content")[:1]))
    if place := _place(cursor):
        updated, pk = place
        chats = chats.filter(Q(updated__lt=updated) | Q(updated=updated, pk__lt=pk))
    rows = list(chats[: LIST_SIZE + 1])
    shown = rows[:LIST_SIZE]
    found = [Found(chat, _snippet(getattr(chat, "said", None) or "", words)) for chat in shown]
    today = timezone.localdate()
    seen = _day_label(timezone.localtime(place[0]).date(), today) if place else ""
    days = [
        Day(label, list(group), continued=label == seen)
        for label, group in groupby(
            found, key=lambda one: _day_label(timezone.localtime(one.chat.updated).date(), today)
        )
    ]
    more = len(rows) > len(shown)
    return ChatList(days, cursor=f"{shown[-1].updated.isoformat()}_{shown[-1].pk}" if more else "")


def _place(cursor: str) -> tuple[datetime, UUID] | None:
    """Where a page ended; None for no cursor, or one that is not ours."""
    updated, _between, pk = cursor.rpartition("_")
    try:
        moment = datetime.fromisoformat(updated)
        return (moment, UUID(pk)) if timezone.is_aware(moment) else None
    except ValueError:
        return None


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
