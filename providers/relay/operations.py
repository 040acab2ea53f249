"""The table of the gateway's operations: what a program can ask a model for, one frozen row each.

The lane, the URL conf, the API's schema, the metrics and the relay read this table. To add an operation that is passed
through: write its row below, put it into `OPERATIONS`, and add its case to
`tests/providers/relay/test_operations.py`; the contract test over the table checks the rest. An operation that needs a
new fact adds a field with a default, so that the other rows stay as they are.

Sources: docs/upstreams/openai.md, docs/upstreams/rerank.md, docs/upstreams/ollama.md, docs/upstreams/anthropic.md
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from providers.dialects import tokens
from providers.dialects.dialect import Dialect
from providers.errors import GatewayError
from providers.facts import Caller, Route, Snapshot, Source
from providers.relay import ollama, rules, usage
from providers.relay.rules import Body, Destination
from providers.relay.serializers import (
    AUDIO,
    IN_LINES,
    JSON,
    STREAMED,
    TRANSCRIPT,
    WHOLE,
    ChatRequestSerializer,
    CompletionsRequestSerializer,
    EmbeddingsRequestSerializer,
    MessagesRequestSerializer,
    ModerationsRequestSerializer,
    OllamaChatRequestSerializer,
    OllamaEmbeddingsRequestSerializer,
    OllamaEmbedRequestSerializer,
    OllamaGenerateRequestSerializer,
    RequestSerializer,
    RerankRequestSerializer,
    ResponsesRequestSerializer,
    SpeechRequestSerializer,
    TranscriptionsRequestSerializer,
    TranslationsRequestSerializer,
)
from providers.responses import error_responses
from providers.speech import clips, voices
from providers.upstream import error_bodies
from providers.upstream.made_ids import made_id

# For OpenAI's clients, the site's own pages, Azure's newer surface, OpenAI's clients that are given Ollama's address.
PREFIXES = ("/v1", "/openai", "/openai/v1", "/ollama/v1")
OLLAMA_PREFIXES = ("/ollama",)  # for clients that speak Ollama's own protocol
DEPLOYMENTS = "/openai/deployments"  # for Azure's classic surface, then the model and the path of an operation
FORM = "multipart/form-data"


class Cache(Protocol):
    """The cache of an operation. `providers.speech.clips` is the only one so far."""

    def check(self, caller: Caller, payload: Body, idempotency_key: str) -> "Awaitable[clips.IdempotentRequest | None]":
        """What is remembered under the idempotency key. Raise Conflict where it was used for another request."""

    def fitting(self, payload: Body, sources: Sequence[Source]) -> list[Source]:
        """The sources that take the request."""

    def too_long(self, sources: Sequence[Source]) -> GatewayError:
        """The error for a request that none of them takes."""

    def find(
        self, payload: Body, sources: Sequence[Source], remembered: "clips.IdempotentRequest | None" = None
    ) -> "Awaitable[clips.Clip | None]":
        """What is remembered, or stored of one of the sources."""

    def begin(self, payload: Body, source: Source, fetch: "clips.Fetch") -> "Awaitable[clips.Clip]":
        """The answer of one source, which is then stored."""

    def note(self, remembered: "clips.IdempotentRequest | None", refusal: Any) -> Awaitable[None]:
        """Remember how the call ended."""


def _route_for(snapshot: Snapshot, caller: Caller, model: str) -> Route:
    return snapshot.route_for(caller, model)


def is_passed_over(status: int) -> bool:
    """Whether the next source is tried after a response with this status."""
    return status == 429 or status >= 500


def _is_passed_over_or_unknown(status: int) -> bool:
    return status == 404 or is_passed_over(status)


def _wants_stream(body: Mapping[str, Any]) -> bool:
    return body.get("stream") is True


def _wants_stream_in_form(form: Mapping[str, Any]) -> bool:
    return str(form.get("stream")).lower() in ("true", "1")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. Its functions are pure and raise BadRequest for a body that cannot be used."""

    name: str  # also the `kind` of its usage records
    path: str  # below our `prefixes`, and below a provider's base URL
    summary: str
    prefixes: tuple[str, ...] = PREFIXES  # those of OpenAI's protocol have Azure's paths of deployments too
    request: type[serializers.Serializer[Any]] = RequestSerializer  # what the description says beside the model
    answers: Mapping[Any, OpenApiResponse] = field(default_factory=lambda: WHOLE, repr=False)
    parameters: tuple[OpenApiParameter, ...] = ()
    deployed: bool = True  # Azure's classic surface has it below a deployment; ours has all
    method: str = "POST"
    media_type: str = JSON  # of the request: JSON, or FORM, which the lane leaves to the views
    accept: str = JSON  # the header for the provider
    example: Body = field(default_factory=dict, repr=False)  # a small request without its model; of JSON alone

    # The form of request and answer. Connections that speak another one get a translation of it (`providers.dialects`).
    dialect: Dialect | None = None  # None: no other form says the same
    estimate: Callable[[Body], Body] | None = None  # the answer where a connection of another form has none
    error_frame: Callable[[GatewayError], bytes] = error_responses.openai_frame  # the error of a stream that breaks off
    error_shape: Callable[[error_bodies.ErrorBody, int], Body] = (
        error_bodies.openai_shape
    )  # a provider's error of this status
    id_header: str = ""  # for the request's id in translated answers, beside `x-request-id`
    forwards: tuple[str, ...] = ()  # the client's headers for a provider of this form, in lower case

    # Permission and route.
    scope: str = "inference"  # the scope that an API key needs, see `callers.SCOPES`
    route: Callable[[Snapshot, Caller, str], Route] = _route_for
    default_model: str = ""  # of a request that names none, if the caller may use it; empty: one must be named
    passed_over: Callable[[int], bool] = is_passed_over
    cache: Cache | None = None

    # The body.
    model_alias: str = ""  # another name of the member `model`, which older clients use
    check: Callable[[Mapping[str, Any]], None] = rules.check_model
    rewrites: tuple[Callable[[Body, Destination], Body], ...] = ()
    preset_params: frozenset[str] | None = frozenset()  # the parameters of a preset that it accepts; None: all
    # (body, a preset's parameters, `preset_params`) → the body with these as defaults
    add_params: Callable[[Body, Mapping[str, Any], frozenset[str] | None], Body] = rules.with_params
    add_prompt: Callable[[Body, str], Body] = rules.without_prompt  # adds a preset's system prompt
    streams: Callable[[Mapping[str, Any]], bool] = _wants_stream  # the timeouts are for pieces, not the whole

    writes: bool = True  # whether a model writes an answer, whose tokens a call reserves of its caller's budgets
    has_messages: bool = False  # as a chat completion has them: the filters of pipelines servers can read them
    has_stream_options: bool = False  # a stream tells its usage where `stream_options` asks for it
    # Whether a 200 says in its last frame that the answer failed; None: it never does.
    failed_inside: Callable[[usage.Tail], bool] | None = None
    # (the id at the provider, the id that was asked for) → what puts the second into the response; None: it has none
    rename: Callable[[str, str], ollama.ModelNames] | None = None

    # The id, in the beginning of a response, by which its client asks for it later; None: the provider keeps nothing
    made_id: Callable[[bytes], str] | None = None
    frame: bytes = b"data:"  # what each frame of a stream has once
    # The fields of `CallUsage` that the request tells, of a call that was answered
    count_request: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    count: Callable[[usage.Tail], Mapping[str, Any]] = usage.count_tokens  # fields of its `CallUsage`

    @property
    def paths(self) -> tuple[str, ...]:
        """Our paths of this operation, without those of deployments."""
        return tuple(f"{prefix}/{self.path}" for prefix in self.prefixes)

    @property
    def has_deployments(self) -> bool:
        """Whether Azure's paths of deployments lead to it too."""
        return self.prefixes is PREFIXES

    @property
    def on_lane(self) -> bool:
        return self.media_type == JSON


GREETING: Body = {"messages": [{"role": "user", "content": "Hello"}]}

CHAT = Operation(
    name="chat",
    path="chat/completions",
    summary="Complete a chat.",
    example=GREETING,
    request=ChatRequestSerializer,
    answers=STREAMED,
    dialect=Dialect.CHAT,
    check=rules.check_chat,
    rewrites=(rules.rename_limit, rules.name_role, rules.read_bias, rules.drop_unknown),
    preset_params=None,
    add_prompt=rules.prompt_in_messages,
    has_stream_options=True,
    has_messages=True,
    failed_inside=usage.failed,
)
COMPLETIONS = Operation(
    name="completions",
    path="completions",
    summary="Continue a text (OpenAI's older protocol).",
    example={"prompt": "Once upon a time"},
    request=CompletionsRequestSerializer,
    answers=STREAMED,
    rewrites=(rules.read_bias,),
    # A preset's system prompt has no place here: the prompt is the text itself.
    preset_params=frozenset(
        ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "stop", "seed", "logit_bias")
    ),
    has_stream_options=True,
    failed_inside=usage.failed,
)
EMBEDDINGS = Operation(
    name="embeddings",
    path="embeddings",
    summary="Turn texts into vectors.",
    example={"input": "Hello"},
    request=EmbeddingsRequestSerializer,
    writes=False,
)
_OF_ANTHROPIC: dict[str, Any] = {
    "dialect": Dialect.MESSAGES,
    "error_frame": error_responses.anthropic_frame,
    "error_shape": error_bodies.anthropic_shape,
    "id_header": "request-id",
    "forwards": ("anthropic-version", "anthropic-beta"),  # docs/upstreams/anthropic.md, “Transport”
    "check": rules.check_chat,
    "add_prompt": rules.prompt_in_system,
    "example": {"max_tokens": 1024, **GREETING},
}
MESSAGES = Operation(
    name="messages",
    path="messages",
    summary="Complete a conversation (Anthropic's protocol).",
    request=MessagesRequestSerializer,
    answers=STREAMED,
    preset_params=frozenset(("temperature", "top_p", "top_k")),
    count=usage.count_messages,
    **_OF_ANTHROPIC,
)
COUNT_TOKENS = Operation(
    name="count_tokens",
    path="messages/count_tokens",
    summary="Count the tokens of a conversation (Anthropic's protocol); for models of other providers an estimate.",
    request=MessagesRequestSerializer,
    estimate=lambda body: {"input_tokens": tokens.estimate(body)},
    writes=False,
    **_OF_ANTHROPIC,
)
MODERATIONS = Operation(
    name="moderations",
    path="moderations",
    summary="Say whether texts or pictures may be harmful.",
    example={"input": "Hello"},
    request=ModerationsRequestSerializer,
    deployed=False,
    default_model="omni-moderation-latest",
    check=rules.check_model_if_named,
    writes=False,
)
RERANK = Operation(
    name="rerank",
    path="rerank",
    summary="Order documents by how well they answer a query (the protocol of Jina and Cohere).",
    example={"query": "Hello", "documents": ["Hello", "Goodbye"]},
    request=RerankRequestSerializer,
    deployed=False,
    count=usage.count_reranking,
    writes=False,
)
RESPONSES = Operation(
    name="responses",
    path="responses",
    summary="Make a response (OpenAI's newer protocol).",
    example={"input": "Hello"},
    request=ResponsesRequestSerializer,
    answers=STREAMED,
    deployed=False,
    dialect=Dialect.RESPONSES,
    error_frame=error_responses.responses_frame,
    preset_params=frozenset({"temperature", "top_p"}),
    add_prompt=rules.prompt_in_instructions,
    made_id=made_id,
)
SPEECH = Operation(
    name="speech",
    path="audio/speech",
    summary="Read a text aloud; the same request is sent to the provider once.",
    example={"input": "Hello", "voice": "alloy"},
    request=SpeechRequestSerializer,
    answers=AUDIO,
    parameters=(OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER),),
    accept="application/octet-stream",
    route=voices.route_for,
    passed_over=_is_passed_over_or_unknown,  # speech models are in no list: another connection may know the model
    cache=clips.Clips(),
    check=clips.check,
    streams=lambda body: True,
    count_request=usage.count_characters,
    count=usage.count_audio,
    writes=False,
)

TRANSCRIPTIONS = Operation(
    name="transcriptions",
    path="audio/transcriptions",
    summary="Write down what is said in an audio file.",
    request=TranscriptionsRequestSerializer,
    answers=TRANSCRIPT,
    media_type=FORM,
    streams=_wants_stream_in_form,
    count=usage.count_transcript,
)
TRANSLATIONS = Operation(
    name="translations",
    path="audio/translations",
    summary="Write down in English what is said in an audio file.",
    request=TranslationsRequestSerializer,
    answers=TRANSCRIPT,
    media_type=FORM,
    streams=_wants_stream_in_form,
    count=usage.count_transcript,
)

OLLAMA_CHAT = Operation(
    name="ollama_chat",
    path="api/chat",
    summary="Complete a chat (Ollama's protocol).",
    example=GREETING,
    prefixes=OLLAMA_PREFIXES,
    request=OllamaChatRequestSerializer,
    answers=IN_LINES,
    deployed=False,
    route=ollama.route_for,
    check=ollama.check_chat,
    add_params=ollama.params_in_options,
    add_prompt=ollama.prompt_in_messages,
    has_messages=True,
    streams=ollama.wants_stream,
    failed_inside=ollama.has_failed,
    rename=ollama.ModelNames,
    frame=ollama.MORE,
    count=ollama.count_tokens,
)
OLLAMA_GENERATE = replace(
    OLLAMA_CHAT,
    name="ollama_generate",
    path="api/generate",
    summary="Continue a prompt (Ollama's protocol).",
    example={"prompt": "Once upon a time"},
    request=OllamaGenerateRequestSerializer,
    check=ollama.check_generate,
    has_messages=False,
    add_prompt=ollama.prompt_in_system,
)
OLLAMA_EMBED = Operation(
    name="ollama_embed",
    path="api/embed",
    summary="Turn texts into vectors (Ollama's protocol).",
    example={"input": "Hello"},
    prefixes=OLLAMA_PREFIXES,
    request=OllamaEmbedRequestSerializer,
    deployed=False,
    route=ollama.route_for,
    rename=ollama.ModelNames,
    count=ollama.count_tokens,
)
OLLAMA_EMBEDDINGS = Operation(
    name="ollama_embeddings",
    path="api/embeddings",
    summary="Turn a text into a vector (Ollama's older protocol).",
    example={"prompt": "Hello"},
    prefixes=OLLAMA_PREFIXES,
    request=OllamaEmbeddingsRequestSerializer,
    deployed=False,
    route=ollama.route_for,
    count=ollama.count_tokens,
)
OLLAMA_SHOW = Operation(
    name="ollama_show",
    path="api/show",
    summary="What a model is and can do (Ollama's protocol).",
    prefixes=OLLAMA_PREFIXES,
    deployed=False,
    route=ollama.route_for,
    model_alias="name",
    count=ollama.count_tokens,
)

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        CHAT,
        COMPLETIONS,
        COUNT_TOKENS,
        EMBEDDINGS,
        MESSAGES,
        MODERATIONS,
        RERANK,
        RESPONSES,
        SPEECH,
        TRANSCRIPTIONS,
        TRANSLATIONS,
        OLLAMA_CHAT,
        OLLAMA_GENERATE,
        OLLAMA_EMBED,
        OLLAMA_EMBEDDINGS,
        OLLAMA_SHOW,
    )
}
# The operation that a connection of this form is asked for, where a request is translated.
BY_DIALECT = {Dialect.CHAT: CHAT, Dialect.MESSAGES: MESSAGES, Dialect.RESPONSES: RESPONSES}
