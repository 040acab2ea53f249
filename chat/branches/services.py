"""The outline of a chat's tree, and the verb that makes a new chat of one of its branches."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Left
from django.utils import timezone

from chat import access, history, services, tree
from chat.models import Chat, File, Message, ModelInput
from chat.models.inputs import TOOLS
from providers.errors import Conflict
from providers.sentences import sentence as _

EXCERPT = 120  # characters of a message in the outline
BATCH = 500  # rows of one statement


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A message of the outline, without its text but for the beginning."""

    id: uuid.UUID
    parent: uuid.UUID | None
    role: str
    model: str
    status: str
    created: datetime
    excerpt: str
    is_shown: bool


def outline(chat: Chat) -> list[TreeEntry]:
    """All messages, oldest first; those of the branch that is shown are marked. One query."""
    beginning = Left("content", EXCERPT)
    fields = ("pk", "parent_id", "role", "model", "status", "created")
    rows = list(chat.messages.order_by("created", "pk").annotate(excerpt=beginning).values(*fields, "excerpt"))
    parents = {row["pk"]: row["parent_id"] for row in rows}
    shown: set[uuid.UUID] = set()
    above = chat.leaf_id
    while above is not None and above not in shown and above in parents:
        shown.add(above)
        above = parents[above]
    return [
        TreeEntry(
            row["pk"],
            row["parent_id"],
            row["role"],
            row["model"],
            row["status"],
            row["created"],
            " ".join(row["excerpt"].split()),
            row["pk"] in shown,
        )
        for row in rows
    ]


def fork(message: Message) -> Chat:
    """A new chat with the branch that ends with this message. Its files are there too, under ids of their own.

    Raises Conflict (`reply_running`) while an answer of that branch is being written.
    """
    with transaction.atomic():
        source = message.chat
        branch = [*history.branch_above(message), message]
        if tree.finished(branch) != branch:
            raise Conflict(_("This message is still being answered. Stop it first, or wait."), code="reply_running")
        chat = Chat.objects.create(
            user_id=source.user_id,
            title=source.title,
            title_is_own=source.title_is_own,
            model=source.model,
            rules=source.rules,
            folder_id=source.folder_id,
        )
        ids = {row.pk: uuid.uuid4() for row in branch}
        files = _copies_of_files(chat, branch, ids)
        names = {before: str(row.pk) for before, row in files.items()}
        Message.objects.bulk_create((_copy(chat, row, ids, names) for row in branch), batch_size=BATCH)
        File.objects.bulk_create(files.values(), batch_size=BATCH)
        read = ModelInput.objects.filter(answer_id__in=ids).order_by("pk")
        ModelInput.objects.bulk_create(
            (
                ModelInput(answer_id=ids[row.answer_id], source=row.source, content=row.content)
                for row in read
                if row.source == TOOLS or isinstance(row.content, str)
            ),
            batch_size=BATCH,
        )
        chat.leaf_id, chat.updated = ids[message.pk], timezone.now()
        chat.save(update_fields=["leaf", "updated"])
        services.tell(chat, "chat:list", {})
    return chat


def _copy(chat: Chat, row: Message, ids: dict[uuid.UUID, uuid.UUID], files: dict[str, str]) -> Message:
    values: dict[str, Any] = {
        field.attname: getattr(row, field.attname) for field in Message._meta.concrete_fields if not field.primary_key
    }
    values |= {"chat_id": chat.pk, "parent_id": ids.get(row.parent_id) if row.parent_id else None}
    values["files"] = [_renamed(entry, files) for entry in row.files]
    values["content"] = _with_new_ids(row.content, files)
    return Message(pk=ids[row.pk], **values)


def _copies_of_files(chat: Chat, branch: list[Message], ids: dict[uuid.UUID, uuid.UUID]) -> dict[str, File]:
    """Rows of the new chat, not saved yet, by the ids of the files of these messages. The bytes are stored once."""
    listed = {access.as_uuid(file_id): row.pk for row in branch for file_id in access.listed_files(row)}
    wanted = Q(message__in=list(ids)) | Q(pk__in=list(listed))  # an edited question lists files of the original
    copies: dict[str, File] = {}
    for row in File.objects.select_for_update().filter(wanted, owner_id=chat.user_id):
        before, owner = row.pk, row.message_id
        row.pk, row._state.adding = uuid.uuid4(), True
        row.chat = chat
        row.message_id = ids[owner if owner in ids else listed[before]]
        copies[str(before)] = row
    return copies


def _renamed(entry: Any, files: dict[str, str]) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {name: _with_new_ids(value, files) if name in ("id", "url") else value for name, value in entry.items()}


def _with_new_ids(text: Any, files: dict[str, str]) -> Any:
    for before, after in files.items() if isinstance(text, str) else ():
        text = text.replace(before, after)
    return text
