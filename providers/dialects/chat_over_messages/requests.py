"""A chat completion as a request for messages. docs/upstreams/anthropic.md, “Chat completions over messages”."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from providers import json_bodies
from providers.dialects.chat_form import calls_in
from providers.dialects.chat_over_messages import thinking
from providers.dialects.refusals import refused
from providers.dialects.translation import AskedModel, Body
from providers.sentences import sentence as _

MOST_TOKENS = 32_000  # asked for where the client names no limit and the model may write more
USUAL_TOKENS = 8192  # where neither client nor list names a limit
AS_JSON = "Answer with one JSON object and nothing else."
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[^,;]+)*?;base64,", re.IGNORECASE)
_ANY_OBJECT = {"type": "object", "properties": {}}


def translate(body: Body, model: AskedModel) -> Body:
    """Raises BadRequest for what Anthropic's form cannot say."""
    if body.get("n") not in (None, 1):
        raise refused("n", _("This model gives one answer at a time: “n” must be 1."))
    system, messages = _conversation(body["messages"])
    if not messages:
        raise refused("messages", _("“messages” must have a message of the user that says something."))
    asked: Body = {"model": body["model"], "max_tokens": _limit(body, model), "messages": messages}
    if isinstance(form := body.get("response_format"), dict):
        asked |= _output_form(form, system)
    if system:
        asked["system"] = "\n\n".join(system)
    asked |= _tools(body, messages)
    if stops := _stops(body.get("stop")):
        asked["stop_sequences"] = stops
    user = body.get("safety_identifier") or body.get("user")
    if isinstance(user, str) and user:
        asked["metadata"] = {"user_id": user}
    if body.get("stream") is True:
        asked["stream"] = True
    asked = thinking.with_thinking(asked, body, model)
    return thinking.with_sampling(asked, body, model)


def _limit(body: Body, model: AskedModel) -> Any:
    """`max_tokens`, which Anthropic needs: the client's, else what the model may write, within `MOST_TOKENS`."""
    for name in ("max_completion_tokens", "max_tokens"):
        if body.get(name) is not None:
            return body[name]
    listed = model.raw.get("max_tokens")
    return min(listed, MOST_TOKENS) if isinstance(listed, int) and listed > 0 else USUAL_TOKENS


def _stops(stop: Any) -> list[str]:
    """Anthropic refuses sequences of white space alone."""
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    return [text for text in stops if isinstance(text, str) and text.strip()]


def _output_form(form: Mapping[str, Any], system: list[str]) -> Body:
    """A schema as `output_config`; for JSON without a schema a sentence in the system prompt."""
    named = form.get("json_schema")
    if isinstance(named, dict) and isinstance(named.get("schema"), dict):
        return {"output_config": {"format": {"type": "json_schema", "schema": named["schema"]}}}
    if form.get("type") == "json_object":
        system.append(AS_JSON)
    return {}


# --- tools ------------------------------------------------------------------------------------------------------------


def _tools(body: Body, messages: list[Body]) -> Body:
    """`tools` and `tool_choice`. A conversation with calls needs tools: where the client left them out, their names are
    enough.
    """
    tools = [_tool(tool) for tool in _listed(body, "tools")]
    tools += [_function(function) for function in _listed(body, "functions")]
    choice = _choice(body)
    if not tools:
        names = dict.fromkeys(
            block["name"] for message in messages for block in message["content"] if block["type"] == "tool_use"
        )
        tools = [{"name": name, "input_schema": _ANY_OBJECT} for name in names]
        choice = {"type": "none"}
    if not tools:
        return {}
    if body.get("parallel_tool_calls") is False and choice.get("type") != "none":
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    return {"tools": tools, **({"tool_choice": choice} if choice else {})}


def _listed(body: Body, name: str) -> list[Any]:
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
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        raise refused("tools", _("Each tool needs a name."))
    schema = function.get("parameters")
    described = {name: function[name] for name in ("description", "strict") if function.get(name) is not None}
    schema = {"type": "object", **schema} if isinstance(schema, dict) else _ANY_OBJECT
    return {"name": name, **described, "input_schema": schema}


def _choice(body: Body) -> Body:
    choice = body.get("tool_choice")
    if choice is None:
        choice = body.get("function_call")
    match choice:
        case None:
            return {}
        case "auto" | "none":
            return {"type": choice}
        case "required" | "any":
            return {"type": "any"}
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return {"type": "tool", "name": name}
        case _:
            raise refused(
                "tool_choice",
                _("“tool_choice” must be “auto”, “none”, “required”, or an object that names a function."),
            )


# --- messages ---------------------------------------------------------------------------------------------------------


def _conversation(messages: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[Body]]:
    """The system prompts, and the other messages with their content as blocks; roles alternate."""
    system: list[str] = []
    turns: list[Body] = []
    legacy = ""  # the id made for the last `function_call`, which has none
    for number, message in enumerate(messages):
        role = message.get("role")
        if role in ("system", "developer"):
            system += [block["text"] for block in _blocks(message.get("content")) if block["type"] == "text"]
            continue
        if role == "assistant":
            legacy = f"call_{number}"
            blocks, role = _blocks_of_answer(message, legacy), "assistant"
        elif role in ("tool", "function"):
            called = message.get("tool_call_id")
            blocks, role = [_result(called if isinstance(called, str) else legacy, message)], "user"
        elif role == "user":
            blocks = _blocks(message.get("content"))
        else:
            raise refused("messages", _("A message has an unknown role. Known are system, user, assistant and tool."))
        if blocks and turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    for turn in turns:  # results come first, or they are not taken for the answers to the calls before them
        turn["content"].sort(key=lambda block: block["type"] != "tool_result" and turn["role"] == "user")
    if turns and turns[-1]["role"] == "assistant" and (last := turns[-1]["content"][-1])["type"] == "text":
        last["text"] = last["text"].rstrip()  # white space at the end of a begun answer is refused
    return system, turns


def _blocks_of_answer(message: Mapping[str, Any], legacy: str) -> list[Body]:
    """The blocks of an answer: signed thoughts, text, calls."""
    blocks = thinking.blocks_of(message.get("reasoning_details"))
    blocks += _blocks(message.get("content"))
    calls = [call for call, _function in calls_in(message)]
    if isinstance(function := message.get("function_call"), dict):
        calls.append({"id": legacy, "function": function})
    for call in calls:
        function = call.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise refused("messages", _("A call in “tool_calls” does not name its function."))
        given = arguments_of(function.get("arguments"))
        blocks.append(
            {"type": "tool_use", "id": str(call.get("id") or legacy), "name": function["name"], "input": given}
        )
    return blocks


def arguments_of(text: Any) -> Body:
    """The arguments of a call as an object, which they have to be; text that is none is kept in one member."""
    if isinstance(text, dict):
        return text
    try:
        value = json_bodies.parse_response(text) if isinstance(text, str) and text.strip() else {}
    except ValueError:
        value = text
    return value if isinstance(value, dict) else {"arguments": value}


def _result(call_id: str, message: Mapping[str, Any]) -> Body:
    content = _blocks(message.get("content"))
    return {"type": "tool_result", "tool_use_id": call_id, **({"content": content} if content else {})}


def _blocks(content: Any) -> list[Body]:
    """Content as blocks; empty texts are left out, because Anthropic refuses them."""
    if content is None:
        return []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list):
        raise refused("messages", _("The content of a message must be text or a list of parts."))
    return [block for part in parts if (block := _block(part)) is not None]


def _block(part: Any) -> Body | None:
    match part:
        case str() if part.strip():
            return {"type": "text", "text": part}
        case {"type": "text" | "input_text" | "output_text", "text": str(text)} | {
            "type": "refusal",
            "refusal": str(text),
        }:
            return {"type": "text", "text": text} if text.strip() else None
        case str():
            return None
        case {"type": "image_url", "image_url": {"url": str(url)}} | {"type": "image_url", "image_url": str(url)}:
            return {"type": "image", "source": _source(url)}
        case {"type": "file", "file": {"file_data": str(url)} as file}:
            name = file.get("filename")
            title = {"title": name} if isinstance(name, str) and name else {}
            return {"type": "document", "source": _source(url, default="application/pdf"), **title}
        case {"type": str(kind)}:
            raise refused(
                "messages",
                _("This model cannot be sent parts of the type “%(type)s”. Send text, pictures or PDF files.")
                % {"type": kind[:60]},
            )
        case _:
            raise refused("messages", _("A part of a message's content must be an object with a type."))


def _source(url: str, default: str = "image/png") -> Body:
    """A picture or file by its address, or by what its data URL holds."""
    if not url.lower().startswith("data:"):
        if not url.lower().startswith(("http://", "https://")):
            raise refused("messages", _("A picture or file must be an http or data URL with base64."))
        return {"type": "url", "url": url}
    match = _DATA_URL.match(url[:300])
    if match is None:
        raise refused("messages", _("A picture or file must be an http or data URL with base64."))
    return {"type": "base64", "media_type": (match[1] or default).lower(), "data": url[match.end() :]}
