"""The usage of streams whose client did not ask for it: asked for upstream, and taken out of the response again.

The client gets byte for byte what it would have got. A provider that refuses the question (`stream_options`) gets the
request again without it, and is not asked for some days (`ModelSource.usage_refused`). Streams are described in
docs/upstreams/openai.md, “Chat stream”.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.utils import timezone

from providers import json_bodies, runtime
from providers.facts import Source
from providers.models import ModelSource
from providers.process import background
from providers.relay.rules import Body
from providers.upstream import kinds

QUESTION = b'"stream_options":{"include_usage":true}'
HELD = 2**16  # bytes of a frame that wait for its end; a longer one is no usage
REFUSING = frozenset({400, 404, 415, 422, 501})
NAMES = (b"stream_options", b"include_usage")
MOST_KEPT = 4096  # sources that refused; callers may name models that are in no list


class UsageRefusals:
    """The sources that refused to be asked, as far as this process saw it: (connection's id, model there)."""

    def __init__(self) -> None:
        self.sources: set[tuple[int, str]] = set()


def is_to_ask(body: Mapping[str, Any], source: Source) -> bool:
    """Whether a source is to be asked for the usage of this call, because the client has not."""
    if body.get("stream") is not True:
        return False
    options = body.get("stream_options")
    if options is not None and (not isinstance(options, dict) or options.get("include_usage")):
        return False
    if (
        not source.asks_usage
        or "stream_options" in source.unknown
        or (source.connection.id, source.upstream_id) in runtime.state(UsageRefusals).sources
    ):
        return False
    kind = kinds.of(source.connection)
    allowed = kind.chat_parameters(source.connection)
    return not kind.always_tells_usage and (allowed is None or "stream_options" in allowed)


def with_question(data: bytes, body: Body) -> bytes:
    """The encoded body with the question; put in at its end, where the client sent no options."""
    if body.get("stream_options") is None and "stream_options" not in body:
        return data[: data.rindex(b"}")] + b"," + QUESTION + b"}"
    return json_bodies.dumps(asking(body))


def asking(body: Mapping[str, Any]) -> Body:
    """The body with the question."""
    return {**body, "stream_options": {**(body.get("stream_options") or {}), "include_usage": True}}


def is_refusal(status: int, body: bytes) -> bool:
    """Whether the provider refused the question, and not the request."""
    return status in REFUSING and any(name in body for name in NAMES)


def note_refusal(source: Source) -> None:
    """Do not ask this source again: at once in this process, and from the next snapshot on in every one."""
    refusals = runtime.state(UsageRefusals).sources
    if len(refusals) >= MOST_KEPT:
        refusals.clear()
    refusals.add((source.connection.id, source.upstream_id))

    def write() -> None:
        rows = ModelSource.objects.quietly().filter(connection=source.connection.id, upstream_id=source.upstream_id)
        rows.update(usage_refused=timezone.now())

    background.write(write, what="that a provider does not tell the usage of streams")


# --- the response -----------------------------------------------------------------------------------------------------

_END = re.compile(rb"\r?\n\r?\n")
_NULL = re.compile(rb',\s*"usage"\s*:\s*null(?=\s*[,}])|(?<=\{)\s*"usage"\s*:\s*null\s*,')
_OBJECT = re.compile(rb'"usage"\s*:\s*\{')
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DATA = re.compile(rb"(?:^|\n)data:[ ]?([^\r\n]*)")


class UsageFrames:
    """Takes out of an event stream what is there because we asked: the frame with the usage, and `"usage":null`.

    Whole frames pass as they come; of one that is not complete at most `HELD` bytes wait.
    """

    def __init__(self) -> None:
        self._held = b""
        self._passes = False  # until the end of the frame

    def feed(self, piece: bytes) -> bytes:
        if not self._held and not self._passes and b'"usage"' not in piece and piece.endswith(b"\n\n"):
            return piece
        return b"".join(self._parts(piece))

    def rest(self) -> bytes:
        """What waits at the end of the response."""
        held, self._held = self._held, b""
        return _without(held)

    def _parts(self, piece: bytes) -> Iterator[bytes]:
        text, self._held = self._held + piece, b""
        start = 0
        # The end of a frame may be cut in two: it is looked for in the whole of what waited.
        while end := _END.search(text, start):
            frame = text[start : end.end()]
            yield frame if self._passes else _without(frame)
            self._passes, start = False, end.end()
        rest = text[start:]
        if self._passes or len(rest) > HELD:
            self._passes = True
            # A line end may be the first half of the frame's.
            keep = len(rest) - len(rest.rstrip(b"\r\n"))
            self._held = rest[len(rest) - keep :]
            yield rest[: len(rest) - keep]
        else:
            self._held = rest


def _without(frame: bytes) -> bytes:
    """A frame without what came because we asked; empty for the frame that holds nothing else."""
    if b'"usage"' not in frame:
        return frame
    if _OBJECT.search(frame):
        return b"" if _is_usage_alone(frame) else frame
    for match in _NULL.finditer(frame):
        before = _TEXT.sub(b"", frame[: match.start()])
        if before.count(b"{") - before.count(b"}") == 1 and before.count(b"[") == before.count(b"]"):
            return frame[: match.start()] + frame[match.end() :]
    return frame


def _is_usage_alone(frame: bytes) -> bool:
    """Whether a chunk has a usage object and nothing of an answer; litellm's has a choice, which is empty."""
    line = _DATA.search(frame)
    try:
        value = orjson.loads(line[1]) if line else None
    except orjson.JSONDecodeError:
        return False
    if not isinstance(value, dict) or not isinstance(value.get("usage"), dict) or value.get("error"):
        return False
    choices = value.get("choices")
    return isinstance(choices, list) and not any(map(_says_something, choices))


def _says_something(choice: Any) -> bool:
    if not isinstance(choice, dict):
        return True
    delta = choice.get("delta")
    others = [value for name, value in choice.items() if name not in ("index", "delta")]
    return any(others) or (any(delta.values()) if isinstance(delta, dict) else bool(delta))
