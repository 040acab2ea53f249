"""Temporary chats: the conversation lives with whoever asks (a page, a program), and nothing of it is written here.

Such a chat is named `local:` and anything; each request brings all its messages. Its answers run in the background and
tell the same events as those of stored chats; files made or uploaded there have an end date.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chat import access, choice, file_addresses, files, history, runs, services, switches, tasks
from chat.access import Person
from chat.models import Chat, File, Message
from chat.pipeline import CompletionRequest, attachments
from chat.runs.temporary import TemporaryStore
from providers.errors import BadRequest, Conflict, Forbidden
from providers.facts import Caller

PREFIX = "local:"
_ID = re.compile(r"local:[\w.:-]{1,100}", re.ASCII)  # it travels in headers


def new_chat_id() -> str:
    return f"{PREFIX}{uuid.uuid4()}"


def is_temporary(chat_id: str) -> bool:
    return chat_id.startswith(PREFIX)


def files_end(chat_id: str) -> datetime | None:
    """When files that are made in this chat go; None for a stored chat, where they stay."""
    return files.temporary_end() if is_temporary(chat_id) else None


def answer(message_id: uuid.UUID, request: CompletionRequest) -> uuid.UUID:
    """Begin the answer to a request's messages; returns its id. The same request sent again changes nothing.

    Raises Forbidden (switched off), BadRequest (the chat's id), NotFound (model), Conflict (`id_taken`).
    """
    if not switches.current_blocking().temporary_chats:
        raise Forbidden(_("Temporary chats are switched off on this site."), code="temporary_chats_off")
    if not _ID.fullmatch(request.chat_id):
        raise BadRequest(_("The id of this temporary chat has the wrong form."), code="invalid_id", param="chat_id")
    messages = _as_stored(request.messages or ())
    attachments.place(messages, request.files)
    model = choice.model_for(request.caller, request.model)
    request = replace(request, model=model, messages=messages, files_expire_at=files.temporary_end())
    if message_id in runs.running_in(request.user_id, request.chat_id):
        return message_id
    is_known = runs.knows(message_id) or runs.is_strangers(message_id, request.user_id)
    if is_known or Message.objects.filter(pk=message_id).exists():
        raise Conflict(_("This message id is taken."), code="id_taken")
    runs.start_in(TemporaryStore(message_id, request.chat_id, request.user_id), request)
    return message_id


def running_in(user: Person, chat_id: str) -> list[uuid.UUID]:
    """The person's replies of this chat that run in this process."""
    return runs.running_in(user.pk, chat_id)


def drawable(user: Person, told: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Messages as a temporary chat tells of them, to be shown; no row is made."""
    return [_message(one, [files.file_json(row) for row in _rows(user, one["files"])]) for one in told]


def keep(caller: Caller, user: Person, told: Sequence[Mapping[str, Any]]) -> Chat:
    """A temporary chat as a stored one of this person: one branch, in this order. Its files lose their end."""
    asked = next((one["content"] for one in told if one["role"] == Message.Role.USER), "")
    models = [one["model"] for one in told if one["model"]]
    with transaction.atomic():
        chat = services.create_chat(caller, title="")
        now = timezone.now()
        for index, one in enumerate(told):
            rows = [_of_the_chat(user, row) for row in _rows(user, one["files"])]
            message = _message(one, [{**files.file_json(row), "expires_at": None} for row in rows])
            message.id, message.chat, message.parent = uuid.uuid4(), chat, chat.leaf
            message.created = now + timedelta(microseconds=index)  # what says which came first
            for row in _rows(user, file_addresses.ids_in(one["content"])):
                rows.append(_of_the_chat(user, row))
                message.content = message.content.replace(str(row.pk), str(rows[-1].pk))
            message.save()
            files.attach(rows, message)
            chat.leaf = message
        chat.title, chat.model = tasks.first_words(asked), models[-1] if models else ""
        chat.save(update_fields=["title", "model", "leaf"])
    return chat


def _message(told: Mapping[str, Any], shown: list[dict[str, Any]]) -> Message:
    names = ("id", "role", "content", "reasoning", "reasoning_ms", "model", "status", "error", "usage")
    return Message(**{name: told[name] for name in (*names, "status_history", "created")}, files=shown)


def _of_the_chat(user: Person, row: File) -> File:
    """A file that belongs to nothing but the temporary chat; of one that has a place of its own already, a new row."""
    ends = row.expires_at is not None and row.message_id is None
    return row if ends else files.copy_for(user, row)


def _rows(user: Person, file_ids: Sequence[object]) -> list[File]:
    """The person's own files among those named; what has gone meanwhile is left out."""
    keys = [access.as_uuid(file_id) for file_id in file_ids]
    found = File.objects.filter(owner_id=user.pk).in_bulk(keys)
    return [found[key] for key in keys if key in found]


def _as_stored(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A request's messages in the form of a stored branch's; as they are where one holds more than text and files."""
    if not all(one.keys() <= {"role", "content", "files"} and _is_plain(one) for one in messages):
        return list(messages)
    branch = [Message(role=one["role"], content=one["content"], files=one.get("files") or []) for one in messages]
    return history.as_openai(branch)


def _is_plain(message: Mapping[str, Any]) -> bool:
    return message.get("role") in Message.Role.values and isinstance(message.get("content"), str)
