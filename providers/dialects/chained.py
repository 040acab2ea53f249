"""A translation through a form between two others: a request is translated twice, and its answer twice back."""

from collections.abc import Iterable, Iterator
from typing import Any

from providers.dialects.translation import AskedModel, Body, ClientRequest, Stream, Translation

DATA = b"data: "
BETWEEN: Body = {"stream_options": {"include_usage": True}}  # what the outer translation needs of the answer between


def chained(outer: Translation, inner: Translation) -> Translation:
    """`outer` asks for chat completions, `inner` for the form that the connection speaks."""

    def request(body: Body, model: AskedModel) -> Body:
        return inner.request(outer.request(body, model), model)

    def answer(value: Any, asked: ClientRequest) -> Body:
        return outer.answer(inner.answer(value, _between(asked)), asked)

    def stream(asked: ClientRequest) -> Stream:
        return _ChainedStream(outer.stream(asked), inner.stream(_between(asked)))

    return Translation(inner.dialect, request, answer, stream)


def _between(asked: ClientRequest) -> ClientRequest:
    return ClientRequest(BETWEEN, asked.model, asked.created)


class _ChainedStream:
    """The frames of the inner translation, each of which is one chunk of a chat completion, translated again."""

    def __init__(self, outer: Stream, inner: Stream) -> None:
        self._outer, self._inner = outer, inner

    def take(self, event: str, data: str) -> Iterator[bytes]:
        yield from self._pass(self._inner.take(event, data))

    def end(self) -> Iterator[bytes]:
        yield from self._pass(self._inner.end())
        yield from self._outer.end()

    def _pass(self, frames: Iterable[bytes]) -> Iterator[bytes]:
        for frame in frames:
            if frame.startswith(DATA):
                yield from self._outer.take("", frame[len(DATA) :].decode().rstrip())
            else:
                yield frame  # a comment: a sign of life
