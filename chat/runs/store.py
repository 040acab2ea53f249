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
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.dispatch import Signal

from chat import events, history, tasks
from chat import files as chat_files
from chat.models import Chat, File, Message
from chat.pipeline import CompletionRequest, attachments, instructions
from chat.runs import inputs
from chat.runs.draft import ended_steps
from providers import json_bodies
from providers.process import clock

STALE_SECONDS = 8  # a running row without a heartbeat for this long has lost its process

Status = Message.Status
interrupted = Signal()  # `message`: its reply ended without its process; other apps add what they have for it
ended = Signal()  # `chat_id`, `request`: a reply of a stored chat ended in this process, well or not, and is saved


class ReplyStore(Protocol):
    """The store of one reply. For `linger` seconds after the end its process can still tell how the reply ended."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def chat_id(self) -> uuid.UUID | str: ...
    @property
    def linger(self) -> float: ...
    @property
    def may_go_on(self) -> bool: ...  # whether an answer that was cut off can be continued

    def load(self, request: CompletionRequest) -> CompletionRequest | None:
        """The request with the messages that the model gets; None when its answer was deleted or stopped before."""

    def save(self, columns: dict[str, Any]) -> bool:
        """Save what changed. False when the reply should end: it was stopped or deleted."""

    def save_end(self, columns: dict[str, Any], read: list[inputs.Input]) -> None:
        """The last save; `read` is what the model read besides the conversation."""

    async def after_end(self, request: CompletionRequest, status: str) -> None:
        """Start what follows the end of a reply. Never raises GatewayError."""


@dataclass(frozen=True, slots=True)
class RowStore:
    """The row of an answer in a stored chat."""

    id: uuid.UUID
    chat_id: uuid.UUID
    part: int = 1  # of the answer: each time it is continued begins another
    linger: float = 0.0  # afterwards the row tells
    may_go_on: bool = True

    def load(self, request: CompletionRequest) -> CompletionRequest | None:
        answers = Message.objects.select_related("chat__folder").exclude(status=Status.STOPPED)
        answer = answers.filter(pk=self.id).first()
        if answer is None:
            return None
        branch = history.branch_above(answer)
        files = branch[-1].files if branch else []
        if request.continues:
            branch.append(answer)
        is_stored = request.messages is None
        if is_stored and (summary := history.summary_of(self.chat_id, branch)) is not None:
            branch = history.after(branch, summary)
        messages = history.as_openai(branch, history.inputs_of(branch) if is_stored else None)
        if request.messages is not None:
            own = list(request.messages)
            attachments.add_stored_files(own, messages)
            attachments.add_to_question(own, [*files, *request.files])
            messages = own
        attachments.add_to_first(messages, _files_of_folder(answer.chat))
        return replace(
            request,
            chat_id=str(self.chat_id),
            message_id=str(self.id),
            messages=messages,
            files=files,
            instructions=instructions.of_chat(answer.chat),
            is_stored=is_stored,
        )

    def save(self, columns: dict[str, Any]) -> bool:
        """Save the answer and its heartbeat. This revives a row that was marked as interrupted while its process was
        slow, unless somebody has continued it since.
        """
        return bool(self._row().exclude(status=Status.STOPPED).update(saved=Now(), **_storable(columns)))

    def save_end(self, columns: dict[str, Any], read: list[inputs.Input]) -> None:
        """Even if the row was stopped or interrupted meanwhile, but not if it was continued."""
        with transaction.atomic():
            if not self._row().update(saved=Now(), **_storable(columns)):
                return
            if read:
                inputs.save(self.id, _storable(read))
        if columns["status"] != Status.STOPPED:  # who stopped it has seen it
            Chat.objects.filter(pk=self.chat_id).update(unread=True)  # until a page says that somebody looks at it
        if columns["status"] == Status.INTERRUPTED and (message := Message.objects.filter(pk=self.id).first()):
            interrupted.send(sender=Message, message=message)

    async def after_end(self, request: CompletionRequest, status: str) -> None:
        await ended.asend_robust(sender=Message, chat_id=self.chat_id, request=request)
        if status == Status.DONE:
            await tasks.after_reply(self.chat_id, self.id, request.caller)

    def _row(self) -> QuerySet[Message]:
        """The row, as long as it holds this part of the answer."""
        is_part = Q(options__parts=self.part)
        if self.part == 1:
            is_part |= Q(options__parts__isnull=True)
        return Message.objects.filter(is_part, pk=self.id)


def _files_of_folder(chat: Chat) -> list[dict[str, Any]]:
    """The files that go along with each question of the chats of a folder."""
    if chat.folder_id is None:
        return []
    return [chat_files.file_json(row) for row in File.objects.filter(folder=chat.folder_id).order_by("created", "pk")]


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
