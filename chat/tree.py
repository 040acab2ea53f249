"""Messages as a tree: pure functions over one chat's messages, oldest first."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from uuid import UUID

from chat.models import Message


def branch_to(messages: Iterable[Message], leaf_id: UUID | None) -> list[Message]:
    """The messages from the root down to `leaf_id`; empty when it is None or not among them."""
    by_id = {message.pk: message for message in messages}
    branch = []
    while leaf_id is not None and (message := by_id.pop(leaf_id, None)) is not None:
        branch.append(message)
        leaf_id = message.parent_id
    return branch[::-1]


def finished(branch: Iterable[Message]) -> list[Message]:
    """The branch above the first message that is still being written."""
    return list(takewhile(lambda message: not message.is_running, branch))


def siblings_of(messages: Iterable[Message], message: Message) -> list[Message]:
    """The message and its alternatives: same parent, same role, oldest first."""
    return [row for row in messages if row.parent_id == message.parent_id and row.role == message.role]


def newest_leaf(messages: Sequence[Message], message_id: UUID) -> UUID:
    """The last message of the branch that goes down from a message by the newest child each time."""
    newest_child = {message.parent_id: message.pk for message in messages}  # the last one counts
    while message_id in newest_child:
        message_id = newest_child[message_id]
    return message_id
