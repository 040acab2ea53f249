"""OpenAI's published schemas, as its OpenAPI document and the models of its SDK say them, for what we make ourselves.

`openai_schemas.json` holds the schemas of answers, cut from the document named in it, without descriptions.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from openai.types import (
    CreateEmbeddingResponse,
    ImageEditCompletedEvent,
    ImageEditPartialImageEvent,
    ImageGenCompletedEvent,
    ImageGenPartialImageEvent,
    ImagesResponse,
    Model,
)
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

SDK: dict[str, Any] = {
    "CreateChatCompletionResponse": ChatCompletion,
    "CreateChatCompletionStreamResponse": ChatCompletionChunk,
    "CreateEmbeddingResponse": CreateEmbeddingResponse,
    "Response": Response,
    "ResponseStreamEvent": ResponseStreamEvent,
    "ImagesResponse": ImagesResponse,
    "ImageGenPartialImageEvent": ImageGenPartialImageEvent,
    "ImageGenCompletedEvent": ImageGenCompletedEvent,
    "ImageEditPartialImageEvent": ImageEditPartialImageEvent,
    "ImageEditCompletedEvent": ImageEditCompletedEvent,
    "Model": Model,
}


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text())
    return document


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": _document()["$defs"]})


def check(name: str, value: Any) -> Any:
    """Returns the value; raises unless both the published schema of this name and the SDK's model take it."""
    _validator(name).validate(value)
    if model := SDK.get(name):
        if isinstance(model, type) and issubclass(model, BaseModel):
            model.model_validate(value, strict=True)
        else:
            TypeAdapter(model).validate_python(value, strict=True)
    return value


def frames_of(text: str) -> list[tuple[str, Any]]:
    """The (event, JSON) pairs of an event stream, without `[DONE]` and comments."""
    frames = []
    for block in text.split("\n\n"):
        event, data = "", None
        for line in block.splitlines():
            if line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:") and line[5:].strip() != "[DONE]":
                data = json.loads(line[5:])
        if data is not None:
            frames.append((event, data))
    return frames
