"""The tool calls in a model's answer, from the fragments of a stream or from a whole message.

OpenAI numbers its fragments and gives id and name with the first. Other servers leave out the number or the id, give
every call the number 0, repeat the name, send arguments as an object, or use the older `function_call`.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers import json_bodies
from providers.errors import ProviderError
from providers.sentences import sentence as _

MAX_CALLS = 128  # of one message
MAX_SIZE = 2**20  # characters of all calls of a message, and of the reasoning that goes back with them
MAX_NAME = 200  # characters
KNOWN = ("index", "id", "type", "function")
# Reasoning before the calls, which some servers require to be sent back with them.
ECHOED = ("reasoning_content", "reasoning_details")


@dataclass(slots=True)
class Call:
    """One call. `more` are members of the server's own, such as signatures, which are sent back unchanged."""

    name: str = ""
    id: str = ""
    index: object = None
    legacy: bool = False
    more: dict[str, Any] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)  # of the arguments, as they came

    @property
    def arguments(self) -> str:
        return "".join(self.parts)

    def as_openai(self) -> dict[str, Any]:
        return {**self.more, "id": self.id, "type": "function", "function": self.function()}

    def function(self) -> dict[str, str]:
        return {"name": self.name, "arguments": self.arguments or "{}"}


class CallReader:
    """Reads tool calls from deltas or from a whole message."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._echo: dict[str, list[Any]] = {}  # the values as they came
        self._echo_size = self._size = 0  # characters of the echo, and of the calls

    def take(self, delta: Mapping[str, Any]) -> None:
        """Raises ProviderError (`answer_too_long`) beyond `MAX_SIZE` and `MAX_CALLS`."""
        for name in ECHOED:
            if value := delta.get(name):
                self._remember(name, value)
        parts = delta.get("tool_calls")
        for part in [parts] if isinstance(parts, dict) else parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                self._take_part(part)
        legacy = delta.get("function_call")
        if isinstance(legacy, dict):
            call = next((call for call in self.calls if call.legacy), None) or self._new(Call(legacy=True))
            self._add(call, legacy)

    def message(self, content: str) -> dict[str, Any]:
        """The assistant's message with the calls, which stands before their results; of whole characters."""
        echo = {name: _joined(values) for name, values in self._echo.items()}
        message: dict[str, Any] = {"role": "assistant", "content": content or None, **echo}
        if self.calls and self.calls[0].legacy:
            message["function_call"] = self.calls[0].function()
        else:
            message["tool_calls"] = [call.as_openai() for call in self.calls]
        cleaned: dict[str, Any] = json_bodies.clean(message)
        return cleaned

    def _take_part(self, part: dict[str, Any]) -> None:
        function = part.get("function") or part.get("custom")
        function = function if isinstance(function, dict) else {}
        given_id = part["id"][:MAX_NAME] if isinstance(part.get("id"), str) else ""
        index, name = part.get("index"), function.get("name")
        if not isinstance(index, int | str):
            index = None
        call = self._begun(index, given_id, has_name=bool(name))
        if call is None:
            call = self._new(Call(id=given_id, index=index))
        call.id = call.id or given_id
        more = {key: value for key, value in part.items() if key not in KNOWN and value is not None}
        if more:
            self._count(more)
            call.more |= more
        self._add(call, function)

    def _begun(self, index: object, given_id: str, *, has_name: bool) -> Call | None:
        """The call that a fragment continues; None for the first fragment of a new call."""
        if index is not None:
            begun = next((call for call in reversed(self.calls) if call.index == index), None)
        else:
            begun = self.calls[-1] if self.calls else None
            if has_name and not given_id:
                return None  # a fragment without number and id begins a new call only if it has a name
        if begun is not None and given_id and begun.id and given_id != begun.id and has_name:
            return None  # another call under the same number
        return begun

    def _new(self, call: Call) -> Call:
        self.calls.append(call)
        if len(self.calls) > MAX_CALLS:
            raise _too_long()
        return call

    def end(self) -> list[Call]:
        """The calls, each with a unique id."""
        seen: set[str] = set()
        for call in self.calls:
            call.id = json_bodies.whole_characters(call.id)
            if not call.id or call.id in seen:
                call.id = uuid.uuid4().hex[:9]  # Mistral requires nine characters
            seen.add(call.id)
        return self.calls

    def _add(self, call: Call, function: Mapping[str, Any]) -> None:
        if not call.name and isinstance(function.get("name"), str):
            call.name = function["name"][:MAX_NAME]
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.parts.append(arguments)
        elif arguments is not None:
            call.parts = [json.dumps(arguments, ensure_ascii=False)]
        if arguments:
            self._count(arguments)

    def _count(self, value: Any) -> None:
        self._size += _size_of(value)
        if self._size > MAX_SIZE:
            raise _too_long()

    def _remember(self, name: str, value: Any) -> None:
        """Keep what is sent back with the calls. Beyond `MAX_SIZE` it is dropped: the calls themselves matter more."""
        self._echo_size += _size_of(value)
        if self._echo_size > MAX_SIZE:
            self._echo.clear()
        else:
            self._echo.setdefault(name, []).append(value)


def _size_of(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value))


def _joined(values: list[Any]) -> Any:
    """The fragments as one value: texts and lists are joined, of other types the last one counts."""
    same = [value for value in values if type(value) is type(values[-1])]
    if isinstance(values[-1], str):
        return "".join(same)
    if isinstance(values[-1], list):
        return [item for value in same for item in value]
    return values[-1]


def _too_long() -> ProviderError:
    return ProviderError(_("The model called tools with more than is accepted."), code="answer_too_long")


def calls_in(message: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """`(id, name, arguments)` of the calls in an assistant's message; the id is empty for the older form."""
    if legacy := message.get("function_call"):
        yield "", legacy["name"], legacy["arguments"]
    for call in message.get("tool_calls") or ():
        yield call["id"], call["function"]["name"], call["function"]["arguments"]


def arguments_in(text: str) -> dict[str, Any] | None:
    """The arguments as an object that can be stored, without members that are null; None when they are no object."""
    value: Any = text
    for _attempt in range(2):  # some models write JSON into a JSON string
        if isinstance(value, str):
            try:
                value = json_bodies.parse_response(value.strip() or "{}")
            except ValueError:
                return None
    if not isinstance(value, dict):
        return None
    return {key: member for key, member in json_bodies.storable(value).items() if member is not None}
