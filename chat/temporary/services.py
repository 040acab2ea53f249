"""Temporary chats: the page or the program has the conversation, and nothing of it is stored here.

The id of such a chat begins with `local:`, and each request brings all its messages. Answers run in the background and
send the same events as those of stored chats; files that are made or uploaded there expire.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat import access, chat_settings, choice, file_addresses, files, history, runs, services, tasks
from chat.access import Person
from chat.models import Chat, File, Message
from chat.pipeline import CompletionRequest, attachments
from chat.runs.temporary import TemporaryStore
from providers.errors import BadRequest, Conflict, Forbidden
from providers.facts import Caller
from providers.sentences import sentence as _

PREFIX = "local:"
_ID = re.compile(r"local:[\w.:-]{1,100}", re.ASCII)  # safe in headers, which carry it too


def new_chat_id() -> str:
    return f"{PREFIX}{uuid.uuid4()}"


def is_temporary(chat_id: str) -> bool:
    return chat_id.startswith(PREFIX)


def files_end(chat_id: str) -> datetime | None:
    """When files that are made in this chat expire; None for a stored chat, where they stay."""
    return files.temporary_end() if is_temporary(chat_id) else None


def answer(message_id: uuid.UUID, request: CompletionRequest) -> uuid.UUID:
    """Begin the answer to a request's messages; returns its id. The same request sent again changes nothing.

    Raises Forbidden (switched off), BadRequest (the chat's id), NotFound (model), Conflict (`id_taken`).
    """
    if not chat_settings.current_blocking().temporary_chats:
        raise Forbidden(_("Temporary chats are switched off on this site."), code="temporary_chats_off")
    if not _ID.fullmatch(request.chat_id):
        raise BadRequest(_("The id of this temporary chat is invalid."), code="invalid_id", param="chat_id")
    messages = _as_stored(request.messages or ())
    attachments.add_to_question(messages, request.files)
    model = choice.model_for(request.caller, request.model)
    request = replace(request, model=model, messages=messages, files_expire_at=files.temporary_end())
    if message_id in runs.running_in(request.user_id, request.chat_id):
        return message_id
    is_known = runs.knows(message_id) or runs.is_strangers(message_id, request.user_id)
    if is_known or Message.objects.filter(pk=message_id).exists():
        raise Conflict(_("This message id is already in use."), code="id_taken")
    runs.start_in(TemporaryStore(message_id, request.chat_id, request.user_id), request)
    return message_id


def running_in(user: Person, chat_id: str) -> list[uuid.UUID]:
    """The person's replies of this chat that run in this process."""
    return runs.running_in(user.pk, chat_id)


def unsaved(user: Person, sent: Sequence[Mapping[str, Any]]) -> list[Message]:
    """The messages that the page of a temporary chat sent, to be rendered; no row is saved."""
    return [_message(message, [files.file_json(row) for row in _rows(user, message["files"])]) for message in sent]


def store(
    caller: Caller, user: Person, sent: Sequence[Mapping[str, Any]], *, rules: Mapping[str, Any] | None = None
) -> Chat:
    """Store a temporary chat for this person: one branch, in this order. Its files no longer expire."""
    first_question = next((part["content"] for part in sent if part["role"] == Message.Role.USER), "")
    models = [part["model"] for part in sent if part["model"]]
    with transaction.atomic():
        chat = services.create_chat(caller, title="", rules=rules)
        now = timezone.now()
        for index, part in enumerate(sent):
            rows = [_own_row(user, row) for row in _rows(user, part["files"])]
            message = _message(part, [{**files.file_json(row), "expires_at": None} for row in rows])
            message.id, message.chat, message.parent = uuid.uuid4(), chat, chat.leaf
            message.created = now + timedelta(microseconds=index)  # the time gives messages their order
            for row in _rows(user, file_addresses.ids_in(part["content"])):
                rows.append(_own_row(user, row))
                message.content = message.content.replace(str(row.pk), str(rows[-1].pk))
            message.save()
            files.attach(rows, message)
            chat.leaf = message
        chat.title, chat.model = tasks.first_words(first_question), models[-1] if models else ""
        chat.save(update_fields=["title", "model", "leaf"])
    return chat


def _message(part: Mapping[str, Any], file_list: list[dict[str, Any]]) -> Message:
    names = ("id", "role", "content", "reasoning", "reasoning_ms", "model", "status", "error", "usage")
    return Message(**{name: part[name] for name in (*names, "status_history", "created")}, files=file_list)


def _own_row(user: Person, row: File) -> File:
    """The row itself where it belongs to the temporary chat alone, else a copy."""
    is_temporary_file = row.expires_at is not None and row.message_id is None
    return row if is_temporary_file else files.copy_for(user, row)


def _rows(user: Person, file_ids: Sequence[object]) -> list[File]:
    """The person's own files among these; those deleted meanwhile are left out."""
    keys = [access.as_uuid(file_id) for file_id in file_ids]
    rows = File.objects.filter(owner_id=user.pk).in_bulk(keys)
    return [rows[key] for key in keys if key in rows]


def _as_stored(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A request's messages in the form of a stored branch's; as they are where one holds more than text and files."""
    if not all(message.keys() <= {"role", "content", "files"} and _is_plain(message) for message in messages):
        return list(messages)
    branch = [
        Message(role=message["role"], content=message["content"], files=message.get("files") or [])
        for message in messages
    ]
    return history.as_openai(branch)


def _is_plain(message: Mapping[str, Any]) -> bool:
    return message.get("role") in Message.Role.values and isinstance(message.get("content"), str)
