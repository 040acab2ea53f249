"""One turn of a conversation: what handlers see of it, and what they may do before the model is called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from chat.events import EventType, FileData, plain, with_parts
from chat.history import CONTEXTS
from chat.pipeline import instructions
from chat.pipeline.completion_request import CompletionRequest
from chat.pipeline.picture_allowance import PictureAllowance
from providers.facts import Caller
from providers.relay import RelayRequest


class Sink(Protocol):
    """The target of a turn's events: a stored reply, or the response to a direct request."""

    async def emit(self, type: EventType, data: Any) -> None: ...


@dataclass(slots=True)
class Turn:
    """A request on its way to the model, and where its events go.

    `payload` is the OpenAI body as it will be sent (`model`, `messages`, parameters); handlers may change it. What was
    asked for does not change: `request`, most of whose members can be read from the turn itself.
    """

    request: CompletionRequest
    sink: Sink
    payload: dict[str, Any] = field(init=False, repr=False)
    shown: Sequence[Sequence[Mapping[str, Any]]] = ()  # `files` of the messages, after `attach` took them off
    answer_files: list[FileData] = field(default_factory=list)
    picture_allowance: PictureAllowance = field(default_factory=PictureAllowance)
    finished: bool = False
    tools: frozenset[str] | None = field(init=False)  # the names of those that the model may use; None: all
    is_filtered: bool = False  # filters of pipelines servers have seen the messages
    source: str = ""  # the handler that works on it
    contexts: list[tuple[str, str]] = field(default_factory=list)  # (handler, text) of what the model is told besides
    excerpts: str = ""  # of long documents, for this question alone: later ones search anew
    tool_messages: list[dict[str, Any]] = field(default_factory=list)  # calls and results of this turn

    def __post_init__(self) -> None:
        messages = list(self.request.messages or ())
        self.payload = {**self.request.params, "messages": messages, "model": self.request.model}
        instructions.put_into(self.payload, self.request)
        self.tools = self.request.instructions.tools

    @property
    def caller(self) -> Caller:
        return self.request.caller

    @property
    def chat_id(self) -> str:
        """Empty for a request without a chat, as are `message_id` and `session_id`."""
        return self.request.chat_id

    @property
    def message_id(self) -> str:
        return self.request.message_id

    @property
    def session_id(self) -> str:
        return self.request.session_id

    @property
    def features(self) -> Mapping[str, Any]:
        return self.request.features

    @property
    def files(self) -> Sequence[Mapping[str, Any]]:
        """The files of the last question."""
        return self.request.files

    @property
    def files_expire_at(self) -> datetime | None:
        """When files that are made in this turn expire; None: they stay."""
        return self.request.files_expire_at

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The OpenAI messages; the list itself may be changed."""
        messages: list[dict[str, Any]] = self.payload["messages"]
        return messages

    @property
    def metadata(self) -> dict[str, Any]:
        """Facts about the request for handlers and tools: its ids, and the files of the question and of the answer so
        far.
        """
        ids = {"chat_id": self.chat_id, "message_id": self.message_id, "session_id": self.session_id}
        return {**ids, "files": [*self.files, *self.answer_files]}

    def wants(self, feature: str) -> bool:
        """Whether the request switched a feature on."""
        return bool(self.features.get(feature))

    def limit_tools(self, names: frozenset[str] | None) -> None:
        """Let the model use no other tools than these, of those that it may use; None changes nothing."""
        if names is not None:
            self.tools = names if self.tools is None else self.tools & names

    def allows(self, tool: str) -> bool:
        return self.tools is None or tool in self.tools

    async def emit(self, type: EventType, data: Any) -> None:
        """Send an event about this message to all tabs; `status` and `files` are stored with it."""
        await self.sink.emit(type, with_parts(data) if type == "status" else plain(data))

    def add_context(self, text: str) -> None:
        """Tell the model something that is not part of the conversation, behind the question that it was added for.

        Never in front: what a request begins with stays the same from turn to turn (`chat.pipeline.contexts`).
        """
        self.contexts.append((self.source, text))

    def forget_contexts(self, source: str) -> None:
        """Leave out what a handler added in earlier turns: it may not be told any more."""
        for index, message in enumerate(self.messages):
            if contexts := message.get(CONTEXTS) if self.request.is_stored else None:
                others = [context for context in contexts if context[0] != source]
                self.messages[index] = {**message, CONTEXTS: others}

    async def add_files(self, files: Sequence[FileData]) -> None:
        """Show files with the answer, before those that it has already."""
        self.answer_files[:0] = files
        await self.emit("files", {"files": list(self.answer_files)})

    async def say(self, text: str) -> None:
        """Add text of the handler's own to the answer."""
        await self.emit("message", {"content": text})

    def finish(self) -> None:
        """End the turn without calling the model."""
        self.finished = True

    def relay_request(self, payload: dict[str, Any]) -> RelayRequest:
        """The relay's request for this turn, without the `files` of its messages, which are ours."""
        return RelayRequest(
            operation="chat",
            caller=self.caller,
            payload={**payload, "messages": [_without_files(message) for message in payload["messages"]]},
            raw=None,
            chat_id=self.chat_id,
            message_id=self.message_id,
            cookies=self.request.cookies,
            is_filtered=self.is_filtered,
        )


def _without_files(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "files"} if "files" in message else message
