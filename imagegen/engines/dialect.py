"""What the engines that speak OpenAI's dialect share: one more try without what was not understood, and its streams."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from django.utils.translation import gettext as _

from imagegen import embedded
from imagegen.engines import refusals
from imagegen.engines.base import Event, Learned, Notice
from providers import event_streams
from providers.errors import ProviderError
from providers.http import BlockingResponse
from providers.upstream import error_bodies

QUIET = {"response_format", "stream", "partial_images"}  # ours alone: nobody misses them in the picture
STREAMING = {"stream", "partial_images"}

Sending = Callable[[Mapping[str, Any]], AbstractContextManager[BlockingResponse]]


def asked_twice(
    send: Sending, body: dict[str, Any], needed: set[str], read: Callable[[BlockingResponse], Iterator[Event]]
) -> Iterator[Event]:
    """Send `body` and read the answer; when a 400 calls a parameter unknown that is not `needed`, once more without it.

    Yields `Learned` for each parameter that was left out the second time. Raises the provider's refusal.
    """
    with send(body) as answer:
        if answer.status < 400:
            yield from read(answer)
            return
        refusal = error_bodies.read(answer.content)
        unknown = _droppable(answer.status, refusal, set(body) - needed)
        if not unknown:
            raise refusals.error_for(answer, refusal)
    for name in sorted(unknown):
        yield Learned(name)
        if name not in QUIET:
            yield Notice(_("The provider does not know the parameter %(name)s: drawn without it.") % {"name": name})
    with send({name: value for name, value in body.items() if name not in unknown}) as answer:
        if answer.status >= 400:
            raise refusals.error_for(answer)
        yield from read(answer)


def _droppable(status: int, refusal: error_bodies.ErrorBody, sent: set[str]) -> set[str]:
    if status not in (400, 422):
        return set()
    unknown = error_bodies.unknown_parameters(refusal, sent)
    if refusal.param in STREAMING & sent:
        # "your organization must be verified to stream": pictures come without, too
        unknown = unknown | {refusal.param}
    return unknown | (STREAMING & sent) if unknown & STREAMING else unknown


def is_stream(answer: BlockingResponse) -> bool:
    """Whether the server streams: those that do not know how answer plain JSON although asked."""
    return event_streams.is_event_stream(answer.headers.get("content-type", ""))


def document(answer: BlockingResponse) -> Any:
    """The answer's JSON with its pictures taken out as bytes. ProviderError (`invalid_answer`) for anything else."""
    body = bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
    try:
        value = embedded.loads(body)
    except ValueError as error:
        raise ProviderError(
            _("The provider's answer is not JSON."),
            code="invalid_answer",
            provider=error_bodies.provider_words(bytes(body)),
        ) from error
    if not isinstance(value, dict):
        raise ProviderError(_("The provider's answer has another form than expected."), code="invalid_answer")
    if value.get("error"):
        raise refusals.as_error(error_bodies.of_value(value["error"]))
    return value


def frames(answer: BlockingResponse) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream until its end or `[DONE]`, pictures taken out as bytes, of any length.

    Raises the provider's error for a frame that holds one, and ProviderError (`invalid_answer`) for garbage.
    """
    for data in _data(answer.iter_bytes()):
        if data.startswith(b"[DONE]"):
            return
        try:
            value = embedded.loads(data)
            data.clear()  # the line has been megabytes; its picture is in `value` now
        except ValueError as error:
            raise ProviderError(_("The provider's stream cannot be understood."), code="invalid_answer") from error
        if not isinstance(value, dict):
            continue
        if value.get("error") or value.get("type") == "error":
            raise refusals.as_error(error_bodies.of_value(value.get("error") or value))
        yield value


def _data(chunks: Iterator[bytes]) -> Iterator[bytearray]:
    """The `data` of server-sent events, comments and other fields left out; lines end in LF or CRLF.

    Not `providers.upstream.sse`: a finished picture is one line of many megabytes, and here it is held once.
    """
    line, data = bytearray(), bytearray()
    for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start)) != -1:
            line += chunk[start:end]
            start = end + 1
            if line.endswith(b"\r"):
                del line[-1:]
            if line.startswith(b"data:"):
                del line[: 6 if line[5:6] == b" " else 5]
                data = data + b"\n" + line if data else line
            elif not line and data:
                yield data
                data = bytearray()
            line = bytearray()
        line += chunk[start:]
    if line.startswith(b"data:"):  # some servers leave out the last blank line
        data += line[5:]
    if data:
        yield data
