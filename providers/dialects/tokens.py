"""An estimate of the tokens of a request for messages, for models whose servers do not count them."""

from typing import Any

from providers.units import BYTES_PER_TOKEN

PICTURE = 1600  # tokens, as Anthropic counts a picture of a megapixel and a half
MESSAGE = 4  # tokens around each message


def estimate(body: dict[str, Any]) -> int:
    """About as many tokens as the input has: texts by their bytes in UTF-8, each picture as `PICTURE`."""
    waiting: list[Any] = [body.get(name) for name in ("system", "messages", "tools")]
    size, pictures = 0, 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            size += len(value.encode(errors="replace"))
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            if _is_file(value):
                pictures += 1
                continue
            waiting += value.values()
            size += sum(map(len, value))
    messages = body.get("messages")
    return size // BYTES_PER_TOKEN + pictures * PICTURE + MESSAGE * len(messages if isinstance(messages, list) else ())


def _is_file(block: dict[str, Any]) -> bool:
    """Whether a block is a picture or a file whose bytes say nothing about its tokens."""
    source = block.get("source")
    return isinstance(source, dict) and source.get("type") in ("base64", "url", "file")
