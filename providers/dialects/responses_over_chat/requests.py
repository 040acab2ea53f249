"""A request for a response as a chat completion. docs/upstreams/openai.md, “Responses and chat completions”."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from providers import json_bodies
from providers.dialects.refusals import refused
from providers.dialects.translation import AskedModel, Body
from providers.errors import BadRequest
from providers.sentences import sentence as _

SAME = ("temperature", "top_p", "user", "safety_identifier")
KEPT_THERE = ("previous_response_id", "conversation", "background", "prompt")  # what such a server does not keep or do
LOGPROBS = "message.output_text.logprobs"
CHOICES = ("auto", "none", "required")


def translate(body: Body, model: AskedModel) -> Body:
    """Raises BadRequest for what a chat completion cannot say."""
    for name in KEPT_THERE:
        if body.get(name):
            raise refused(
                name,
                _("“%(name)s” works with connections that speak the Responses API; this model's speaks another form.")
                % {"name": name},
            )
    messages = [*_instructions(body.get("instructions")), *_messages(body.get("input"))]
    if not messages:
        raise refused("input", _("“input” must be text or a list with at least one item."))
    asked: Body = {"model": body["model"], "messages": messages}
    asked |= {name: body[name] for name in SAME if body.get(name) is not None}
    if body.get("max_output_tokens") is not None:
        asked["max_completion_tokens"] = body["max_output_tokens"]
    if body.get("stream") is True:
        asked["stream"] = True
    asked |= _tools(body)
    asked |= _text(body.get("text"))
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict) and reasoning.get("effort") is not None:
        asked["reasoning_effort"] = reasoning["effort"]
    return asked | _logprobs(body)


def _logprobs(body: Mapping[str, Any]) -> Body:
    include = body.get("include")
    if not isinstance(include, list) or LOGPROBS not in include:
        return {}
    most = body.get("top_logprobs")
    return {"logprobs": True, **({"top_logprobs": most} if most else {})}


def _text(text: Any) -> Body:
    """`text`: the form of the answer, and how much it says."""
    if not isinstance(text, dict):
        return {}
    asked: Body = {"verbosity": text["verbosity"]} if text.get("verbosity") is not None else {}
    match text.get("format"):
        case {"type": "json_schema", **named}:
            asked["response_format"] = {"type": "json_schema", "json_schema": named}
        case {"type": "json_object"}:
            asked["response_format"] = {"type": "json_object"}
        case None | {"type": "text"}:
            pass
        case _:
            raise refused("text", _("“text.format” must be an object of the type text, json_schema or json_object."))
    return asked


# --- tools ------------------------------------------------------------------------------------------------------------


def _tools(body: Mapping[str, Any]) -> Body:
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    if not isinstance(tools, list):
        raise refused("tools", _("“%(name)s” must be a list.") % {"name": "tools"})
    functions = [_tool(tool) for tool in tools]
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        listed = choice.get("tools")
        names = {tool.get("name") for tool in listed if isinstance(tool, dict)} if isinstance(listed, list) else set()
        functions = [tool for tool in functions if tool["function"]["name"] in names]
        choice = choice.get("mode") or "auto"
    if not functions:
        return {}
    asked: Body = {"tools": functions}
    match choice:
        case None:
            pass
        case str() if choice in CHOICES:
            asked["tool_choice"] = choice
        case {"type": "function", "name": str(name)}:
            asked["tool_choice"] = {"type": "function", "function": {"name": name}}
        case {"type": str(kind)}:
            raise _not_there("tool_choice", kind)
        case _:
            raise refused(
                "tool_choice",
                _("“tool_choice” must be “auto”, “none”, “required”, or an object that names a function."),
            )
    if body.get("parallel_tool_calls") is False:
        asked["parallel_tool_calls"] = False
    return asked


def _tool(tool: Any) -> Body:
    if not isinstance(tool, dict):
        raise refused("tools", _("Each tool must be an object with a type."))
    if tool.get("type") != "function":
        raise _not_there("tools", str(tool.get("type")))
    if not isinstance(tool.get("name"), str) or not tool["name"]:
        raise refused("tools", _("Each tool needs a name."))
    names = ("name", "description", "parameters", "strict")
    return {"type": "function", "function": {name: tool[name] for name in names if tool.get(name) is not None}}


def _not_there(param: str, kind: str) -> BadRequest:
    """The error for a tool that the provider itself has, or that only the Responses API knows."""
    message = _(
        "Tools of the type “%(type)s” work with connections that speak the Responses API; this model's takes functions."
    )
    return refused(param, message % {"type": kind[:60]})


# --- input ------------------------------------------------------------------------------------------------------------


def _instructions(instructions: Any) -> list[Body]:
    if not instructions:
        return []
    if not isinstance(instructions, str):
        raise refused("instructions", _("“%(name)s” must be text.") % {"name": "instructions"})
    return [{"role": "system", "content": instructions}]


def _messages(given: Any) -> Iterable[Body]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}] if given else []
    if given is None:
        return []
    if not isinstance(given, list):
        raise refused("input", _("“input” must be text or a list with at least one item."))
    conversation = _Conversation()
    for item in given:
        conversation.add(item)
    return conversation.close()


class _Conversation:
    """The items of an input, as messages: calls belong to the answer before them, and their results follow it.

    What a result holds beside text follows all results, as a message of the user: that of a tool holds text alone.
    """

    def __init__(self) -> None:
        self.messages: list[Body] = []
        self._answer: Body | None = None  # that is being put together
        self._files: list[Body] = []  # of the results that have just come

    def add(self, item: Any) -> None:
        match item:
            case {"type": "reasoning"}:
                pass  # it is encrypted, or a summary: other servers make their own
            case {"type": "function_call", "call_id": str(call_id), "name": str(name)}:
                given = item.get("arguments")
                text = given if isinstance(given, str) else json_bodies.dumps(given or {}).decode()
                call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}
                self._open_answer().setdefault("tool_calls", []).append(call)
            case {"type": "function_call_output", "call_id": str(call_id)}:
                self._end_answer()
                self._add_result(call_id, item.get("output"))
            case {"role": "assistant", "content": content}:
                text = "".join(part["text"] for part in _parts(content) if part["type"] == "text")
                answer = self._open_answer(for_text=True)
                answer["content"] = (answer["content"] or "") + text
            case {"role": "user" | "system" | "developer" as role, "content": content}:
                self._end_answer()
                self._end_results()
                parts = _parts(content)
                plain = len(parts) == 1 and parts[0]["type"] == "text"
                self.messages.append({"role": role, "content": parts[0]["text"] if plain else parts})
            case {"type": "function_call" | "function_call_output"}:
                raise refused("input", _("A call of a function needs “call_id” and “name”, its result “call_id”."))
            case {"type": str(kind)} if kind != "message":
                raise refused(
                    "input",
                    _("Items of the type “%(type)s” work with connections that speak the Responses API.")
                    % {"type": kind[:60]},
                )
            case _:
                raise refused("input", _("Each item of “input” must be a message with a role and content."))

    def close(self) -> list[Body]:
        self._end_answer()
        self._end_results()
        return self.messages

    def _open_answer(self, *, for_text: bool = False) -> Body:
        """The answer that is open; another one for text after text."""
        self._end_results()
        if for_text and self._answer is not None and self._answer["content"] is not None:
            self._end_answer()
        if self._answer is None:
            self._answer = {"role": "assistant", "content": None}
        return self._answer

    def _end_answer(self) -> None:
        if self._answer is not None and (self._answer["content"] or "tool_calls" in self._answer):
            self.messages.append(self._answer)
        self._answer = None

    def _end_results(self) -> None:
        if self._files:
            self.messages.append({"role": "user", "content": self._files})
            self._files = []

    def _add_result(self, call_id: str, output: Any) -> None:
        parts = _parts(output) if isinstance(output, str | list) else _parts(json_bodies.dumps(output).decode())
        text = "\n\n".join(part["text"] for part in parts if part["type"] == "text")
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": text})
        self._files += [part for part in parts if part["type"] != "text"]


def _parts(content: Any) -> list[Body]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise refused("input", _("The content of a message must be text or a list of parts."))
    return list(_each_part(content))


def _each_part(content: list[Any]) -> Iterator[Body]:
    for part in content:
        match part:
            case str():
                yield {"type": "text", "text": part}
            case {"type": "input_text" | "output_text" | "text", "text": str(text)}:
                yield {"type": "text", "text": text}
            case {"type": "refusal", "refusal": str(text)}:
                yield {"type": "text", "text": text}
            case {"type": "input_image", "image_url": str(url)}:
                detail = {"detail": part["detail"]} if part.get("detail") not in (None, "auto") else {}
                yield {"type": "image_url", "image_url": {"url": url, **detail}}
            case {"type": "input_file"} if part.get("file_data") or part.get("file_id"):
                names = ("filename", "file_data", "file_id")
                yield {"type": "file", "file": {name: part[name] for name in names if part.get(name)}}
            case {"type": "input_audio", "input_audio": dict(audio)}:
                yield {"type": "input_audio", "input_audio": audio}
            case {"type": "input_image" | "input_file" as kind}:
                raise refused(
                    "input",
                    _("This model takes a part of the type “%(type)s” with its data or address, as a chat has them.")
                    % {"type": kind},
                )
            case {"type": str(kind)}:
                raise refused(
                    "input",
                    _("Parts of the type “%(type)s” work with connections that speak the Responses API.")
                    % {"type": kind[:60]},
                )
            case _:
                raise refused("input", _("A part of a message's content must be an object with a type."))
