"""A chat completion as a request for a response. docs/upstreams/openai.md, “Responses and chat completions”."""

from collections.abc import Iterator, Mapping
from typing import Any

from providers.dialects.chat_form import arguments_in, calls_in
from providers.dialects.refusals import refused
from providers.dialects.translation import AskedModel, Body
from providers.sentences import sentence as _

SAME = (
    *("temperature", "top_p", "parallel_tool_calls", "metadata", "user", "safety_identifier", "service_tier"),
    *("prompt_cache_key", "prompt_cache_retention"),
)
# What changes an answer little is left out: `seed`, penalties, `logit_bias`, `prediction`. These are another answer.
NOT_THERE = ("stop", "audio", "web_search_options")
LOGPROBS = "message.output_text.logprobs"
CHOICES = ("auto", "none", "required")


def translate(body: Body, model: AskedModel) -> Body:
    """Raises BadRequest for what a request for a response cannot say."""
    if body.get("n") not in (None, 1):
        raise refused("n", _("This model gives one answer at a time: “n” must be 1."))
    for name in NOT_THERE:
        if body.get(name):
            raise refused(
                name, _("“%(name)s” does not work with this model: the Responses API has none.") % {"name": name}
            )
    asked: Body = {
        "model": body["model"],
        "input": [item for number, message in enumerate(body["messages"]) for item in _items(message, number)],
        "store": body.get("store") is True,  # a chat completion is kept only where its client wants it
    }
    asked |= {name: body[name] for name in SAME if body.get(name) is not None}
    for name in ("max_completion_tokens", "max_tokens"):
        if body.get(name) is not None:
            asked["max_output_tokens"] = body[name]
            break
    if body.get("stream") is True:
        asked["stream"] = True
    asked |= _tools(body)
    text = _text(body)
    if text:
        asked["text"] = text
    if reasoning := _reasoning(body):
        asked["reasoning"] = reasoning
    if body.get("logprobs") is True:
        asked["include"] = [LOGPROBS]
        if body.get("top_logprobs"):
            asked["top_logprobs"] = body["top_logprobs"]
    return asked


def _reasoning(body: Mapping[str, Any]) -> Body:
    """Effort and summary: OpenAI's `reasoning_effort`, or OpenRouter's `reasoning`."""
    given = body.get("reasoning")
    names = ("effort", "summary")
    asked = {name: given[name] for name in names if given.get(name) is not None} if isinstance(given, dict) else {}
    if body.get("reasoning_effort") is not None:
        asked["effort"] = body["reasoning_effort"]
    return asked


def _text(body: Mapping[str, Any]) -> Body:
    asked: Body = {"verbosity": body["verbosity"]} if body.get("verbosity") is not None else {}
    match body.get("response_format"):
        case {"type": "json_schema", "json_schema": dict(named)}:
            asked["format"] = {"type": "json_schema", **named}
        case {"type": "json_object"}:
            asked["format"] = {"type": "json_object"}
        case None | {"type": "text"}:
            pass
        case _:
            raise refused(
                "response_format",
                _("“response_format” must be an object of the type text, json_schema or json_object."),
            )
    return asked


# --- tools ------------------------------------------------------------------------------------------------------------


def _tools(body: Mapping[str, Any]) -> Body:
    tools = [_tool(tool) for tool in _listed(body, "tools")]
    tools += [_function(function) for function in _listed(body, "functions")]
    choice = body.get("tool_choice")
    if choice is None:
        choice = body.get("function_call")
    asked: Body = {"tools": tools} if tools else {}
    match choice:
        case None:
            pass
        case str() if choice in CHOICES:
            asked["tool_choice"] = choice
        case {"type": "allowed_tools", "allowed_tools": {"mode": str(mode), "tools": list(listed)}}:
            functions = [tool.get("function") for tool in listed if isinstance(tool, dict)]
            names = [function.get("name") for function in functions if isinstance(function, dict)]
            allowed = [{"type": "function", "name": name} for name in names]
            asked["tool_choice"] = {"type": "allowed_tools", "mode": mode, "tools": allowed}
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            asked["tool_choice"] = {"type": "function", "name": name}
        case _:
            raise refused(
                "tool_choice",
                _("“tool_choice” must be “auto”, “none”, “required”, or an object that names a function."),
            )
    return asked


def _listed(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name) or []
    if not isinstance(value, list):
        raise refused(name, _("“%(name)s” must be a list.") % {"name": name})
    return value


def _tool(tool: Any) -> Body:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict):
        raise refused("tools", _("This model takes tools of the type “function” only."))
    return _function(function)


def _function(function: Any) -> Body:
    """A function. `strict` is said, because it is true there where it is left out, and false in a chat."""
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        raise refused("tools", _("Each tool needs a name."))
    described = {"description": function["description"]} if function.get("description") is not None else {}
    strict = function.get("strict") is True
    parameters = function.get("parameters")
    if not isinstance(parameters, dict):
        parameters = {"type": "object", "properties": {}}
    return {"type": "function", "name": name, **described, "parameters": parameters, "strict": strict}


# --- messages ---------------------------------------------------------------------------------------------------------


def _items(message: Mapping[str, Any], number: int) -> Iterator[Body]:
    """The items that a message becomes: calls and their results have items of their own."""
    role, content = message.get("role"), message.get("content")
    if role in ("system", "developer", "user"):
        yield {"role": role, "content": content if isinstance(content, str) else _parts(content)}
    elif role == "assistant":
        refusal = message.get("refusal")
        texts = [content] if isinstance(content, str) else [part["text"] for part in _parts(content) if "text" in part]
        if text := "".join([*texts, refusal if isinstance(refusal, str) else ""]):
            yield {"role": "assistant", "content": text}
        yield from _calls(message, number)
    elif role in ("tool", "function"):
        called = message.get("tool_call_id")
        call_id = called if isinstance(called, str) else f"call_{number - 1}"
        output = content if isinstance(content, str) else _parts(content)
        yield {"type": "function_call_output", "call_id": call_id, "output": output}
    else:
        raise refused("messages", _("A message has an unknown role. Known are system, user, assistant and tool."))


def _calls(message: Mapping[str, Any], number: int) -> Iterator[Body]:
    calls = [call for call, _function in calls_in(message)]
    if isinstance(function := message.get("function_call"), dict):
        calls.append({"id": f"call_{number}", "function": function})
    for call in calls:
        function = call.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise refused("messages", _("A call in “tool_calls” does not name its function."))
        yield {
            "type": "function_call",
            "call_id": str(call.get("id") or f"call_{number}"),
            "name": function["name"],
            "arguments": arguments_in(function) or "{}",
        }


def _parts(content: Any) -> list[Body]:
    if content is None:
        return []
    if not isinstance(content, list):
        raise refused("messages", _("The content of a message must be text or a list of parts."))
    return [_part(part) for part in content]


def _part(part: Any) -> Body:
    match part:
        case str() as text:
            return {"type": "input_text", "text": text}
        case {"type": "text" | "input_text" | "output_text", "text": str(text)}:
            return {"type": "input_text", "text": text}
        case {"type": "refusal", "refusal": str(text)}:
            return {"type": "input_text", "text": text}
        case {"type": "image_url", "image_url": {"url": str(url)} as image}:
            detail = image.get("detail")
            return {"type": "input_image", "image_url": url, "detail": detail if isinstance(detail, str) else "auto"}
        case {"type": "image_url", "image_url": str(url)}:
            return {"type": "input_image", "image_url": url, "detail": "auto"}
        case {"type": "file", "file": dict(file)}:
            names = ("filename", "file_data", "file_id")
            return {"type": "input_file", **{name: file[name] for name in names if file.get(name)}}
        case {"type": "input_audio", "input_audio": dict(audio)}:
            return {"type": "input_audio", "input_audio": audio}
        case {"type": str(kind)}:
            raise refused(
                "messages",
                _("This model cannot be sent parts of the type “%(type)s”. Send text, pictures or files.")
                % {"type": kind[:60]},
            )
        case _:
            raise refused("messages", _("A part of a message's content must be an object with a type."))
