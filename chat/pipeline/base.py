"""What a handler is. The guide is the package's docstring."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from chat.pipeline.turn import Turn
from providers.facts import Caller


@dataclass(frozen=True, slots=True)
class Toggle:
    """A chip in the composer. `icon` is a name of the icon sprite; `label` may be a lazy translation."""

    label: Any
    icon: str
    hint: Any = ""


class Handler:
    """Base of all handlers. Instances are shared by all turns of the process: keep nothing on them."""

    name: ClassVar[str]
    toggle: ClassVar[Toggle | None] = None

    def may_use(self, caller: Caller) -> bool:
        """Whether this person may switch the toggle on. Called in a thread; may read the database."""
        return True

    async def handle(self, turn: Turn) -> None:
        """Add context, files and events, change the payload, or finish the turn. What it raises is shown."""
        raise NotImplementedError

    async def receive_pictures(self, turn: Turn, urls: Sequence[str]) -> bool:
        """Keep pictures that the model sent (data or http URLs); False leaves them to the next handler."""
        return False
