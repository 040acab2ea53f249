"""Where a reply is kept: mostly its row, read at the start, saved while it grows and at the end, settled when nobody
runs it any more. (That of a temporary chat is kept nowhere: see temporary.py.)

All times are the database's, so that clocks of several machines need not agree. Blocking: call it in a thread.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db.models import QuerySet
from django.db.models.functions import Now

from chat import history, tasks
from chat.models import Message
from providers.facts import Caller

STALE_SECONDS = 8  # without a heartbeat for this long, a running row has lost its process

Status = Message.Status


@dataclass(frozen=True, slots=True)
class Job:
    """What a reply needs to know at its start."""

    model: str
    messages: list[dict[str, Any]]  # OpenAI messages: the branch down to the question
    files: list[dict[str, Any]]  # of the question
    features: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    files_expire_at: datetime | None = None  # of files that are made for the answer; None: they stay


class Place(Protocol):
    """Where one reply is kept; `linger` is for how many seconds its process can still tell its end."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def chat_id(self) -> uuid.UUID | str: ...
    @property
    def linger(self) -> float: ...

    def load(self) -> Job | None:
        """What is to be answered; None when it is gone, or somebody stopped it before it began."""

    def grow(self, columns: dict[str, Any]) -> bool:
        """Save what changed. False when the reply should end: somebody stopped it, or it is gone."""

    def end(self, columns: dict[str, Any]) -> None:
        """The last save."""

    async def afterwards(self, caller: Caller) -> None:
        """What follows an answer that is done. Never raises GatewayError."""


@dataclass(frozen=True, slots=True)
class Row:
    """The row of a stored chat's answer."""

    id: uuid.UUID
    chat_id: uuid.UUID
    linger: float = 0.0  # afterwards the row tells

    def load(self) -> Job | None:
        answer = Message.objects.filter(pk=self.id).exclude(status=Status.STOPPED).first()
        if answer is None:
            return None
        branch = history.branch_above(answer)
        question = branch[-1] if branch else None
        return Job(
            model=answer.model,
            messages=history.as_openai(branch),
            files=question.files if question else [],
            features=answer.options.get("features", {}),
            params=answer.options.get("params", {}),
        )

    def grow(self, columns: dict[str, Any]) -> bool:
        """With the heartbeat: a row that was taken for lost while its process was merely slow comes back to life."""
        rows = Message.objects.filter(pk=self.id).exclude(status=Status.STOPPED)
        return bool(rows.update(saved=Now(), **_storable(columns)))

    def end(self, columns: dict[str, Any]) -> None:
        """Whatever the row said."""
        Message.objects.filter(pk=self.id).update(saved=Now(), **_storable(columns))

    async def afterwards(self, caller: Caller) -> None:
        await tasks.after_reply(self.chat_id, self.id, caller)


def mark_stopped(message_id: uuid.UUID) -> bool:
    """Stop a reply that another process runs, or that nobody has begun; False when it was over already."""
    rows = Message.objects.filter(pk=message_id, status__in=Message.RUNNING)
    return bool(rows.update(status=Status.STOPPED))


def interrupt_lost(messages: QuerySet[Message], *, alive: Collection[uuid.UUID] = ()) -> list[Message]:
    """Mark the running ones without a heartbeat as interrupted, and return them; `alive` are known to be running."""
    lost = messages.filter(status__in=Message.RUNNING, saved__lt=Now() - timedelta(seconds=STALE_SECONDS))
    found = [message for message in lost.select_related("chat") if message.pk not in alive]
    if found:
        lost.filter(pk__in=[message.pk for message in found]).update(status=Status.INTERRUPTED)
        for message in found:
            message.status = Status.INTERRUPTED
    return found


def _storable(value: Any) -> Any:
    """Without NUL characters, which PostgreSQL does not take: a model must not be able to lose its answer by one."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict):
        return {key: _storable(one) for key, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list) else value
