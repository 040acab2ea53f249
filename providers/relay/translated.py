"""Answers in another form than the connection's, translated as they come.

Where both forms are equal, none of this is used: the bytes pass as they are.
"""

import time
from typing import Any

from providers import json_bodies
from providers.dialects.table import TRANSLATIONS
from providers.dialects.translation import Body, ClientRequest, Stream, Translation
from providers.errors import GatewayError, ProviderError
from providers.facts import ConnectionFacts
from providers.process import request_ids, waiting
from providers.relay.operations import Operation
from providers.relay.request import RelayRequest
from providers.relay.response import ProviderResponse, WrappedResponse
from providers.responses import event_streams
from providers.sentences import sentence as _
from providers.upstream import error_bodies, kinds, sse

MAX_ANSWER = 2**26  # bytes of an answer in one piece
OF_THE_BODY = frozenset({"content-type", "content-length", "content-encoding"})


def translation_for(operation: Operation, connection: ConnectionFacts) -> Translation | None:
    """How this operation is asked of a connection that speaks another form; None where it speaks the same."""
    wanted = operation.dialect
    if wanted is None or wanted in (spoken := kinds.spoken(connection, connection.speaks)):
        return None
    return TRANSLATIONS[wanted, spoken[0]]


async def translate(
    response: ProviderResponse, translation: Translation, request: RelayRequest, operation: Operation
) -> "TranslatedResponse":
    """The response in the form of the request. It takes over `response`, which is closed if this fails.

    Raises NetworkError and its children, and ProviderError for what is no answer.
    """
    asked_for = ClientRequest(request.payload, response.public_id, int(time.time()))
    is_stream = event_streams.is_event_stream(dict(response.headers).get("content-type", ""))
    refusal = b""
    try:
        if response.status >= 400:
            refusal = await response.beginning()
            body = _packed(operation.error_shape(error_bodies.read(refusal), response.status))
        elif is_stream:
            return TranslatedResponse(response, operation, translation.stream(asked_for))
        else:
            body = await _whole(response, translation, asked_for)
    except BaseException as error:
        if isinstance(error, GatewayError):
            response.fail(error)
        await response.aclose()
        raise
    return TranslatedResponse(response, operation, body, refusal)


async def _whole(response: ProviderResponse, translation: Translation, asked_for: ClientRequest) -> bytes:
    body = await response.read(MAX_ANSWER)
    return await waiting.off_loop(len(body), _answer, body, translation, asked_for)


def _answer(body: bytes, translation: Translation, asked_for: ClientRequest) -> bytes:
    try:
        value = json_bodies.parse_response(body)
    except ValueError as error:
        raise ProviderError(_("The provider's answer is not JSON."), code="invalid_answer") from error
    if isinstance(value, dict) and value.get("error"):
        raise error_bodies.as_error(error_bodies.read(body))
    return _packed(translation.answer(value, asked_for))


def _packed(value: Body) -> bytes:
    return json_bodies.dumps(json_bodies.clean(value))


class TranslatedResponse(WrappedResponse):
    """A provider's response in the form of the request: a stream frame by frame, anything else in one piece."""

    __slots__ = ("_failure", "_is_over", "_operation", "_refusal", "_splitter", "_stream", "_whole")

    def __init__(
        self, inner: ProviderResponse, operation: Operation, content: Stream | bytes, refusal: bytes = b""
    ) -> None:
        super().__init__(inner)
        self._operation, self._refusal = operation, refusal
        self._whole = content if isinstance(content, bytes) else b""
        self._stream = None if isinstance(content, bytes) else content
        self._splitter = sse.Splitter(sse.LONGEST_WITH_PICTURES)
        self._failure: GatewayError | None = None
        self._is_over = self._stream is None
        others = [pair for pair in inner.headers if pair[0] not in OF_THE_BODY]
        self.headers = [("content-type", _type_of(self._stream)), *others]
        if self._stream is None:
            self.headers.append(("content-length", str(len(self._whole))))
        if operation.id_header:
            self.headers.append((operation.id_header, request_ids.current.get()))

    async def read_some(self) -> bytes:
        piece, self._whole = self._whole, b""
        while not piece and not self._is_over:
            if self._failure is not None:
                raise self._failure
            piece = await self._next()
        return piece

    async def _next(self) -> bytes:
        """The translation of the provider's next piece; often of no bytes. An error waits for the bytes before it."""
        received = await self._inner.read_some()
        translated: list[bytes] = []
        try:
            for frame in self._splitter.feed(received) if received else self._splitter.close():
                translated += await waiting.off_loop(frame.size, self._translate, frame)
            if not received:
                assert self._stream is not None  # noqa: S101
                translated += self._stream.end()
                self._is_over = True
        except GatewayError as error:
            self._inner.fail(error)
            self._failure = error
        return b"".join(translated)

    def _translate(self, frame: sse.Frame) -> list[bytes]:
        assert self._stream is not None  # noqa: S101
        return list(self._stream.take(frame.event, frame.data))

    @property
    def refusal(self) -> bytes:
        """In the provider's form, for whoever looks for its words."""
        return self._refusal

    def closing_bytes(self, error: GatewayError) -> bytes:
        if self._stream is None:
            raise error
        return self._operation.error_frame(error)


def _type_of(stream: Any) -> str:
    return "application/json" if stream is None else event_streams.TYPE
