"""What a request's body becomes on its way to a provider. Pure functions; none changes what it is given.

Every rule returns the very object it got when it has nothing to change, so the relay can tell whether the caller's
bytes may go on as they are. To add a rule: write the function, put it into `RULES`, describe it in one test.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from django.utils.translation import gettext_lazy as _

from providers.errors import BadRequest
from providers.facts import Caller, ConnectionFacts, Route, Source
from providers.upstream import kinds

Body = dict[str, Any]

# A family that thinks: o1, o3, o4 … and gpt-5 and later, behind any prefix ("openai/", "work.", "us.openai.").
_REASONING = re.compile(r"(?:^|[/.:@])(?:o\d+|gpt-(?P<major>\d+))(?!\w)", re.IGNORECASE)
_CHATS = re.compile(r"chat-latest|gpt-\d[\d.]*-chat", re.IGNORECASE)  # those of ChatGPT's own page
_REFUSES_DEVELOPER = re.compile(r"(?:^|[/.:@])o1-(?:mini|preview)", re.IGNORECASE)
MAX_BIAS = 100

# A preset's parameters are a chat's; these operations understand a few of them.
PRESET_PARAMS = {"responses": frozenset({"temperature", "top_p"}), "embeddings": frozenset[str]()}


class Target(NamedTuple):
    """Where a body goes, as far as rules ask."""

    operation: str
    upstream_id: str
    connection: ConnectionFacts
    raw: Mapping[str, Any]  # the provider's object about the model


def read(operation: str, body: bytes) -> Body:
    """A request's body as an object with a model, and messages for a chat. Raises BadRequest, naming what is wrong."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(_("The body of the request is not valid JSON."), code="invalid_json") from error
    if not isinstance(payload, dict):
        raise BadRequest(_("The body of the request must be a JSON object."), code="invalid_json")
    check(operation, payload)
    return payload


def check(operation: str, payload: Body) -> None:
    """Raises BadRequest where a member is missing that no call can do without. The rest is the provider's to judge."""
    model = payload.get("model")
    if not isinstance(model, str) or not model:
        wrong = "missing_required_parameter" if model is None else "invalid_type"
        raise BadRequest(_("“model” must be the id of a model, as text."), code=wrong, param="model")
    if operation == "chat":
        messages = payload.get("messages")
        if not messages or not isinstance(messages, list):
            wrong = "missing_required_parameter" if not messages else "invalid_type"
            raise BadRequest(_("“messages” must be a list with at least one message."), code=wrong, param="messages")
        if not all(isinstance(message, dict) for message in messages):
            raise BadRequest(_("Each of the “messages” must be an object."), code="invalid_type", param="messages")


def rewrite(operation: str, payload: Body, *, route: Route, source: Source, caller: Caller) -> Body:
    """The body that this source gets: the same object when no rule applies. Raises BadRequest (logit_bias)."""
    target = Target(operation, source.upstream_id, source.connection, source.raw)
    body = with_preset(payload, route, operation)
    if body["model"] != source.upstream_id:
        body = {**body, "model": source.upstream_id}
    if source.raw.get("pipeline"):
        body = with_user(body, caller)
    for rule in RULES.get(operation, ()):
        body = rule(body, target)
    return body


def encode(body: Body) -> bytes:
    """Raises BadRequest for what JSON of 64 bits cannot say."""
    try:
        return orjson.dumps(body)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise BadRequest(_("The request holds a value that cannot be sent on."), code="invalid_value") from error


# --- presets and people -----------------------------------------------------------------------------------------------


def with_preset(payload: Body, route: Route, operation: str) -> Body:
    """A preset's parameters below the caller's own, its system prompt in front of theirs."""
    body = payload
    known = PRESET_PARAMS.get(operation)
    defaults = {
        name: value for name, value in route.params.items() if name not in payload and (known is None or name in known)
    }
    if defaults:
        body = {**defaults, **payload}
    if route.system_prompt:
        if operation == "chat":
            body = {**body, "messages": _prompted(body["messages"], route.system_prompt)}
        elif operation == "responses":
            given = body.get("instructions")
            own = f"\n\n{given}" if isinstance(given, str) and given else ""
            body = {**body, "instructions": route.system_prompt + own}
    return body


def _prompted(messages: list[Any], prompt: str) -> list[Any]:
    first = messages[0]
    if first.get("role") not in ("system", "developer"):
        return [{"role": "system", "content": prompt}, *messages]
    content = first.get("content")
    if isinstance(content, list):
        joined: Any = [{"type": "text", "text": prompt}, *content]
    else:
        joined = f"{prompt}\n\n{content}" if content else prompt
    return [{**first, "content": joined}, *messages[1:]]


def with_user(body: Body, caller: Caller) -> Body:
    """Pipeline models get to know the person (R14)."""
    user = {"name": caller.name, "id": str(caller.user_id), "email": caller.email, "role": caller.role}
    return {**body, "user": user}


# --- rules: (body, target) -> body ------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def is_reasoning(model: str) -> bool:
    """Whether the name, behind any prefix, says o1, o3 … or gpt-5 and later; `…-chat-latest` does not think."""
    if _CHATS.search(model):
        return False
    return any(match["major"] is None or _major(match["major"]) >= 5 for match in _REASONING.finditer(model))


def _major(digits: str) -> int:
    """Azure writes versions without their dot: gpt-35-turbo, gpt-41."""
    return int(digits) if int(digits) < 30 else int(digits[0])


def rename_limit(body: Body, target: Target) -> Body:
    """`max_tokens` ↔ `max_completion_tokens` (R35, R37).

    Reasoning models refuse the old name; OpenAI takes both for the others; compatible servers often know only the old
    one and ignore the new, so they get the old. Ollama gets it whatever the model is called.
    """
    if "max_tokens" not in body and "max_completion_tokens" not in body:
        return body
    kind = kinds.of(target.connection)
    if kind.has_reasoning_names and is_reasoning(target.upstream_id):
        old, new = "max_tokens", "max_completion_tokens"
    elif not kind.has_openai_models(target.connection):
        old, new = "max_completion_tokens", "max_tokens"
    elif "max_tokens" in body and "max_completion_tokens" in body:
        return {name: value for name, value in body.items() if name != "max_tokens"}
    else:
        return body
    if old not in body:
        return body
    # With both given, the newer name is the one that the caller means.
    value = body.get("max_completion_tokens", body.get("max_tokens"))
    return {**{name: kept for name, kept in body.items() if name != old}, new: value}


def name_role(body: Body, target: Target) -> Body:
    """Reasoning models take a first message from a `developer`, o1-mini and o1-preview from a `user` (R36).

    Ollama's templates lose a `developer`'s text: there all of them speak as `system`.
    """
    messages = body["messages"]
    if not kinds.of(target.connection).has_developer_role:
        if not any(message.get("role") == "developer" for message in messages):
            return body
        renamed = [{**one, "role": "system"} if one.get("role") == "developer" else one for one in messages]
        return {**body, "messages": renamed}
    if messages[0].get("role") != "system" or not is_reasoning(target.upstream_id):
        return body
    role = "user" if _REFUSES_DEVELOPER.search(target.upstream_id) else "developer"
    return {**body, "messages": [{**messages[0], "role": role}, *messages[1:]]}


def read_bias(body: Body, target: Target) -> Body:
    """`logit_bias` as text (`"50256:-100, 11:5"`) or object, each value within ±100 (R38). Raises BadRequest."""
    given = body.get("logit_bias")
    if given is None or given == {}:
        return body
    try:
        pairs = _pairs(given)
        bias = {str(token): max(-MAX_BIAS, min(MAX_BIAS, value)) for token, value in pairs}
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise BadRequest(
            _("“logit_bias” must be an object of numbers, or text such as “50256:-100, 11:5”."),
            code="invalid_value",
            param="logit_bias",
        ) from error
    return body if bias == given else {**body, "logit_bias": bias}


def _pairs(given: Any) -> list[tuple[str, float]]:
    if isinstance(given, str):
        parts = [part.partition(":") for part in given.split(",") if part.strip()]
        return [(_token(token), _number(value.strip())) for token, _colon, value in parts]
    return [(token, _number(value)) for token, value in given.items()]


def _token(text: str) -> str:
    return str(int(text.strip()))


def _number(value: Any) -> float:
    if isinstance(value, str):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError(value)
    return int(value) if float(value).is_integer() else value


def drop_unknown(body: Body, target: Target) -> Body:
    """Leave out what a server with a closed list of members refuses: its reasoning models refuse a temperature, too."""
    allowed = kinds.of(target.connection).chat_parameters(target.connection)
    if allowed is None:
        return body
    if is_reasoning(target.upstream_id) and body.get("temperature", 1) != 1:
        allowed -= {"temperature"}
    if body.keys() <= allowed:
        return body
    return {name: value for name, value in body.items() if name in allowed}


RULES: dict[str, tuple[Callable[[Body, Target], Body], ...]] = {
    "chat": (rename_limit, name_role, read_bias, drop_unknown),
}
