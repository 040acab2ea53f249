"""A request for messages as a chat completion. docs/upstreams/anthropic.md, “Messages over chat completions”."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from providers.dialects.refusals import refused
from providers.dialects.translation import AskedModel, Body
from providers.errors import BadRequest
from providers.sentences import sentence as _

EFFORTS = ((4096, "low"), (16_384, "medium"))  # a budget below the number; higher ones are `high`
LEVELS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
SAME = ("temperature", "top_p", "max_tokens")


def check(body: Mapping[str, Any]) -> None:
    """Raise BadRequest for a body that no server would take. The rest is checked by whoever answers."""
    messages = body.get("messages")
    if not messages or not isinstance(messages, list):
        code = "missing_required_parameter" if not messages else "invalid_type"
        raise BadRequest(_("“messages” must be a list with at least one message."), code=code, param="messages")
    if not all(isinstance(message, dict) for message in messages):
        raise BadRequest(_("Each of the “messages” must be an object."), code="invalid_type", param="messages")


def translate(body: Body, model: AskedModel) -> Body:
    """Raises BadRequest for what a chat completion cannot say."""
    for name in ("mcp_servers", "container"):
        if body.get(name):
            raise refused(name, _("“%(name)s” works with models at Anthropic only.") % {"name": name})
    messages = [*_system(body.get("system")), *(turn for message in body["messages"] for turn in _turns(message))]
    asked: Body = {"model": body["model"], "messages": messages}
    asked |= {name: body[name] for name in SAME if body.get(name) is not None}
    if body.get("stop_sequences"):
        asked["stop"] = body["stop_sequences"]
    if body.get("stream") is True:
        asked["stream"] = True
    asked |= _tools(body)
    config = body.get("output_config")
    form = config.get("format") if isinstance(config, dict) else body.get("output_format")
    if isinstance(form, dict) and isinstance(form.get("schema"), dict):
        named = {"name": "answer", "schema": form["schema"], "strict": True}
        asked["response_format"] = {"type": "json_schema", "json_schema": named}
    if model.reasons and (effort := _effort(body.get("thinking"), config)):
        asked["reasoning_effort"] = effort
    return asked


def _effort(thinking: Any, config: Any) -> str | None:
    effort = config.get("effort") if isinstance(config, dict) else None
    if isinstance(effort, str) and effort in LEVELS:
        return LEVELS[effort]
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if not isinstance(budget, int):
        return None
    return next((name for most, name in EFFORTS if budget < most), "high")


# --- tools ------------------------------------------------------------------------------------------------------------


def _tools(body: Body) -> Body:
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    if not isinstance(tools, list):
        raise refused("tools", _("“%(name)s” must be a list.") % {"name": "tools"})
    asked: Body = {"tools": [_tool(tool) for tool in tools]} if tools else {}
    if not tools or choice is None:
        return asked
    match choice:
        case {"type": "auto" | "none" as kind}:
            asked["tool_choice"] = kind
        case {"type": "any"}:
            asked["tool_choice"] = "required"
        case {"type": "tool", "name": str(name)}:
            asked["tool_choice"] = {"type": "function", "function": {"name": name}}
        case _:
            raise refused("tool_choice", _("“tool_choice” must be an object of the type auto, any, tool or none."))
    if choice.get("disable_parallel_tool_use") is True:
        asked["parallel_tool_calls"] = False
    return asked


def _tool(tool: Any) -> Body:
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
        raise refused("tools", _("Each tool needs a name."))
    if "input_schema" not in tool and tool.get("type") not in (None, "custom"):
        raise refused(
            "tools",
            _("The tool “%(name)s” of the type “%(type)s” is known to models at Anthropic only.")
            % {"name": tool["name"][:60], "type": str(tool["type"])[:60]},
        )
    schema = tool.get("input_schema")
    if not isinstance(schema, dict):
        raise refused("tools", _("The “input_schema” of each tool must be an object."))
    more = {name: tool[name] for name in ("description", "strict") if tool.get(name) is not None}
    return {"type": "function", "function": {"name": tool["name"], **more, "parameters": schema}}


# --- messages ---------------------------------------------------------------------------------------------------------


def _system(system: Any) -> list[Body]:
    if not system:
        return []
    return [{"role": "system", "content": _text(system, "system")}]


def _turns(message: Mapping[str, Any]) -> Iterator[Body]:
    """The messages that one message becomes: results of tools have messages of their own."""
    content, role = message.get("content"), message.get("role")
    if not isinstance(content, str | list):
        raise refused("messages", _("The content of a message must be text or a list of parts."))
    if role == "system":
        yield {"role": "system", "content": _text(content, "messages")}
    elif role == "assistant":
        yield from _answer_before(content)
    elif role != "user":
        raise refused("messages", _("The role of a message must be “user” or “assistant”."))
    elif isinstance(content, str):
        yield {"role": "user", "content": content}
    else:
        yield from _asked(content)


def _asked(blocks: list[Any]) -> Iterator[Body]:
    parts: list[Body] = []
    for block in blocks:
        if isinstance(block, dict) and block.get("type") == "tool_result":
            text, others = _result(block)
            yield {"role": "tool", "tool_call_id": str(block.get("tool_use_id") or ""), "content": text}
            parts += others
        else:
            parts += _parts(block)
    if parts:
        plain = all(part["type"] == "text" for part in parts) and len(parts) == 1
        yield {"role": "user", "content": parts[0]["text"] if plain else parts}


def _result(block: Mapping[str, Any]) -> tuple[str, list[Body]]:
    """A result's text, and what else is in it: the message of a tool holds text alone."""
    content = block.get("content")
    blocks = content if isinstance(content, list) else [content] if isinstance(content, str) else []
    parts = [part for inner in blocks for part in _parts(inner)]
    text = "\n\n".join(part["text"] for part in parts if part["type"] == "text")
    if block.get("is_error") is True and not text:
        text = "The tool failed."
    return text, [part for part in parts if part["type"] != "text"]


def _answer_before(content: str | list[Any]) -> Iterator[Body]:
    """An answer. Thoughts stay away: they are signed for models at Anthropic."""
    if isinstance(content, str):
        yield {"role": "assistant", "content": content}
        return
    texts, calls = list[str](), list[Body]()
    for block in content:
        match block:
            case str() | {"type": "text"}:
                texts += [part["text"] for part in _parts(block)]
            case {"type": "tool_use", "id": str(call_id), "name": str(name)}:
                given = orjson.dumps(block.get("input") or {}).decode()
                function = {"name": name, "arguments": given}
                calls.append({"id": call_id, "type": "function", "function": function})
            case {"type": "tool_use"}:
                raise refused("messages", _("A block of the type “tool_use” needs an id and a name."))
            case {"type": str()}:
                pass  # thoughts, and what Anthropic's own tools did
            case _:
                raise _no_block()
    text = "\n\n".join(texts)
    if text or calls:
        yield {"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})}


def _text(content: Any, param: str) -> str:
    """Text, or a list of blocks of text."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else [None]
    given = [block.get("text") if isinstance(block, dict) else block for block in blocks]
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise refused(param, _("A system prompt must be text or a list of blocks of text."))
    return "\n\n".join(texts)


def _parts(block: Any) -> list[Body]:
    match block:
        case str() as text:
            return [{"type": "text", "text": text}]
        case {"type": "text", "text": str(text)}:
            return [{"type": "text", "text": text}]
        case {"type": "image", "source": source}:
            return [{"type": "image_url", "image_url": {"url": _url(source)}}]
        case {"type": "document", "source": source}:
            return _document(block, source)
        case {"type": "search_result", "content": list(content)}:
            head = "\n".join(str(block[name]) for name in ("title", "source") if isinstance(block.get(name), str))
            return [{"type": "text", "text": head}, *(part for inner in content for part in _parts(inner))]
        case {"type": "thinking" | "redacted_thinking"}:
            return []
        case {"type": str(kind)}:
            raise refused(
                "messages",
                _("Blocks of the type “%(type)s” work with models at Anthropic only.") % {"type": kind[:60]},
            )
        case _:
            raise _no_block()


def _no_block() -> BadRequest:
    return refused("messages", _("Each block of a message's content must be an object with a type and its members."))


def _url(source: Any) -> str:
    match source:
        case {"type": "base64", "media_type": str(media_type), "data": str(data)}:
            return f"data:{media_type};base64,{data}"
        case {"type": "url", "url": str(url)}:
            return url
        case _:
            raise refused("messages", _("The source of a picture must be of the type “base64” or “url”."))


def _document(block: Mapping[str, Any], source: Any) -> list[Body]:
    title = block.get("title")
    name = title if isinstance(title, str) and title else "document.pdf"
    match source:
        case {"type": "base64"}:
            return [{"type": "file", "file": {"filename": name, "file_data": _url(source)}}]
        case {"type": "text", "data": str(text)}:
            return [{"type": "text", "text": f"{title}\n\n{text}" if isinstance(title, str) and title else text}]
        case {"type": "content", "content": str(text)}:
            return [{"type": "text", "text": text}]
        case {"type": "content", "content": list(content)}:
            return [part for inner in content for part in _parts(inner)]
        case _:
            raise refused(
                "messages",
                _("This model takes documents as base64 or text, not those at an address or in Anthropic's files."),
            )
