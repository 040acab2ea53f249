"""The row of a reply: read at the start, saved while it grows and at the end, settled when nobody runs it any more.

All times are the database's, so that clocks of several machines need not agree. Blocking: call it in a thread.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from chat import history
from chat.models import Message

STALE_SECONDS = 8  # without a heartbeat for this long, a running row has lost its process

Status = Message.Status


@dataclass(frozen=True, slots=True)
class Job:
    """What a reply needs to know at its start."""

    model: str
    messages: list[dict[str, Any]]  # OpenAI messages: the branch down to the question
    question: str
    files: list[dict[str, Any]]  # of the question
    features: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)


def load(message_id: uuid.UUID) -> Job | None:
    """The job of a new answer; None when it is gone, or somebody stopped it before it began."""
    answer = Message.objects.filter(pk=message_id).exclude(status=Status.STOPPED).first()
    if answer is None:
        return None
    branch = history.branch_above(answer)
    question = branch[-1] if branch else None
    return Job(
        model=answer.model,
        messages=history.as_openai(branch),
        question=question.content if question else "",
        files=question.files if question else [],
        features=answer.options.get("features", {}),
        params=answer.options.get("params", {}),
    )


def grow(message_id: uuid.UUID, columns: dict[str, Any]) -> bool:
    """Save what changed, and the heartbeat. False when the reply should end: somebody stopped it, or it is gone.

    A row that was taken for lost (`interrupted`) while its process was merely slow comes back to life.
    """
    rows = Message.objects.filter(pk=message_id).exclude(status=Status.STOPPED)
    return bool(rows.update(saved=Now(), **_storable(columns)))


def end(message_id: uuid.UUID, columns: dict[str, Any]) -> None:
    """The last save, whatever the row said."""
    Message.objects.filter(pk=message_id).update(saved=Now(), **_storable(columns))


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
