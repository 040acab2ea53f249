"""OpenAI's transcripts of audio files: whole in each format, or streamed. What is heard is the name of the file."""

from tests.upstream.core import Received
from tests.upstream.replies import Reply, Step, frame, in_bytes, in_json

USAGE = {"type": "tokens", "input_tokens": 14, "output_tokens": 4, "total_tokens": 18}


def transcribe(received: Received) -> Reply:
    """https://platform.openai.com/docs/api-reference/audio/createTranscription"""
    if not received.files:
        error = {"message": "file is required", "type": "invalid_request_error", "param": "file", "code": None}
        return in_json({"error": error}, 400)
    file = received.files[0]
    text = f"{file.filename} has {len(file.data)} bytes."
    if received.fields.get("stream") == "true":
        steps: list[Step] = [frame({"type": "transcript.text.delta", "delta": word}) for word in text.split(" ")]
        steps.append(frame({"type": "transcript.text.done", "text": text, "usage": USAGE}))
        return Reply(200, {"Content-Type": "text/event-stream; charset=utf-8"}, steps=steps)
    match received.fields.get("response_format", "json"):
        case "text":
            return in_bytes(f"{text}\n".encode(), "text/plain; charset=utf-8")
        case "verbose_json":
            whole = {"task": "transcribe", "language": "english", "duration": 1.5, "text": text, "words": []}
            return in_json({**whole, "segments": [], "usage": {"type": "duration", "seconds": 2}})
    return in_json({"text": text, "usage": USAGE})
