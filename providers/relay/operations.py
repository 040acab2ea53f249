"""The table of the gateway's operations: what a program can ask a model for, one frozen row each.

The lane, the URL conf, the API's description, the metrics and the relay read this table. To add an operation that is
passed through: write its row below, put it into `OPERATIONS`, and add its case to
`tests/providers/relay/test_operations.py`; the contract test over the table checks the rest. An operation that needs a
new fact adds a field with a default, so that the other rows stay as they are.

Source: docs/upstreams/openai.md
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from providers.facts import Caller, Route, Snapshot, Source
from providers.relay import rules, usage
from providers.relay.rules import Body, Destination
from providers.relay.serializers import (
    ChatRequestSerializer,
    EmbeddingsRequestSerializer,
    ResponsesRequestSerializer,
    SpeechRequestSerializer,
)
from providers.speech import clips, voices

PREFIXES = ("/v1", "/openai", "/openai/v1")  # of OpenAI's clients, of the site's own API, of Azure's newer surface
DEPLOYMENTS = "/openai/deployments"  # of Azure's classic surface; what the body calls the model counts
JSON = "application/json"

WHOLE: dict[Any, OpenApiResponse] = {
    (200, JSON): OpenApiResponse(OpenApiTypes.OBJECT, description="The provider's answer, unchanged")
}
STREAMED: dict[Any, OpenApiResponse] = {
    **WHOLE,
    (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description="The same as it comes, with `stream`"),
}
SOUNDS: dict[Any, OpenApiResponse] = {
    (200, sound): OpenApiResponse(OpenApiTypes.BINARY, description="The sound, as `response_format` asks for it")
    for sound in clips.TYPES.values()
}


class Cache(Protocol):
    """Stored answers of an operation. See `providers.speech.clips`, the only one so far."""

    def check(self, caller: Caller, payload: Body, idempotency_key: str) -> Awaitable[None]:
        """Raises Conflict where the idempotency key was used for another request."""

    def answer(
        self, payload: Body, sources: Sequence[Source], fetch: "clips.Fetch", passed_over: Callable[[int], bool]
    ) -> "Awaitable[clips.Clip]":
        """The stored answer, else the one that the first of `sources` gives, stored behind."""


def _route_for(snapshot: Snapshot, caller: Caller, model: str) -> Route:
    return snapshot.route_for(caller, model)


def is_passed_over(status: int) -> bool:
    """Whether an answer with this status lets the next source try."""
    return status == 429 or status >= 500


def _is_passed_over_or_unknown(status: int) -> bool:
    return status == 404 or is_passed_over(status)


def _wants_stream(body: Mapping[str, Any]) -> bool:
    return body.get("stream") is True


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. Functions are pure and raise BadRequest where a body cannot be used."""

    name: str  # also the kind of its usage records
    path: str  # below our `PREFIXES`, and below a provider's base URL
    summary: str
    request: type[serializers.Serializer[Any]]
    answers: Mapping[Any, OpenApiResponse] = field(default_factory=lambda: WHOLE, repr=False)
    parameters: tuple[OpenApiParameter, ...] = ()
    deployed: bool = True  # Azure's classic surface has it below a deployment
    media_type: str = JSON  # of the request; the lane takes JSON alone
    accept: str = JSON  # what the provider is asked for

    # Who may, and where to.
    scope: str = "inference"  # what a key must have been made for, see `callers.SCOPES`
    route: Callable[[Snapshot, Caller, str], Route] = _route_for
    passed_over: Callable[[int], bool] = is_passed_over
    cache: Cache | None = None

    # The body.
    check: Callable[[Mapping[str, Any]], None] = rules.check_model
    rewrites: tuple[Callable[[Body, Destination], Body], ...] = ()
    preset_params: frozenset[str] | None = frozenset()  # those of a preset that it understands; None: all
    add_prompt: Callable[[Body, str], Body] = rules.without_prompt  # a preset's system prompt
    streams: Callable[[Mapping[str, Any]], bool] = _wants_stream  # the answer comes in pieces, each with its own limit

    count: Callable[[usage.Tail], Mapping[str, int]] = usage.count_tokens  # columns of its usage records

    @property
    def paths(self) -> tuple[str, ...]:
        """Where we offer it, without the paths of deployments."""
        return tuple(f"{prefix}/{self.path}" for prefix in PREFIXES)

    @property
    def on_lane(self) -> bool:
        return self.media_type == JSON


CHAT = Operation(
    name="chat",
    path="chat/completions",
    summary="Complete a chat.",
    request=ChatRequestSerializer,
    answers=STREAMED,
    check=rules.check_chat,
    rewrites=(rules.rename_limit, rules.name_role, rules.read_bias, rules.drop_unknown),
    preset_params=None,
    add_prompt=rules.prompt_in_messages,
)
EMBEDDINGS = Operation(
    name="embeddings",
    path="embeddings",
    summary="Turn texts into vectors.",
    request=EmbeddingsRequestSerializer,
)
RESPONSES = Operation(
    name="responses",
    path="responses",
    summary="Make a response (OpenAI's newer protocol).",
    request=ResponsesRequestSerializer,
    answers=STREAMED,
    deployed=False,
    preset_params=frozenset({"temperature", "top_p"}),
    add_prompt=rules.prompt_in_instructions,
)
SPEECH = Operation(
    name="speech",
    path="audio/speech",
    summary="Read a text aloud; the same words are fetched from the provider once.",
    request=SpeechRequestSerializer,
    answers=SOUNDS,
    parameters=(OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER),),
    accept="application/octet-stream",
    route=voices.route_for,
    passed_over=_is_passed_over_or_unknown,  # speech models stand in no list: another connection may know this one
    cache=clips.Clips(),
    check=clips.check,
    streams=lambda body: True,
    count=usage.count_sound,
)

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in (CHAT, EMBEDDINGS, RESPONSES, SPEECH)}
