"""Temporary chats: the conversation lives with whoever asks (a page, a program), and nothing of it is written here.

Such a chat is named `local:` and anything; each request brings all its messages. Its answers run in the background and
tell the same events as those of stored chats; files made or uploaded there have an end date.
"""

import re
import uuid
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from chat import choice, files, runs, switches
from chat.access import Person
from chat.asking import Wish
from chat.models import Message
from chat.runs import Given
from chat.runs.saving import Job
from chat.runs.unkept import Nowhere
from providers.errors import BadRequest, Conflict, Forbidden

PREFIX = "local:"
_ID = re.compile(r"local:[\w.:-]{1,100}", re.ASCII)  # it travels in headers


def is_temporary(chat_id: str) -> bool:
    return chat_id.startswith(PREFIX)


def answer(chat_id: str, message_id: uuid.UUID, wish: Wish, *, given: Given, files: Sequence[Any] = ()) -> uuid.UUID:
    """Begin the answer to what `given` says last; returns its id. The same request sent again changes nothing.

    Raises Forbidden (switched off), BadRequest (the chat's id), NotFound (model), Conflict (`id_taken`).
    """
    if not switches.current_blocking().temporary_chats:
        raise Forbidden(_("Temporary chats are switched off on this site."), code="temporary_chats_off")
    if not _ID.fullmatch(chat_id):
        raise BadRequest(_("The id of this temporary chat has the wrong form."), code="invalid_id", param="chat_id")
    job = _job(wish, given, files)
    if message_id in runs.running_in(wish.user_id, chat_id):
        return message_id
    if runs.knows(message_id) or Message.objects.filter(pk=message_id).exists():
        raise Conflict(_("This message id is taken."), code="id_taken")
    runs.start_at(Nowhere(message_id, chat_id, wish.user_id, job), asker=wish.asker, given=given)
    return message_id


def running_in(user: Person, chat_id: str) -> list[uuid.UUID]:
    """The person's replies of this chat that run in this process."""
    return runs.running_in(user.pk, chat_id)


def _job(wish: Wish, given: Given, attached: Sequence[Any]) -> Job:
    return Job(
        model=choice.model_for(wish.asker.caller, wish.model),
        messages=given.payload["messages"],
        question="",
        files=[one for one in attached if isinstance(one, dict)],
        features=dict(wish.features),
        files_expire_at=files.temporary_end(),
    )
