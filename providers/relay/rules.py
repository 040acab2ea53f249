"""The rules for request bodies: checks before a call, and changes for a provider.

The functions are pure and change no argument. A rule that changes nothing returns the same object, so that the relay
knows whether it may send the caller's bytes as they are. To add a rule: write the function, name it in
the row of `providers.relay.operations` that needs it, and describe it in one test.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from providers import pipelines
from providers.errors import BadRequest
from providers.facts import Caller, ConnectionFacts
from providers.sentences import sentence as _
from providers.upstream import kinds

Body = dict[str, Any]

# Reasoning models: o1, o3, o4 … and gpt-5 and later, after any prefix ("openai/", "work.", "us.openai.").
_REASONING = re.compile(r"(?:^|[/.:@])(?:o\d+|gpt-(?P<major>\d+))(?!\w)", re.IGNORECASE)
_CHATS = re.compile(r"chat-latest|gpt-\d[\d.]*-chat", re.IGNORECASE)  # models of ChatGPT's own page do not reason
_REFUSES_DEVELOPER = re.compile(r"(?:^|[/.:@])o1-(?:mini|preview)", re.IGNORECASE)
MAX_BIAS = 100
LIMITS = ("max_tokens", "max_completion_tokens")  # the older and the newer name


class Destination(NamedTuple):
    """The source that a body is for, as far as rules need it."""

    upstream_id: str
    connection: ConnectionFacts


# --- checks: (body) -> None, raising BadRequest. The provider checks the rest. ----------------------------------------


def check_model(body: Mapping[str, Any]) -> None:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        code = "missing_required_parameter" if model is None else "invalid_type"
        raise BadRequest(_("“model” must be the id of a model, as text."), code=code, param="model")


def check_model_if_named(body: Mapping[str, Any]) -> None:
    """`check_model` for an operation with a default model."""
    if body.get("model") is not None:
        check_model(body)


def check_chat(body: Mapping[str, Any]) -> None:
    check_model(body)
    messages = body.get("messages")
    if not messages or not isinstance(messages, list):
        code = "missing_required_parameter" if not messages else "invalid_type"
        raise BadRequest(_("“messages” must be a list with at least one message."), code=code, param="messages")
    for message in messages:
        if not isinstance(message, dict):
            raise BadRequest(_("Each of the “messages” must be an object."), code="invalid_type", param="messages")


# --- presets and people -----------------------------------------------------------------------------------------------


def with_params(body: Body, params: Mapping[str, Any], accepted: frozenset[str] | None) -> Body:
    """The body with a preset's parameters as defaults. `accepted`: those that the operation accepts, None for all.

    A limit that the body has counts, whichever of its two names the preset uses.
    """
    if not params:
        return body
    given = {*body, *LIMITS} if any(name in body for name in LIMITS) else body.keys()
    defaults = {
        name: value for name, value in params.items() if name not in given and (accepted is None or name in accepted)
    }
    return {**defaults, **body} if defaults else body


def prompt_in_messages(body: Body, prompt: str) -> Body:
    """A preset's system prompt before the caller's own, as a message."""
    first, *rest = body["messages"]
    if first.get("role") not in ("system", "developer"):
        return {**body, "messages": [{"role": "system", "content": prompt}, first, *rest]}
    content = first.get("content")
    if isinstance(content, list):
        joined: Any = [{"type": "text", "text": prompt}, *content]
    else:
        joined = f"{prompt}\n\n{content}" if content else prompt
    return {**body, "messages": [{**first, "content": joined}, *rest]}


def prompt_in_instructions(body: Body, prompt: str) -> Body:
    """A preset's system prompt before the caller's `instructions`, for the responses protocol."""
    instructions = body.get("instructions")
    own = f"\n\n{instructions}" if isinstance(instructions, str) and instructions else ""
    return {**body, "instructions": prompt + own}


def prompt_in_system(body: Body, prompt: str) -> Body:
    """A preset's system prompt before the caller's own, in Anthropic's form."""
    system = body.get("system")
    if isinstance(system, list):
        return {**body, "system": [{"type": "text", "text": prompt}, *system]}
    own = f"\n\n{system}" if isinstance(system, str) and system else ""
    return {**body, "system": prompt + own}


def without_prompt(body: Body, prompt: str) -> Body:
    """The body unchanged, for operations without system prompts."""
    return body


def for_pipeline(body: Body, caller: Caller) -> Body:
    """The body for the models of a pipelines server: with the caller in `user`, and with `stream`, which such a server
    takes for true where it is missing (docs/upstreams/pipelines.md, “Model list”).
    """
    return {**body, "user": pipelines.user_of(caller), "stream": body.get("stream") is True}


# --- rules: (body, destination) -> body -------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def is_reasoning(model: str) -> bool:
    """Whether a model's name, after any prefix, is o1, o3 … or gpt-5 and later, except `…-chat-latest`."""
    if _CHATS.search(model):
        return False
    return any(match["major"] is None or _major(match["major"]) >= 5 for match in _REASONING.finditer(model))


def _major(digits: str) -> int:
    """The major version. Azure writes versions without the dot: gpt-35-turbo, gpt-41."""
    return int(digits) if int(digits) < 30 else int(digits[0])


def rename_limit(body: Body, destination: Destination) -> Body:
    """Rename `max_tokens` or `max_completion_tokens` to the name that the server accepts.

    Reasoning models refuse the old name. OpenAI accepts both for other models. Compatible servers often know only the
    old name and ignore the new one, so they get the old. Ollama always gets the old name.
    """
    if "max_tokens" not in body and "max_completion_tokens" not in body:
        return body
    kind = kinds.of(destination.connection)
    if kind.has_reasoning_names and is_reasoning(destination.upstream_id):
        old, new = "max_tokens", "max_completion_tokens"
    elif not kind.has_openai_models(destination.connection):
        old, new = "max_completion_tokens", "max_tokens"
    elif "max_tokens" in body and "max_completion_tokens" in body:
        return {name: value for name, value in body.items() if name != "max_tokens"}
    else:
        return body
    if old not in body:
        return body
    # With both, the newer name counts.
    value = body.get("max_completion_tokens", body.get("max_tokens"))
    return {**{name: item for name, item in body.items() if name != old}, new: value}


def name_role(body: Body, destination: Destination) -> Body:
    """Rename the role of system messages: reasoning models accept `developer`, o1-mini and o1-preview only `user`.

    Ollama's templates drop messages of a `developer`, so these become `system`.
    """
    messages = body["messages"]
    if not kinds.of(destination.connection).has_developer_role:
        if not any(message.get("role") == "developer" for message in messages):
            return body
        return {**body, "messages": [_as_system(message) for message in messages]}
    if messages[0].get("role") != "system" or not is_reasoning(destination.upstream_id):
        return body
    role = "user" if _REFUSES_DEVELOPER.search(destination.upstream_id) else "developer"
    return {**body, "messages": [{**messages[0], "role": role}, *messages[1:]]}


def _as_system(message: Body) -> Body:
    return {**message, "role": "system"} if message.get("role") == "developer" else message


def read_bias(body: Body, destination: Destination) -> Body:
    """Read `logit_bias`, an object or text (`"50256:-100, 11:5"`), and limit values to ±100. Raises BadRequest."""
    value = body.get("logit_bias")
    if value is None or value == {}:
        return body
    try:
        bias = {str(token): max(-MAX_BIAS, min(MAX_BIAS, number)) for token, number in _pairs(value)}
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise BadRequest(
            _("“logit_bias” must be an object of numbers, or text such as “50256:-100, 11:5”."),
            code="invalid_value",
            param="logit_bias",
        ) from error
    return body if bias == value else {**body, "logit_bias": bias}


def _pairs(bias: Any) -> list[tuple[str, float]]:
    if isinstance(bias, str):
        parts = [part.partition(":") for part in bias.split(",") if part.strip()]
        return [(_token(token), _number(value.strip())) for token, _colon, value in parts]
    return [(token, _number(value)) for token, value in bias.items()]


def _token(text: str) -> str:
    return str(int(text.strip()))


def _number(value: Any) -> float:
    if isinstance(value, str):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError(value)
    return int(value) if float(value).is_integer() else value


def without(body: Body, names: Collection[str]) -> Body:
    """The body without these members. Of the two names of the same limit, the other one takes its place."""
    if body.keys().isdisjoint(names):
        return body
    remaining = {name: value for name, value in body.items() if name not in names}
    for old, new in (LIMITS, LIMITS[::-1]):
        if old in body and old not in remaining and new not in body and new not in names:
            remaining[new] = body[old]
    return remaining


def drop_unknown(body: Body, destination: Destination) -> Body:
    """Drop members that a server with a closed list refuses; its reasoning models refuse a temperature too."""
    allowed = kinds.of(destination.connection).chat_parameters(destination.connection)
    if allowed is None:
        return body
    if is_reasoning(destination.upstream_id) and body.get("temperature", 1) != 1:
        allowed -= {"temperature"}
    if body.keys() <= allowed:
        return body
    return {name: value for name, value in body.items() if name in allowed}
