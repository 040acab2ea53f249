"""OpenAI's dialect, as several engines speak it: a second try without unknown parameters, responses, streams."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from imagegen import embedded
from imagegen.engines import refusals, responses
from imagegen.engines.base import Event, Learned, Notice
from providers.errors import ProviderError
from providers.http import BlockingResponse
from providers.responses import event_streams
from providers.sentences import sentence as _
from providers.upstream import error_bodies, sse

QUIET = {"response_format", "stream", "partial_images"}  # set by us: leaving them out changes no picture
STREAMING = {"stream", "partial_images"}

MAX_FRAME = sse.LONGEST_PICTURE  # bytes
MAX_FRAMES = 10_000  # of one stream

Sending = Callable[[Mapping[str, Any]], AbstractContextManager[BlockingResponse]]


def send_tolerantly(
    send: Sending, body: dict[str, Any], needed: set[str], read: Callable[[BlockingResponse], Iterator[Event]]
) -> Iterator[Event]:
    """Send `body` and read the response. When a 400 calls parameters unknown that are not `needed`, send it again
    without them.

    Yields `Learned` for each parameter that was left out. Raises the provider's refusal.
    """
    with send(body) as response:
        if response.status < 400:
            yield from read(response)
            return
        refusal = error_bodies.read(response.content)
        unknown = _droppable(response.status, refusal, set(body) - needed)
        if not unknown:
            raise refusals.error_for(response, refusal)
    for name in sorted(unknown):
        yield Learned(name)
        if name not in QUIET:
            yield Notice(_("The provider does not know the parameter %(name)s: drawn without it.") % {"name": name})
    with send({name: value for name, value in body.items() if name not in unknown}) as response:
        if response.status >= 400:
            raise refusals.error_for(response)
        yield from read(response)


def _droppable(status: int, refusal: error_bodies.ErrorBody, sent: set[str]) -> set[str]:
    if status not in (400, 422):
        return set()
    unknown = error_bodies.unknown_parameters(refusal, sent)
    if refusal.param in STREAMING & sent:
        # "your organization must be verified to stream": pictures come without, too
        unknown = unknown | {refusal.param}
    return unknown | (STREAMING & sent) if unknown & STREAMING else unknown


def is_stream(response: BlockingResponse) -> bool:
    """Whether the server streams: some answer plain JSON although a stream was requested."""
    return event_streams.is_event_stream(response.headers.get("content-type", ""))


def document(response: BlockingResponse) -> Any:
    """The response's JSON object, its pictures as bytes. Raises ProviderError (`invalid_answer`) for anything else, and
    the provider's error for an object that holds one.
    """
    return checked(responses.read(body(response)))


def body(response: BlockingResponse) -> bytearray:
    """The whole body."""
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
    return content


def checked(value: Any) -> dict[str, Any]:
    """A parsed response, when it is an object without an error. Raises as `document` does."""
    document = responses.as_object(value)
    if document.get("error"):
        raise refusals.as_error(error_bodies.of_value(document["error"]))
    return document


def frames(response: BlockingResponse) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream until its end or `[DONE]`, their pictures as bytes; frames may have any length.

    Raises the provider's error for a frame that holds one, and ProviderError (`invalid_answer`) for what is not JSON.
    """
    for data in _data(response.iter_bytes()):
        if data.startswith(b"[DONE]"):
            return
        try:
            value = embedded.loads(data)
            data.clear()  # megabytes, which `value` holds decoded now
        except ValueError as error:
            raise ProviderError(_("The provider's stream cannot be understood."), code="invalid_answer") from error
        if not isinstance(value, dict):
            continue
        if value.get("error") or value.get("type") == "error":
            raise refusals.as_error(error_bodies.of_value(value.get("error") or value))
        yield value


def _data(chunks: Iterator[bytes]) -> Iterator[bytearray]:
    """The `data` of server-sent events, comments and other fields left out; lines end in LF or CRLF.

    `providers.upstream.sse` would hold a finished picture, a line of many megabytes, several times. Here it is held
    once.
    """
    line, data, events = bytearray(), bytearray(), 0
    for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start)) != -1:
            line += chunk[start:end]
            start = end + 1
            if line.endswith(b"\r"):
                del line[-1:]
            if line.startswith(b"data:"):
                del line[: 6 if line[5:6] == b" " else 5]
                if data:
                    data += b"\n"
                    data += line
                else:
                    data = line
            elif not line and data:
                events += 1
                yield data
                data = bytearray()
            line = bytearray()
        line += chunk[start:]
        if len(line) + len(data) > MAX_FRAME or events > MAX_FRAMES:
            raise ProviderError(_("The provider's answer is larger than allowed."), code="answer_too_large")
    if line.startswith(b"data:"):  # some servers leave out the last blank line
        data += line[5:]
    if data:
        yield data
