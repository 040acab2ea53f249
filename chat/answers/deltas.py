"""The members of a message or a delta, whatever types they come in: text, reasoning, pictures."""

from typing import Any

from providers import json_bodies
from providers.json_bodies import whole_characters


def with_halves(text: str) -> tuple[Any, Any]:
    """The JSON value in a frame, and the same with its halves of surrogate pairs. Raises ValueError."""
    halves = json_bodies.parse_response(text, keep_surrogates=True)
    return (json_bodies.clean(halves) if "\\ud" in text or "\\uD" in text else halves), halves


class HalfCharacters:
    """Joins surrogate pairs in a text that comes in pieces: some servers send their halves in two frames."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def complete(self, text: str) -> str:
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return whole_characters(text)


class RepeatedText:
    """A text in messages of which some servers repeat all so far with each frame, and others send the next part."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def added(self, text: str, *, may_be_same: bool) -> str:
        """What a text adds to those before it. `may_be_same`: an equal text says nothing new, and is no next part."""
        if self._size and (len(text) > self._size or (may_be_same and len(text) == self._size)):
            so_far = "".join(self._parts)  # rarely: a part is seldom longer than all before it
            self._parts = [so_far]
            text = text.removeprefix(so_far)
        self._parts.append(text)
        self._size += len(text)
        return text


def choices_of(frame: dict[str, Any]) -> list[Any]:
    choices = frame.get("choices")
    return choices if isinstance(choices, list) else []


def says_something(delta: Any) -> bool:
    """Whether a delta adds to the answer. The first one of a stream names the role and has an empty text."""
    return isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role")


def parts_of(content: Any) -> tuple[str, str, tuple[str, ...]]:
    """Text, reasoning and pictures of a `content` that is a string or a list of parts."""
    if not isinstance(content, list):
        return text_of(content), "", ()
    text, thinking = "", ""
    images: list[str] = []
    for part in content:
        if isinstance(part, str):
            text += part
        elif isinstance(part, dict):
            if part.get("type") == "thinking":
                thinking += parts_of(part.get("thinking"))[0]
            else:
                text += text_of(part.get("text")) + text_of(part.get("refusal"))
                images += images_of([part])
    return text, thinking, tuple(images)


def text_in(message: dict[str, Any]) -> str:
    """The text of a message or a delta, for answers that are passed on."""
    return parts_of(message.get("content"))[0]


def pictures_in(answer: Any) -> tuple[str, ...]:
    """The pictures of a frame or a whole answer, for answers that are passed on."""
    pictures: tuple[str, ...] = ()
    for choice in choices_of(answer) if isinstance(answer, dict) else ():
        message = (choice.get("delta") or choice.get("message")) if isinstance(choice, dict) else None
        if isinstance(message, dict):
            pictures += parts_of(message.get("content"))[2] + images_of(message.get("images"))
    return pictures


def images_of(images: Any) -> tuple[str, ...]:
    """URLs out of `[{"image_url": {"url"}}]`, `[{"image_url": "…"}]` or `["…"]`, and of bare base64."""
    urls = []
    for image in images if isinstance(images, list) else ():
        url = image.get("image_url", "") if isinstance(image, dict) else image
        if (
            isinstance(image, dict)
            and not url
            and isinstance(bare := image.get("result") or image.get("b64_json"), str)
        ):
            url = f"data:image/png;base64,{bare}"  # the real type is detected from the bytes
        url = url.get("url", "") if isinstance(url, dict) else url
        if isinstance(url, str) and url:
            urls.append(url)
    return tuple(urls)


def details_of(details: Any) -> str:
    """The readable part of `reasoning_details`: texts and summaries; the rest is encrypted."""
    parts = [part for part in details if isinstance(part, dict)] if isinstance(details, list) else []
    return "".join(text_of(part.get("text")) or text_of(part.get("summary")) for part in parts)


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""
