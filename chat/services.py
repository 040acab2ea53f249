"""The verbs of chats; those that ask for an answer are in `exchanges`. Other tabs get an event after the commit."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chat import access, choice, events, runs, tree
from chat.access import Person
from chat.models import Chat, Folder, Message
from providers.facts import Caller
from providers.process import deletion

TRASH_DAYS = 30  # how long a deletion can be undone
CHATS_AT_ONCE = 20  # that are deleted in one transaction, with their messages


def create_chat(
    caller: Caller,
    *,
    model: str = "",
    title: str = "",
    rules: Mapping[str, Any] | None = None,
    folder: Folder | None = None,
) -> Chat:
    """An empty chat. Raises NotFound when the model is not available to the caller."""
    if model:
        model = choice.model_for(caller, model)
    with transaction.atomic():
        chat = Chat.objects.create(
            user_id=caller.user_id,
            model=model,
            title=title,
            title_is_own=bool(title),
            rules=dict(rules or {}),
            folder=folder,
        )
        tell(chat, "chat:list", {})
    return chat


@transaction.atomic
def select_branch(message: Message) -> uuid.UUID:
    """Show the branch of `message`, continued by the newest messages below it; returns its last message's id."""
    chat = message.chat
    leaf_id = tree.newest_leaf(tree.outline(chat.pk), message.pk)
    if chat.leaf_id != leaf_id:
        Chat.objects.filter(pk=chat.pk).update(leaf_id=leaf_id)
        chat.leaf_id = leaf_id
        tell(chat, "chat:messages", {"chat_id": str(chat.pk)})
    return leaf_id


@transaction.atomic
def rename_chat(chat: Chat, title: str) -> None:
    """Set the person's own title, which no task overwrites."""
    chat.title, chat.title_is_own = title, True
    chat.save(update_fields=["title", "title_is_own"])
    tell(chat, "chat:title", {"title": title})


@transaction.atomic
def set_rules(chat: Chat, rules: Mapping[str, Any]) -> None:
    """Set the chat's own rules, which `RulesSerializer` has checked, instead of those so far. They count from the next
    answer on.
    """
    chat.rules = dict(rules)
    chat.save(update_fields=["rules"])
    tell(chat, "chat:rules", {"rules": chat.rules})


def delete_chat(chat: Chat) -> None:
    """Delete a chat and stop its replies; `restore_chat` undoes it for `TRASH_DAYS`. Older deletions become final."""
    for message_id in chat.messages.filter(status__in=Message.RUNNING).values_list("pk", flat=True):
        runs.stop(message_id)
    with transaction.atomic():
        chat.deleted_at = timezone.now()
        chat.save(update_fields=["deleted_at"])
        tell(chat, "chat:list", {})
    purge_chats(Chat.objects.filter(user_id=chat.user_id))


@transaction.atomic
def restore_chat(chat: Chat) -> None:
    """Undo a deletion."""
    chat.deleted_at = None
    chat.save(update_fields=["deleted_at"])
    tell(chat, "chat:list", {})


def purge_chats(chats: QuerySet[Chat] | None = None, *, before: datetime | None = None) -> int:
    """Remove for good what was deleted before a time (default: `TRASH_DAYS` ago); returns how many chats that were."""
    chats = Chat.objects.all() if chats is None else chats
    before = before or timezone.now() - timedelta(days=TRASH_DAYS)
    return deletion.in_batches(chats.filter(deleted_at__lt=before), CHATS_AT_ONCE)


def stop_reply(message: Message) -> None:
    """Stop the reply of an answer, wherever it runs; its text stays."""
    runs.stop(message.pk)


def stop_task(user: Person, message_id: object) -> None:
    """Stop a reply by its message's id, in a stored chat or a temporary one. Raises NotFound when it is not theirs."""
    if not runs.stop_own(user.pk, access.as_uuid(message_id)):
        stop_reply(access.message_for(user, message_id))


def locked(chat: Chat) -> Chat:
    """The row as it is now, locked until the transaction ends, so that requests of two tabs wait for each other.

    Without a join: PostgreSQL would read the joined rows as they were before it waited for the lock.
    """
    return Chat.objects.select_for_update().get(pk=chat.pk)


def settle_stale(chat: Chat) -> None:
    """Replies of this chat that no process runs any more become `interrupted`; their text so far stays."""
    runs.settle(chat.messages.all())


def preferences_of(user_id: int) -> dict[str, Any]:
    """A person's preferences."""
    return dict(get_user_model()._default_manager.values_list("preferences", flat=True).get(pk=user_id))


def set_preferences(user_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set some preferences of a person (None resets one); returns all."""
    before = preferences_of(user_id)
    if before == _with(before, values):
        return before
    with transaction.atomic():
        row = get_user_model()._default_manager.select_for_update().get(pk=user_id)
        row.preferences = _with(row.preferences, values)
        row.save(update_fields=["preferences"])
        return dict(row.preferences)


def tell(chat: Chat, type: events.EventType, data: dict[str, Any]) -> None:
    """Send an event to the person's tabs, after the commit."""
    transaction.on_commit(partial(events.emit_soon, chat.user_id, type=type, data=data, chat_id=chat.pk))


def _with(before: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**before, **values}.items() if value is not None}
