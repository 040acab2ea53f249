"""Models that refuse pictures: the same is asked once more without them, and they get no pictures any more."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from chat.pipeline.turn import Turn
from providers import catalogue, runtime
from providers.catalogue.versioned import Versioned
from providers.errors import GatewayError
from providers.facts import Route

PASSING = (401, 402, 403, 408, 429)  # no refusal of pictures, whatever the message says
# OpenAI: image_url is only supported by certain models; OpenRouter: no endpoints found that support image input; vLLM:
# is not a multimodal model; llama.cpp: image input is not supported, provide the mmproj; DeepSeek: unknown variant
# `image_url`, expected `text`; Groq: content must be a string; Mistral: image input is not enabled for this model.
_ABOUT_PICTURES = re.compile(r"\bimages?\b|image_url|\bvision\b|multi-?modal|mmproj|content must be a string", re.I)
_CERTAIN = re.compile(r"mmproj|is not a multi-?modal", re.IGNORECASE)  # llama.cpp says it with status 500
# What is wrong with one picture says nothing of the model.
_ABOUT_ONE = re.compile(
    r"too (large|many|big|small)|exceed|maximum|\bsize\b|dimension|corrupt|decode|base64|download|fetch|media.?type"
    r"|format|could not process|unable to process|cannot identify|valid image|at most|limit|safety|policy",
    re.IGNORECASE,
)

logger = logging.getLogger(__name__)


class PictureRefusals(Versioned[str, bool]):
    """The public ids of models whose provider refused pictures."""


def has_refused(route: Route, version: int) -> bool:
    """Whether the provider refused pictures for this model; forgotten with the next change of the configuration."""
    return route.public_id in runtime.state(PictureRefusals).at(version)


def is_refusal(error: GatewayError) -> bool:
    """Whether a provider's error says that its model takes no pictures at all."""
    words = error.provider
    is_passing = error.status in PASSING or (error.status >= 500 and not _CERTAIN.search(words))
    return not is_passing and bool(_ABOUT_PICTURES.search(words)) and not _ABOUT_ONE.search(words)


async def gives_up(turn: Turn, error: GatewayError) -> bool:
    """Whether an error refuses the pictures of a turn. If so they are taken out, and later turns bring none."""
    if not is_refusal(error):
        return False
    messages = [_without_pictures(message) for message in turn.messages]
    if messages == turn.messages:
        return False
    model = str(turn.payload["model"])
    logger.info("Pictures are not sent to %s any more: %s", model, error.provider)
    runtime.state(PictureRefusals).keep((await catalogue.snapshot()).version, model, True)
    turn.payload["messages"] = messages
    return True


def _without_pictures(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, list) or not any(_is_picture(part) for part in content):
        return dict(message)
    parts = [
        {"type": "text", "text": "[A picture. You cannot see it.]"} if _is_picture(part) else part for part in content
    ]
    if all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        return {**message, "content": "\n\n".join(str(part.get("text") or "") for part in parts)}
    return {**message, "content": parts}


def _is_picture(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "image_url"
