"""OpenAI's dialect, as several engines speak it: a second try without unknown parameters, responses, streams."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from imagegen import embedded
from imagegen.engines import refusals, responses
from imagegen.engines.events import Event, Learned, Notice
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
    _raise_error_in(document)
    return document


def _raise_error_in(document: Mapping[str, Any]) -> None:
    """Raise the provider's error where a body or a frame holds one."""
    if error := document.get("error"):
        raise refusals.as_error(error_bodies.of_value(error))
    if document.get("type") == "error":
        raise refusals.as_error(error_bodies.of_value(document))


def frames(response: BlockingResponse) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream until its end or `[DONE]`, their pictures as bytes; frames may have any length.

    Words between them, by which servers show that they are alive, are passed over. Raises the provider's error for a
    frame that holds one, and ProviderError (`invalid_answer`) for an object that is not JSON, and for words alone.
    """
    words, number = b"", 0
    for event, data in _data(response.iter_bytes()):
        if data.startswith(b"[DONE]"):
            break
        try:
            value = embedded.loads(data)
        except ValueError as error:
            if data.startswith(b"{") and event != "error":
                raise _unreadable(data) from error
            value = words = bytes(data[: error_bodies.MAX_PLAIN])
        data.clear()  # megabytes, which `value` holds decoded now
        if isinstance(value, dict):
            _raise_error_in(value)
        if event == "error":
            raise refusals.as_error(error_bodies.of_value(words.decode(errors="replace") if value is words else value))
        if isinstance(value, dict):
            number += 1
            yield value
    if words and not number:
        raise _unreadable(words)


def _unreadable(data: bytes | bytearray) -> ProviderError:
    provider = error_bodies.provider_words(bytes(data[: error_bodies.MAX_PLAIN]))
    return ProviderError(_("The provider's stream cannot be understood."), code="invalid_answer", provider=provider)


def _data(chunks: Iterator[bytes]) -> Iterator[tuple[str, bytearray]]:
    """The name and the `data` of server-sent events; lines end in LF or CRLF.

    `providers.upstream.sse` would hold a finished picture, a line of many megabytes, several times. Here it is held
    once. As there, a byte order mark is ignored, an `error` line is an event of that name, and an object that stands in
    one line is an event, where a server separates them by single line ends.
    """
    line, events, begun = bytearray(), _Events(), False
    for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start)) != -1:
            line += chunk[start:end]
            start = end + 1
            if not begun and line.startswith(sse.BOM):
                del line[: len(sse.BOM)]
            begun = True
            if line.endswith(b"\r"):
                del line[-1:]
            yield from events.take(line)
            line = bytearray()
        line += chunk[start:]
        if len(line) + events.size > MAX_FRAME or events.number > MAX_FRAMES:
            raise ProviderError(_("The provider's answer is larger than allowed."), code="answer_too_large")
    yield from events.take(line)  # some servers leave out the last line ends
    yield from events.take(bytearray())


class _Events:
    """The event that is being read, line by line. `size` is that of its data in bytes, `number` counts those before."""

    def __init__(self) -> None:
        self.number = 0
        self._name = self._next_name = ""
        self._data, self._lines = bytearray(), 0

    @property
    def size(self) -> int:
        return len(self._data)

    def take(self, line: bytearray) -> Iterator[tuple[str, bytearray]]:
        """Take a line, which is used up. Yields the events that it ends."""
        if not line:
            self._name, self._next_name = self._next_name or self._name, ""
            yield from self._end()
            return
        name, colon, _value = bytes(line[:6]).partition(b":")
        start = len(name) + len(colon)
        if name == b"event":
            event = bytes(line[start:]).decode(errors="replace").strip()
            self._name, self._next_name = (self._name, event) if self._lines else (event, "")
        elif name in (b"data", b"error"):
            del line[: start + (line[start : start + 1] == b" ")]
            if self._lines and _is_whole(self._data, before=line):
                yield from self._end()
            if name == b"error":
                self._name = "error"
            self._lines += 1
            if self._lines > 1:
                self._data += b"\n"
                self._data += line
            else:
                self._data = line

    def _end(self) -> Iterator[tuple[str, bytearray]]:
        if self._lines:
            self.number += 1
            yield self._name, self._data
        self._name, self._next_name = self._next_name, ""
        self._data, self._lines = bytearray(), 0


def _is_whole(data: bytearray, *, before: bytearray) -> bool:
    """Whether a line of data is an event of its own and not the beginning of one that goes on with the next line.

    An object that goes on behind a brace needs a comma or another bracket there.
    """
    following = bytes(before[:64]).lstrip()[:1]
    if data[:1] != b"{":
        return following == b"{"
    return bytes(data[-64:]).rstrip()[-1:] == b"}" and following not in (b"", b",", b"}", b"]")
