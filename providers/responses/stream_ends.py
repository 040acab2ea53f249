"""The last frame of a stream that breaks off: the error, in the shape on which the clients of that stream raise."""

from collections.abc import Callable, Mapping

from providers.errors import GatewayError
from providers.responses import error_responses, event_streams

LINES = "application/x-ndjson"  # a stream of JSON lines, as Ollama sends it
ENDS_OF_EVENTS = (b"\n\n", b"\r\r", b"\n\r\n")
LONGEST_END = 3  # bytes


def is_stream(content_type: str) -> bool:
    """Whether this content type is that of a stream of frames; parameters and case do not matter."""
    return event_streams.is_event_stream(content_type) or content_type.lower().startswith(LINES)


def error_frame(
    headers: Mapping[str, str],
    end: bytes,
    error: GatewayError,
    event: Callable[[GatewayError], bytes] = error_responses.openai_frame,
) -> bytes | None:
    """A frame with the error, behind a body whose last bytes are `end`; None where no frame can follow.

    `event` makes it for a stream of events, as its clients read it. `headers` are the response's, with lower-case
    names. A packed body, or one whose length is known, takes none.
    """
    if not headers.keys().isdisjoint(("content-encoding", "content-length")):
        return None
    content_type = headers.get("content-type", "")
    if event_streams.is_event_stream(content_type) and (not end or end.endswith(ENDS_OF_EVENTS)):
        return event(error)
    if content_type.lower().startswith(LINES) and (not end or end.endswith(b"\n")):
        return error_responses.ollama_body(error) + b"\n"
    return None
