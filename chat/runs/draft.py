"""The draft of an answer: its text grows in pieces, and `seq` counts the events that were sent of it."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

from django.conf import settings

from chat import events
from chat.answers.reader import LONGEST_PIECE
from chat.events import CompletionData, FileData, SnapshotData, StatusData
from chat.models import Message
from providers import stored_errors

Status = Message.Status


class AnswerDraft:
    """Lives on one event loop. Nothing here waits; `RunningReply` sends and saves."""

    def __init__(self, *, for_admin: bool = False) -> None:
        self.for_admin = for_admin  # whether the owner of the answer reads causes of errors
        self.seq = 0
        self.status: str = Status.PENDING
        self.files: list[FileData] = []
        self.status_history: list[StatusData] = []
        self.follow_ups: list[str] = []
        self.error: dict[str, Any] | None = None
        self.usage: dict[str, Any] | None = None
        self.connection = ""
        self.reasoning_ms: int | None = None
        self.first_token_ms: int | None = None
        self.duration_ms: int | None = None
        self._thinking_since: int | None = None
        self._answering = False
        self._content, self._reasoning = StringIO(), StringIO()
        self._unsent_content, self._unsent_reasoning = StringIO(), StringIO()
        self._paused: set[str] = set()  # texts whose next piece begins a new paragraph
        self.context_tokens: int | None = None
        self.is_incomplete = False
        self._earlier_ms = 0  # of an answer that goes on: how long its first part took

    @classmethod
    def of(cls, answer: Message, *, for_admin: bool = False) -> "AnswerDraft":
        """The draft of an answer that goes on: with all that is there."""
        draft = cls(for_admin=for_admin)
        draft._content.write(answer.content)
        draft._reasoning.write(answer.reasoning)
        draft._paused = {"reasoning"} if answer.reasoning.strip() else set()
        draft.files, draft.status_history = list(answer.files), list(answer.status_history)
        draft.usage, draft.connection = answer.usage, answer.connection
        draft.reasoning_ms, draft.first_token_ms = answer.reasoning_ms, answer.first_token_ms
        draft._answering = bool(answer.content)
        draft._earlier_ms = answer.duration_ms or 0
        return draft

    def took(self, milliseconds: int) -> None:
        """Note how long the reply took; what an earlier part of the answer took is added."""
        self.duration_ms = self._earlier_ms + milliseconds

    @property
    def content(self) -> str:
        return self._content.getvalue()

    @property
    def reasoning(self) -> str:
        return self._reasoning.getvalue()

    @property
    def size(self) -> int:
        """Characters of text so far."""
        return self._content.tell() + self._reasoning.tell()

    @property
    def unsent_size(self) -> int:
        """Characters of text that no event has sent yet."""
        return self._unsent_content.tell() + self._unsent_reasoning.tell()

    @property
    def is_over(self) -> bool:
        return self.status not in Message.RUNNING

    def add(self, content: str = "", reasoning: str = "") -> None:
        """Add a piece that no event has sent yet."""
        if self._paused:
            content, reasoning = self._apart("content", content), self._apart("reasoning", reasoning)
        self._content.write(content)
        self._unsent_content.write(content)
        self._reasoning.write(reasoning)
        self._unsent_reasoning.write(reasoning)

    def pause(self) -> None:
        """Begin a new paragraph: tools run between the text so far and the text to come."""
        self._paused = {name for name in ("content", "reasoning") if getattr(self, name).strip()}

    def _apart(self, name: str, text: str) -> str:
        if name not in self._paused or not (text := text.lstrip()):
            return text
        self._paused.discard(name)
        return f"\n\n{text}"

    def note_time(self, now_ms: int, *, thinking: bool, answering: bool) -> None:
        """Measure the thinking time: from the first piece of reasoning to the first piece of the answer after it."""
        if thinking and self._thinking_since is None:
            self._thinking_since = now_ms
        if self._thinking_since is not None and not self._answering:
            self.reasoning_ms = now_ms - self._thinking_since
            self._answering = answering

    def append(self, content: str) -> None:
        """Add text that a separate event sends."""
        self._content.write(content)

    def replace(self, content: str) -> None:
        """Replace the whole text; unsent pieces of the old one are dropped."""
        self._content, self._unsent_content = StringIO(), StringIO()
        self._content.write(content)

    def move_to_reasoning(self, since: int) -> str:
        """Move the content after the first `since` characters to the reasoning. Returns the content that stays: the
        caller sends it as a replacement, after everything else was sent.
        """
        text = self.content
        self.replace(text[:since])
        self._reasoning.write(text[since:])
        self._unsent_reasoning.write(text[since:])
        self._answering = False
        return text[:since]

    def note_status(self, data: StatusData) -> None:
        """Add a status line, without its preview. It replaces the last line if that is the same step in progress."""
        line = events.stored_step(data)
        last = self.status_history[-1] if self.status_history else None
        if last and not last.get("done") and _is_same_step(last, line):
            self.status_history[-1] = line
        else:
            self.status_history.append(line)

    def _steps(self) -> list[StatusData]:
        return ended_steps(self.status_history) if self.is_over else list(self.status_history)

    def take_unsent(self) -> CompletionData | None:
        """The next part of the added text, as the data of the next event; None without any."""
        content, self._unsent_content = _divided(self._unsent_content)
        reasoning, self._unsent_reasoning = _divided(self._unsent_reasoning)
        if not content and not reasoning:
            return None
        data: CompletionData = {"content": content, "done": False}
        return {**data, "reasoning": reasoning} if reasoning else data

    def snapshot(self) -> SnapshotData:
        """The answer at `seq`: without the pieces that no event has sent yet."""
        return {
            "content": self.content[: self._content.tell() - self._unsent_content.tell()],
            "reasoning": self.reasoning[: self._reasoning.tell() - self._unsent_reasoning.tell()],
            "files": self.files,
            "status": self.status,
            "status_history": events.worded_steps(self._steps()),
            "error": stored_errors.worded(self.error, for_admin=self.for_admin),
            "usage": self.usage,
            "done": self.is_over,
        }

    def row(self) -> dict[str, Any]:
        """The values of its message's columns now."""
        return {
            "content": self.content,
            "reasoning": self.reasoning,
            "files": list(self.files),
            "status_history": self._steps(),
            "follow_ups": list(self.follow_ups),
            "status": self.status,
            "error": self.error,
            "usage": self.usage,
            "context_tokens": self.context_tokens,
            "is_incomplete": self.is_incomplete,
            "connection": self.connection,
            "reasoning_ms": self.reasoning_ms,
            "first_token_ms": self.first_token_ms,
            "duration_ms": self.duration_ms,
        }


def _is_same_step(last: StatusData, line: StatusData) -> bool:
    """Whether two lines are of one step: they say the same, answer the same question, or tell of the same call."""
    if last.get("description") == line.get("description"):
        return True
    if "approval" in last or "approval" in line:
        return last.get("approval", {}).get("id") == line.get("approval", {}).get("id")
    asked = [(call.get("name"), call.get("arguments")) for call in (last.get("call"), line.get("call")) if call]
    return len(asked) == 2 and asked[0] == asked[1]


def ended_steps(status_history: Sequence[Any]) -> list[Any]:
    """The status lines of a finished reply, in which no step is still in progress."""
    return [{**line, "done": True} if line.get("done") is False else line for line in status_history]


def _divided(text: StringIO) -> tuple[str, StringIO]:
    """Split a text into the part for the next event and the rest."""
    value, rest = text.getvalue(), StringIO()
    rest.write(value[LONGEST_PIECE:])
    return value[:LONGEST_PIECE], rest


def snapshot_of(message: Message) -> SnapshotData:
    """A snapshot of a message that this process does not write; of a text that is longer than an answer may be, its
    beginning.

    Rows from before that limit hold up to 50 MB.
    """
    most = settings.CHAT_ANSWER_MAX_CHARACTERS
    return {
        "content": message.content[:most],
        "reasoning": message.reasoning[:most],
        "files": message.files,
        "status": message.status,
        "status_history": events.worded_steps(message.status_history),
        "error": stored_errors.for_owner(message.error, lambda: message.chat.user),
        "usage": message.usage,
        "done": not message.is_running,
    }
