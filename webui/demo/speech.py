"""The demo's speech: it has no voice, so it plays a chime, in every audio format of OpenAI's protocol.

The files in `sounds` are one second of three bell tones, 24 kHz, mono.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from providers.speech.clips import TYPES
from webui.demo.answers import PIECE
from webui.demo.request_bodies import Refused, filled

SOUNDS = Path(__file__).parent / "sounds"
WAV_HEAD = 44  # bytes before the samples, which are what `pcm` means
PIECE_BYTES = 2048


def speak(payload: dict[str, Any]) -> tuple[str, bytes] | Iterator[bytes]:
    """Content type and sound, or its events with `stream_format: sse`. Raises Refused."""
    text = filled(payload, "input", str)
    audio_format = payload.get("response_format", "mp3")
    if not isinstance(audio_format, str) or audio_format not in TYPES:
        known = ", ".join(TYPES)
        raise Refused(400, f"“response_format” must be one of {known}.", "invalid_value", "response_format")
    sound = sound_as(audio_format)
    return _frames(text, sound) if payload.get("stream_format") == "sse" else (TYPES[audio_format], sound)


def sound_as(audio_format: str) -> bytes:
    if audio_format == "pcm":
        return (SOUNDS / "chime.wav").read_bytes()[WAV_HEAD:]
    return (SOUNDS / f"chime.{audio_format}").read_bytes()


def _frames(text: str, sound: bytes) -> Iterator[bytes]:
    pieces = [sound[start : start + PIECE_BYTES] for start in range(0, len(sound), PIECE_BYTES)]
    for piece in pieces:
        yield _frame({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
    sent = len(PIECE.findall(text))
    usage = {"input_tokens": sent, "output_tokens": len(pieces), "total_tokens": sent + len(pieces)}
    yield _frame({"type": "speech.audio.done", "usage": usage})


def _frame(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()
