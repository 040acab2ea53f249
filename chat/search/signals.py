"""The index follows what is written: each message and title, one by one, in bulk, or by a query."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models.signals import post_migrate, post_save
from django.dispatch import receiver

from chat.models import Chat, Message
from chat.models.written import written
from chat.search import index, tables

UIDS = "chat.search.signals."


@receiver(post_migrate, dispatch_uid=f"{UIDS}tables")
def tables_made(sender: Any, using: str, **rest: Any) -> None:
    if sender.label == Chat._meta.app_label:
        tables.install_all(connections[using])


@receiver(post_save, sender=Message, dispatch_uid=f"{UIDS}message")
def message_saved(sender: Any, instance: Message, update_fields: Any, raw: bool = False, **rest: Any) -> None:
    if not raw and not instance.is_running and _is_watched(Message, update_fields):
        index.write_messages([instance.pk])


@receiver(post_save, sender=Chat, dispatch_uid=f"{UIDS}chat")
def chat_saved(sender: Any, instance: Chat, update_fields: Any, raw: bool = False, **rest: Any) -> None:
    if not raw and _is_watched(Chat, update_fields):
        index.write_titles([instance.pk])


@receiver(written, sender=Message, dispatch_uid=f"{UIDS}messages")
def messages_written(sender: Any, ids: Sequence[UUID], **rest: Any) -> None:
    for start in range(0, len(ids), index.BATCH):
        index.write_messages(ids[start : start + index.BATCH])


@receiver(written, sender=Chat, dispatch_uid=f"{UIDS}chats")
def titles_written(sender: Any, ids: Sequence[UUID], **rest: Any) -> None:
    for start in range(0, len(ids), index.BATCH):
        index.write_titles(ids[start : start + index.BATCH])


def _is_watched(model: type[Chat] | type[Message], update_fields: Any) -> bool:
    return update_fields is None or not model.WATCHED.isdisjoint(update_fields)
