"""The demo's transcripts: it hears nothing, so it writes a prepared sentence, in every form of OpenAI's protocol.

https://platform.openai.com/docs/api-reference/audio
"""

import json
from collections.abc import Iterator
from typing import Any

from providers.relay.forms import FormPart
from webui.demo.answers import PIECE
from webui.demo.request_bodies import Refused, filled

ENGLISH = "This is the demo. It cannot hear: connect a provider, and its model writes down what was said."
CHINESE = "这是演示。它听不见声音：接入一个提供方，它的模型就会写下所说的内容。"
SECONDS = 4.0  # that the sentence is said to take
FORMATS = ("json", "text", "srt", "verbose_json", "vtt")

Answer = dict[str, Any] | tuple[str, bytes] | Iterator[bytes]


def transcribe(form: dict[str, Any]) -> Answer:
    """The transcript in the wanted format, or its events. Raises Refused."""
    is_chinese = str(form.get("language", "")).lower().startswith("zh")
    return _answer(form, CHINESE if is_chinese else ENGLISH, "chinese" if is_chinese else "english", "transcribe")


def translate(form: dict[str, Any]) -> Answer:
    """The same, always in English."""
    return _answer({**form, "stream": ""}, ENGLISH, "english", "translate")


def _answer(form: dict[str, Any], text: str, language: str, task: str) -> Answer:
    filled(form, "file", FormPart)
    wanted = form.get("response_format", "json")
    if wanted not in FORMATS:
        known = ", ".join(FORMATS)
        raise Refused(400, f"“response_format” must be one of {known}.", "invalid_value", "response_format")
    if form.get("stream") == "true":
        return _frames(text)
    if wanted == "verbose_json":
        return _verbose(text, language, task)
    if wanted == "json":
        return {"text": text, "usage": _usage(text)}
    return "text/plain; charset=utf-8", _plain(wanted, text).encode()


def _plain(wanted: str, text: str) -> str:
    match wanted:
        case "srt":
            return f"1\n00:00:00,000 --> 00:00:04,000\n{text}\n\n"
        case "vtt":
            return f"WEBVTT\n\n00:00:00.000 --> 00:00:04.000\n{text}\n\n"
    return f"{text}\n"


def _verbose(text: str, language: str, task: str) -> dict[str, Any]:
    segment = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": SECONDS,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": 0.0,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
    }
    return {"task": task, "language": language, "duration": SECONDS, "text": text, "segments": [segment]}


def _frames(text: str) -> Iterator[bytes]:
    for piece in PIECE.findall(text):
        yield _frame({"type": "transcript.text.delta", "delta": piece})
    yield _frame({"type": "transcript.text.done", "text": text, "usage": _usage(text)})


def _usage(text: str) -> dict[str, Any]:
    written = len(PIECE.findall(text))
    return {"type": "tokens", "input_tokens": 1, "output_tokens": written, "total_tokens": 1 + written}


def _frame(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
