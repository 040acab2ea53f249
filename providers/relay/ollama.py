"""Ollama's own protocol: routes, checks, presets, usage and the names of models in its responses.

The rows are in `providers.relay.operations`. Calls go to connections whose servers speak this protocol and nowhere
else, so requests and responses stay as they are, except for the name of the model.

Source: docs/upstreams/ollama.md, “Native chat”
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from providers.errors import BadRequest, NotFound
from providers.facts import Caller, Route, Snapshot
from providers.relay import rules, usage
from providers.relay.rules import Body
from providers.sentences import sentence as _
from providers.upstream import kinds

LATEST = ":latest"  # the tag that a name without one has
MORE = b'"done":false'  # in every line of a stream but the last
# A preset's parameters have OpenAI's names. These are the ones that Ollama takes in `options`, by their names there;
# https://docs.ollama.com/modelfile, “Valid Parameters and Values”
OPTIONS = {
    **{name: name for name in ("temperature", "top_p", "top_k", "min_p", "seed", "stop", "num_ctx", "num_predict")},
    **{name: name for name in ("repeat_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty")},
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",
}
MEMBERS = ("think", "keep_alive", "format")  # those that stand beside `options`

_PROMPT_COUNT = re.compile(rb'"prompt_eval_count"\s*:\s*(\d{1,18})\s*[,}]')
_EVAL_COUNT = re.compile(rb'"eval_count"\s*:\s*(\d{1,18})\s*[,}]')
_ERROR = re.compile(rb'\s*\{\s*"error"\s*:')
# Of the last object. Its beginning may be far away: `context` lists all tokens between the two.
_DONE = re.compile(rb'"done"\s*:\s*true\s*[,}]|"total_duration"\s*:\s*\d')


# --- route ------------------------------------------------------------------------------------------------------------


def names_of(model: str) -> tuple[str, ...]:
    """The public ids that a name may mean, the likeliest first."""
    return (model, model.removesuffix(LATEST) if model.endswith(LATEST) else f"{model}{LATEST}")


def own_sources(route: Route) -> Route | None:
    """The route with the sources alone that speak this protocol; None without any."""
    sources = tuple(source for source in route.sources if kinds.speaks_ollama(source.connection))
    if len(sources) == len(route.sources):
        return route
    return replace(route, sources=sources) if sources else None


def route_for(snapshot: Snapshot, caller: Caller, model: str) -> Route:
    """The route of a model with those sources that speak this protocol, and that this caller may use.

    Raises NotFound (`model_not_found`) in the server's own words, on which clients rely, and ConfigurationError.
    """
    elsewhere = False
    for name in names_of(model):
        try:
            route = snapshot.route_for(caller, name)
        except NotFound:
            continue
        if (own := own_sources(route)) is not None:
            return own
        elsewhere = True
    text = _("model '%(id)s' not found") if not elsewhere else _("model '%(id)s' not found here; call it at /v1")
    raise NotFound(text % {"id": model}, code="model_not_found", param="model")


# --- checks -----------------------------------------------------------------------------------------------------------


def check_generate(body: Mapping[str, Any]) -> None:
    rules.check_model(body)
    if not isinstance(body.get("options") or {}, dict):
        raise BadRequest(_("“options” must be an object."), code="invalid_type", param="options")


def check_chat(body: Mapping[str, Any]) -> None:
    """Without messages the model is only loaded."""
    check_generate(body)
    messages = body.get("messages") or []
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise BadRequest(_("“messages” must be a list of objects."), code="invalid_type", param="messages")


def wants_stream(body: Mapping[str, Any]) -> bool:
    return body.get("stream") is not False


# --- presets ----------------------------------------------------------------------------------------------------------


def params_in_options(body: Body, params: Mapping[str, Any], accepted: frozenset[str] | None) -> Body:
    """The body with a preset's parameters as defaults, those of sampling in `options`."""
    if not params:
        return body
    given = body.get("options") or {}
    options = {OPTIONS[name]: value for name, value in params.items() if name in OPTIONS}
    if isinstance(options.get("stop"), str):
        options["stop"] = [options["stop"]]  # Ollama takes a list alone
    members = {name: params[name] for name in MEMBERS if name in params and name not in body}
    if not members and options.keys() <= given.keys():
        return body
    return {**members, **body, **({"options": {**options, **given}} if options else {})}


def prompt_in_messages(body: Body, prompt: str) -> Body:
    return rules.prompt_in_messages(body, prompt) if body.get("messages") else body


def prompt_in_system(body: Body, prompt: str) -> Body:
    """A preset's system prompt before the caller's own, for a request without messages."""
    own = body.get("system")
    return {**body, "system": f"{prompt}\n\n{own}" if isinstance(own, str) and own else prompt}


# --- the response -----------------------------------------------------------------------------------------------------


def count_tokens(tail: usage.Tail) -> dict[str, int]:
    """The columns of a response. Its last object has the numbers; without an answer it has the first alone."""
    last = _last_object(tail)
    tokens_in, tokens_out = _PROMPT_COUNT.search(last), _EVAL_COUNT.search(last)
    return {"tokens_in": _number(tokens_in), "tokens_out": _number(tokens_out)}


def has_failed(tail: usage.Tail) -> bool:
    """Whether the last object of a response is an error, or does not say that it is the last."""
    last = _last_object(tail)
    return _ERROR.match(last) is not None or _DONE.search(last) is None


def _last_object(tail: usage.Tail) -> bytes:
    """The last object in a response, or as much of its end as is kept."""
    return tail.text[tail.text.rfind(b"\n{") + 1 :]


def _number(match: re.Match[bytes] | None) -> int:
    return min(int(match[1]), usage.MAX_TOKENS) if match else 0


class ModelNames:
    """Puts the id that was asked for into the lines of a response, instead of the model's id at the provider.

    The name stands at the beginning of each line. What follows passes as it comes; of the beginning at most `HELD`
    bytes wait until the name is complete.
    """

    HELD = 4096

    def __init__(self, upstream_id: str, asked: str) -> None:
        name = orjson.dumps(upstream_id)
        # Plain members may come before it.
        plain = rb'"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[-+.\deE]+|true|false|null)\s*,\s*'
        self._name = re.compile(rb"(\s*\{\s*(?:" + plain + rb')*?"model"\s*:\s*)' + re.escape(name))
        self._asked = orjson.dumps(asked)
        self._held = b""
        self._passes = False  # until the end of the line

    def feed(self, piece: bytes) -> bytes:
        return b"".join(self._parts(piece))

    def rest(self) -> bytes:
        """What waits at the end of the response."""
        held, self._held = self._held, b""
        return self._named(held) or held

    def _parts(self, piece: bytes) -> Iterator[bytes]:
        for line in piece.splitlines(keepends=True) if b"\n" in piece else (piece,):
            if self._passes:
                yield line
            else:
                line, self._held = self._held + line, b""
                named = self._named(line)
                if named is None and not line.endswith(b"\n") and len(line) < self.HELD:
                    self._held = line
                    continue
                yield named or line
            self._passes = not line.endswith(b"\n")

    def _named(self, line: bytes) -> bytes | None:
        match = self._name.match(line)
        return match[1] + self._asked + line[match.end() :] if match else None
