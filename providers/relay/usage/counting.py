"""What a response reports of its use, as fields of `CallUsage`: one function for each kind of response.

They run on the event loop. What needs parsing is left to the writer's thread: `reported` holds the bytes for it.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from providers.relay.usage.call_usage import MAX_TOKENS
from providers.relay.usage.tail import Tail

REPORTED_BYTES = 2048  # of a usage object

_IS_OBJECT = re.compile(rb'"usage"\s*:\s*\{')
_INPUT = re.compile(rb'"(?:prompt|input)_tokens"\s*:\s*(\d{1,18})\s*[,}]')
_TOTAL = re.compile(rb'"total_tokens"\s*:\s*(\d{1,18})\s*[,}]')
_OUTPUT = re.compile(rb'"(?:completion|output)_tokens"\s*:\s*(\d{1,18})\s*[,}]')
# Of a message in Anthropic's form: docs/upstreams/anthropic.md, “Usage”.
_OF_MESSAGES = re.compile(
    rb'"((?:cache_creation_|cache_read_)?input_tokens|output_tokens|thinking_tokens)"\s*:\s*(\d{1,18})\s*[,}]'
)
_SUM_OF_MESSAGES = (
    b'{"prompt_tokens":%d,"cache_read_input_tokens":%d,"cache_creation_input_tokens":%d,"reasoning_tokens":%d}'
)
# The length of an audio file: `verbose_json` has it near the beginning, OpenAI's whisper-1 also in `usage`.
# docs/upstreams/openai.md, “Transcriptions and translations”
_DURATION = re.compile(rb'"duration"\s*:\s*"?(\d{1,8}(?:\.\d{1,20})?)')
_SECONDS = re.compile(rb'"usage"\s*:\s*\{[^{}]{0,100}"seconds"\s*:\s*(\d{1,8}(?:\.\d{1,20})?)')
_CUE_END = re.compile(rb" --> (?:(\d{1,3}):)?(\d{1,2}):(\d{1,2}[.,]\d{1,3})")  # of SRT and WebVTT


def count_tokens(tail: Tail) -> dict[str, Any]:
    """The fields of a response that reports its tokens."""
    return _tokens_in(tail.text)


def count_reranking(tail: Tail) -> dict[str, Any]:
    """The fields of a response that ranks documents.

    It may name only a total, which is input then, in `usage` or Cohere's `meta`, before or after the documents.
    """
    for text in (tail.text, tail.head):
        counted = _tokens_in(text)
        if not counted["tokens_in"] and not counted["tokens_out"]:
            start = max(text.rfind(b'"usage"'), text.rfind(b'"meta"'))
            total = (_TOTAL.search(text, start) or _INPUT.search(text, start)) if start >= 0 else None
            counted["tokens_in"] = _count(total)
        if counted["tokens_in"] or counted["tokens_out"]:
            return counted
    return {"tokens_in": 0, "tokens_out": 0}


def count_messages(tail: Tail) -> dict[str, Any]:
    """The fields of a response in Anthropic's form, which counts cached input apart from the other.

    Of a stream the first event has the input, and the last one the output.
    """
    counts: dict[bytes, int] = {}
    for text, start in ((tail.head, tail.head.find(b'"usage"')), (tail.text, tail.text.rfind(b'"usage"'))):
        if start >= 0:
            end = start + REPORTED_BYTES
            counts |= {match[1]: int(match[2]) for match in _OF_MESSAGES.finditer(text, start, end)}
    if not counts:
        return {"tokens_in": 0, "tokens_out": 0}
    read, written = counts.get(b"cache_read_input_tokens", 0), counts.get(b"cache_creation_input_tokens", 0)
    tokens_in = min(counts.get(b"input_tokens", 0) + read + written, MAX_TOKENS)
    reported = _SUM_OF_MESSAGES % (tokens_in, read, written, counts.get(b"thinking_tokens", 0))
    return {
        "tokens_in": tokens_in,
        "tokens_out": min(counts.get(b"output_tokens", 0), MAX_TOKENS),
        "reported": reported,
    }


def count_audio(tail: Tail) -> dict[str, Any]:
    """The fields of a response that is audio."""
    return {"audio_bytes": tail.received}


def count_characters(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request whose text is read aloud."""
    text = body.get("input")
    return {"characters": len(text) if isinstance(text, str) else 0}


def count_transcript(tail: Tail) -> dict[str, Any]:
    """The fields of a response that is the text of an audio file: as JSON with the file's length or a usage object,
    or as subtitles, of which the last ends with the file.
    """
    counted = _tokens_in(tail.text)
    length = _DURATION.search(tail.head) or _SECONDS.search(tail.text)
    if length is not None:
        counted["seconds"] = Decimal(length[1].decode())
    elif (start := tail.text.rfind(b" --> ")) >= 0 and (end := _CUE_END.match(tail.text, start)):
        hours, minutes, seconds = (
            Decimal(part.decode().replace(",", ".")) if part else Decimal(0) for part in end.groups()
        )
        counted["seconds"] = hours * 3600 + minutes * 60 + seconds
    return counted


def read_tokens(text: bytes) -> tuple[int, int]:
    """Input and output tokens of the last usage object in the end of a response; 0, 0 without one."""
    counted = _tokens_in(text)
    return counted["tokens_in"], counted["tokens_out"]


def _tokens_in(text: bytes) -> dict[str, Any]:
    """The fields for the last usage object. Searches backwards for the member, then for two numbers: parsing would take
    ten times as long.

    Quotes inside a JSON string are escaped, so the names cannot be part of a text.
    """
    end = len(text)
    while (start := text.rfind(b'"usage"', 0, end)) >= 0:
        if is_object := _IS_OBJECT.match(text, start):
            tokens_in, tokens_out = _INPUT.search(text, start, end), _OUTPUT.search(text, start, end)
            if tokens_in or tokens_out:
                brace = is_object.end() - 1
                reported = text[brace : brace + REPORTED_BYTES]
                return {"tokens_in": _count(tokens_in), "tokens_out": _count(tokens_out), "reported": reported}
        end = start  # null, a text, or an object without tokens
    return {"tokens_in": 0, "tokens_out": 0}


def _count(match: re.Match[bytes] | None) -> int:
    return min(int(match[1]), MAX_TOKENS) if match else 0
