"""The base of handlers. The package's docstring says how to write one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from chat.events import FileData
from chat.pipeline.turn import Turn
from providers.facts import Caller


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of an option; the default has the empty value and is not sent."""

    value: str
    label: Any
    hint: Any = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A choice that the composer offers beside an active chip; it becomes member `name` of the feature's object.

    Choices of a word each may stand in one row (`is_row`).
    """

    name: str
    label: Any
    choices: tuple[Choice, ...]
    is_row: bool = False


@dataclass(frozen=True, slots=True)
class Starter:
    """A suggested first message; `icon` is a name of the sprite. `feature` is switched on for it.

    Without a prompt it leads to `url`, or asks for a file.
    """

    icon: str
    title: Any
    hint: Any
    prompt: Any = ""
    feature: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Toggle:
    """A chip in the composer. `icon` is a name of the icon sprite; `label` may be a lazy translation.

    `starter` shows on the page of a new chat what the chip is for.
    """

    label: Any
    icon: str
    hint: Any = ""
    options: tuple[Option, ...] = ()
    starter: Starter | None = None


class Handler:
    """Base of all handlers. Instances are shared by all turns of the process: keep nothing on them."""

    name: ClassVar[str]
    goes_on: ClassVar[bool] = False  # whether it works too on an answer that goes on, which has what others added
    toggle: ClassVar[Toggle | None] = None
    # For what needs more than a chip and options: a template that the chat page includes, and a module of `static/js`.
    page_part: ClassVar[str] = ""
    page_script: ClassVar[str] = ""

    def may_use(self, caller: Caller) -> bool:
        """Whether this person may switch the toggle on. Called in a thread; may read the database."""
        return True

    def toggle_for(self, caller: Caller) -> Toggle | None:
        """The chip as this person sees it; None when they may not use it. May read the database."""
        return self.toggle if self.toggle is not None and self.may_use(caller) else None

    async def handle(self, turn: Turn) -> None:
        """Add context, files and events, change the payload, or finish the turn. An exception becomes a status line."""
        raise NotImplementedError

    async def before_model(self, turn: Turn) -> None:
        """Change the payload as the model will read it, once all handlers have worked and files are attached.

        A GatewayError ends the turn: the model is not called.
        """

    async def after_answer(self, turn: Turn, text: str) -> str:
        """The text of a complete answer, as it is to be stored. A GatewayError becomes a status line."""
        return text

    async def receive_pictures(self, turn: Turn, urls: Sequence[str]) -> bool:
        """Store pictures that the model sent (data or http URLs); False leaves them to the next handler."""
        return False

    async def keep_picture(self, turn: Turn, url: str) -> FileData | None:
        """Store a picture that the model wrote into its text as a data URL; None leaves it to the next handler."""
        return None
