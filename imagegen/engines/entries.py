"""The pictures in a response of OpenAI's shape, in all the forms that compatible servers give it.

OpenAI answers `{"data": [{"b64_json"}]}`. Seen besides: the list under another name or nested, one object instead of a
list, texts instead of objects, other names of the members, and nothing but the reason why there is none.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from imagegen import embedded, pictures
from imagegen.embedded import Embedded
from providers.upstream import error_bodies
from providers.upstream.error_bodies import ErrorBody

LISTS = ("data", "images", "image", "results", "result", "output", "outputs", "artifacts", "image_urls", "urls")
CONTENTS = ("b64_json", "b64", "base64", "image_base64", "image", "data", "url", "image_url", "uri")
REASONS = ("reason", "failure_reason", "fail_reason", "status_message", "finish_reason", "finishReason", "text", "info")
LEVELS = 4


def entries(value: Any, levels: int = LEVELS) -> Iterator[Mapping[str, Any]]:
    """Each picture's members, as a mapping in which `content` finds it; what holds none is left out."""
    if isinstance(value, list):
        for item in value:
            yield from entries(item, levels)
    elif isinstance(value, Embedded) or (isinstance(value, str) and _is_picture(value)):
        yield {"url": value}
    elif isinstance(value, dict) and content(value) is not None:
        yield value
    elif isinstance(value, dict) and levels:
        for name in LISTS:
            if held := list(entries(value.get(name), levels - 1)):
                yield from held
                return


def content(entry: Mapping[str, Any]) -> bytes | str | None:
    """A picture's bytes or its address; None where the entry holds none."""
    for name in CONTENTS:
        value = entry.get(name)
        if isinstance(value, dict):
            value = value.get("url") or value.get("b64_json")
        if name in ("data", "image", "uri") and isinstance(value, str) and not _is_picture(value):
            continue  # any words
        if picture := embedded.picture_in(value):
            return picture
        if isinstance(value, str) and value and (name.endswith(("url", "uri")) or _is_address(value)):
            return value
    return None


def reason(value: Any) -> ErrorBody:
    """Why there is no picture, in the provider's words; without words where it says nothing."""
    for item in _objects(value, LEVELS):
        if not error_bodies.has_failed_inside(item):
            item = {name: value for name, value in item.items() if name != "base_resp"}  # the words of a success
        body = error_bodies.of_value(item.get("error") or item)
        if not body.message:
            words = next((text for name in REASONS if isinstance(text := item.get(name), str) and text), "")
            body = error_bodies.of_value(words)
        if body.message:
            return body
    return error_bodies.of_value("")


def _objects(value: Any, levels: int) -> Iterator[dict[str, Any]]:
    """The objects in which a reason may stand, the outermost first."""
    if isinstance(value, list):
        for item in value:
            yield from _objects(item, levels)
    elif isinstance(value, dict):
        yield value
        for name in LISTS if levels else ():
            yield from _objects(value.get(name), levels - 1)


def _is_picture(text: str) -> bool:
    return _is_address(text) or bool(pictures.sniff(embedded.picture_in(text) or b""))


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))
