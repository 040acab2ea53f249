"""The stores of running replies.

`RowStore` uses the row of the message: it reads the row at the start and saves it while it grows. A row that no
process runs any more is marked as interrupted. Temporary chats have no rows: see `temporary.py`.

All times are the database's, so that clocks of several machines need not agree. Blocking: call it in a thread.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.dispatch import Signal

from chat import events, history, tasks
from chat.models import Message
from chat.pipeline import CompletionRequest, attachments
from chat.runs.draft import ended_steps
from providers import json_bodies
from providers.facts import Caller
from providers.process import clock

STALE_SECONDS = 8  # a running row without a heartbeat for this long has lost its process

Status = Message.Status
interrupted = Signal()  # `message`: its reply ended without its process; other apps add what they have for it


class ReplyStore(Protocol):
    """The store of one reply. For `linger` seconds after the end its process can still tell how the reply ended."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def chat_id(self) -> uuid.UUID | str: ...
    @property
    def linger(self) -> float: ...

    def load(self, request: CompletionRequest) -> CompletionRequest | None:
        """The request with the messages that the model gets; None when its answer was deleted or stopped before."""

    def save(self, columns: dict[str, Any]) -> bool:
        """Save what changed. False when the reply should end: it was stopped or deleted."""

    def save_end(self, columns: dict[str, Any]) -> None:
        """The last save."""

    async def after_end(self, caller: Caller) -> None:
        """Start the tasks that follow a finished answer. Never raises GatewayError."""


@dataclass(frozen=True, slots=True)
class RowStore:
    """The row of an answer in a stored chat."""

    id: uuid.UUID
    chat_id: uuid.UUID
    linger: float = 0.0  # afterwards the row tells

    def load(self, request: CompletionRequest) -> CompletionRequest | None:
        answer = Message.objects.filter(pk=self.id).exclude(status=Status.STOPPED).first()
        if answer is None:
            return None
        branch = history.branch_above(answer)
        files = branch[-1].files if branch else []
        messages = history.as_openai(branch)
        if request.messages is not None:
            own = list(request.messages)
            attachments.add_stored_files(own, messages)
            attachments.add_to_question(own, [*files, *request.files])
            messages = own
        return replace(request, chat_id=str(self.chat_id), message_id=str(self.id), messages=messages, files=files)

    def save(self, columns: dict[str, Any]) -> bool:
        """Save the answer and its heartbeat. This revives a row that was marked as interrupted while its process was
        slow.
        """
        rows = Message.objects.filter(pk=self.id).exclude(status=Status.STOPPED)
        return bool(rows.update(saved=Now(), **_storable(columns)))

    def save_end(self, columns: dict[str, Any]) -> None:
        """Even if the row was stopped or interrupted meanwhile."""
        Message.objects.filter(pk=self.id).update(saved=Now(), **_storable(columns))
        if columns["status"] == Status.INTERRUPTED and (message := Message.objects.filter(pk=self.id).first()):
            interrupted.send(sender=Message, message=message)

    async def after_end(self, caller: Caller) -> None:
        await tasks.after_reply(self.chat_id, self.id, caller)


def mark_stopped(message_id: uuid.UUID) -> bool:
    """Stop a reply that another process runs, or that nobody has begun; False when it was over already."""
    rows = Message.objects.filter(pk=message_id, status__in=Message.RUNNING)
    steps = rows.values_list("status_history", flat=True).first()
    return steps is not None and bool(rows.update(status=Status.STOPPED, status_history=ended_steps(steps)))


def interrupt_lost(messages: QuerySet[Message], *, alive: Collection[uuid.UUID] = ()) -> list[Message]:
    """Mark the running ones without a heartbeat as interrupted, and return them; `alive` are known to be running."""
    is_stale = clock.is_older("saved", timedelta(seconds=STALE_SECONDS), Now())
    lost = messages.filter(is_stale, status__in=Message.RUNNING)
    settled = []
    for message in lost.select_related("chat__user"):
        steps = ended_steps(message.status_history)
        if message.pk in alive or not lost.filter(pk=message.pk).update(
            status=Status.INTERRUPTED, status_history=steps
        ):
            continue
        message.status, message.status_history = Status.INTERRUPTED, steps
        interrupted.send(sender=Message, message=message)
        settled.append(message)
    return settled


def add_result(message_id: uuid.UUID, *, files: Sequence[Any], step: dict[str, Any]) -> Message | None:
    """Add what was made for an answer after its reply was interrupted, which is done with files; None when the reply's
    own process has added it, or will.
    """
    step = events.stored_step(events.with_parts(step))
    with transaction.atomic():
        rows = Message.objects.filter(pk=message_id, status=Status.INTERRUPTED)
        message = rows.select_for_update().first()
        if message is None:
            return None
        known = {file.get("id") for file in message.files}
        added = [file for file in files if file.get("id") not in known]
        if step in message.status_history and not added:
            return None
        message.files = [*added, *message.files]
        message.status_history = [*ended_steps(message.status_history), step]
        if files:
            message.status = Status.DONE
        message.save(update_fields=["files", "status_history", "status"])
        return message


def _storable(value: Any) -> Any:
    """The values without NUL characters, which PostgreSQL refuses: else one of them would cost the whole answer."""
    return json_bodies.with_texts(value, lambda text: text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
