"""Messages as a tree: the outline of a chat, and pure functions over one chat's messages, oldest first."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from chat.models import Message


class Row(Protocol):
    """What every function needs of a message: a row of the table, or a `Outlined`."""

    @property
    def pk(self) -> UUID: ...
    @property
    def parent_id(self) -> UUID | None: ...


AnyRow = TypeVar("AnyRow", bound=Row)


class Outlined(NamedTuple):
    """A message without its texts. A chat of thousands has its outline read in a fraction of the time of its rows."""

    pk: UUID
    parent_id: UUID | None
    role: str
    status: str

    @property
    def is_running(self) -> bool:
        return self.status in Message.RUNNING


def outline(chat_id: UUID) -> list[Outlined]:
    """A chat's messages without their texts, oldest first. One query."""
    rows = Message.objects.filter(chat_id=chat_id).order_by("created", "pk")
    return [Outlined(*row) for row in rows.values_list("pk", "parent_id", "role", "status")]


def branch_to(messages: Iterable[AnyRow], leaf_id: UUID | None) -> list[AnyRow]:
    """The messages from the root down to `leaf_id`; empty when it is None or not among them."""
    by_id = {message.pk: message for message in messages}
    branch = []
    while leaf_id is not None and (message := by_id.pop(leaf_id, None)) is not None:
        branch.append(message)
        leaf_id = message.parent_id
    return branch[::-1]


RunningRow = TypeVar("RunningRow", Message, Outlined)


def finished(branch: Iterable[RunningRow]) -> list[RunningRow]:
    """The branch above the first message that is still being written."""
    return list(takewhile(lambda message: not message.is_running, branch))


def newest_leaf(messages: Sequence[Row], message_id: UUID) -> UUID:
    """The last message of the branch that goes down from a message by the newest child each time."""
    newest_child = {message.parent_id: message.pk for message in messages}  # the last one counts
    while message_id in newest_child:
        message_id = newest_child[message_id]
    return message_id
