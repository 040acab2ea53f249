"""Where a person's chats are: pinned, in a folder, archived, deleted; and which answers nobody has seen.

Each change is an `Action` on up to `MOST_CHATS` chats: on all of them or on none. It returns the actions that undo it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chat import access, runs, services
from chat.access import Person
from chat.models import Chat, Message
from providers.errors import BadRequest, Conflict, NotFound
from providers.process import deletion
from providers.sentences import sentence as _

MOST_CHATS = 500  # of one action
MOST_PINNED = 100  # of one person: all of them stand at the head of the list


@dataclass(frozen=True, slots=True)
class Change:
    """An action on some chats; `folder` is where `move` puts them, None for no folder."""

    action: str
    ids: tuple[UUID, ...]
    folder: UUID | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """What is written into the rows; `back` is the action that undoes it, for those chats that it changed."""

    values: Callable[[], Mapping[str, Any]]
    changes: Mapping[str, Any]  # filters of the chats that are not so yet
    back: str = ""
    of_deleted: bool = False  # it works on deleted chats instead of present ones


ACTIONS: Mapping[str, Action] = {
    "pin": Action(lambda: {"pinned_at": timezone.now()}, {"pinned_at": None}, back="unpin"),
    "unpin": Action(lambda: {"pinned_at": None}, {"pinned_at__isnull": False}, back="pin"),
    "archive": Action(lambda: {"archived_at": timezone.now()}, {"archived_at": None}, back="unarchive"),
    "unarchive": Action(lambda: {"archived_at": None}, {"archived_at__isnull": False}, back="archive"),
    "read": Action(lambda: {"unread": False}, {"unread": True}, back="unread"),
    "unread": Action(lambda: {"unread": True}, {"unread": False}, back="read"),
    "delete": Action(lambda: {"deleted_at": timezone.now()}, {}, back="restore"),
    "restore": Action(lambda: {"deleted_at": None}, {}, back="delete", of_deleted=True),
}
MOVE, ERASE = "move", "erase"  # into a folder, or out of all; delete for good what was deleted before
SWITCHES = {"pinned": ("pin", "unpin"), "archived": ("archive", "unarchive"), "unread": ("unread", "read")}
NAMES = (*ACTIONS, MOVE, ERASE)


def do(user: Person, change: Change) -> list[Change]:
    """Do it, and return what undoes it. Raises NotFound when one of the chats, or the folder, is not theirs;
    BadRequest (too many, unknown action), Conflict (`pins_full`). Then nothing is changed.
    """
    if change.action not in NAMES:
        raise BadRequest(_("There is no such action. Choose one of these: %s.") % ", ".join(NAMES), param="action")
    if len(change.ids) > MOST_CHATS:
        raise BadRequest(_("Choose at most %d chats at once.") % MOST_CHATS, code="too_many", param="ids")
    if change.action == "delete":
        _stop_replies(user, change.ids)
    with transaction.atomic():
        rows = _locked(user, change)
        if change.action == ERASE:
            back: list[Change] = []
        elif change.action == MOVE:
            back = _move(user, rows, change.folder)
        else:
            back = _apply(user, rows, change.action)
        if rows:
            _tell(user, rows, change.action)
    if change.action == ERASE:
        erased = Chat.objects.filter(pk__in=[chat.pk for chat in rows], deleted_at__isnull=False)
        deletion.in_batches(erased, services.CHATS_AT_ONCE)
    return back


def update(user: Person, chat: Chat, values: Mapping[str, Any]) -> None:
    """Change one chat: `title`, `rules`, `folder`, `pinned`, `archived`, `unread`, each where it is given.

    Raises as `do`.
    """
    with transaction.atomic():
        if "title" in values:
            services.rename_chat(chat, values["title"])
        if "rules" in values:
            services.set_rules(chat, values["rules"] or {})
        if "folder" in values:
            do(user, Change(MOVE, (chat.pk,), values["folder"]))
        for member, (on, off) in SWITCHES.items():
            if member in values:
                do(user, Change(on if values[member] else off, (chat.pk,)))
    chat.refresh_from_db()


def empty_trash(user: Person) -> int:
    """Delete for good all that the person deleted; returns how many chats that were."""
    return deletion.in_batches(deleted(user), services.CHATS_AT_ONCE)


def see(chat: Chat) -> None:
    """The person has this chat before them: nothing in it is new any more."""
    if chat.unread:
        with transaction.atomic():
            Chat.objects.filter(pk=chat.pk).update(unread=False)
            services.tell(chat, "chat:read", {"unread": False})
        chat.unread = False


def deleted(user: Person) -> QuerySet[Chat]:
    """The person's trash, what was deleted last first."""
    return Chat.objects.filter(user_id=user.pk, deleted_at__isnull=False).order_by("-deleted_at", "-pk")


def _locked(user: Person, change: Change) -> list[Chat]:
    """The rows, locked in one order, so that two requests at once wait for each other."""
    is_deleted = change.action == ERASE or (change.action in ACTIONS and ACTIONS[change.action].of_deleted)
    wanted = set(change.ids)
    own = Chat.objects.filter(user_id=user.pk, pk__in=wanted, deleted_at__isnull=not is_deleted)
    rows = list(own.select_for_update().order_by("pk"))
    if len(rows) < len(wanted):
        raise NotFound(
            _("Some of these chats were not found. They may have been deleted. Nothing was changed."),
            code="chat_not_found",
        )
    return rows


def _apply(user: Person, rows: Sequence[Chat], name: str) -> list[Change]:
    action = ACTIONS[name]
    rows_of = Chat.objects.filter(pk__in=[chat.pk for chat in rows], **action.changes)
    ids = tuple(rows_of.values_list("pk", flat=True))
    if name == "pin" and ids:
        _check_pins(user, len(ids))
    Chat.objects.filter(pk__in=ids).update(**action.values())
    return [Change(action.back, ids)] if ids else []


def _check_pins(user: Person, more: int) -> None:
    pinned = Chat.objects.filter(user_id=user.pk, deleted_at=None, pinned_at__isnull=False).count()
    if pinned + more > MOST_PINNED:
        raise Conflict(
            _("At most %d chats can be pinned. Unpin some first.") % MOST_PINNED, code="pins_full", param="ids"
        )


def _move(user: Person, rows: Sequence[Chat], folder_id: UUID | None) -> list[Change]:
    folder = access.folder_for(user, folder_id) if folder_id else None
    target = folder.pk if folder else None
    before: dict[UUID | None, list[UUID]] = {}
    for chat in rows:
        if chat.folder_id != target:
            before.setdefault(chat.folder_id, []).append(chat.pk)
    Chat.objects.filter(pk__in=[chat.pk for chat in rows]).update(folder=folder)
    return [Change(MOVE, tuple(ids), earlier) for earlier, ids in before.items()]


def _stop_replies(user: Person, ids: Sequence[UUID]) -> None:
    running = Message.objects.filter(chat__user_id=user.pk, chat__in=ids, status__in=Message.RUNNING)
    for message_id in running.values_list("pk", flat=True):
        runs.stop(message_id)


def _tell(user: Person, rows: Sequence[Chat], action: str) -> None:
    """One event for all of them: tabs ask for their list anew."""
    if action in ("read", "unread") and len(rows) == 1:
        services.tell(rows[0], "chat:read", {"unread": action == "unread"})
    else:
        services.tell(rows[0], "chat:list", {})
