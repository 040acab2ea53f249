"""Reads and writes JSON from outside: strictly for requests, leniently for responses of providers.

`parse_request` reads the bytes of a request, `SiteJSONParser` those of views of Django REST framework, and
`parse_response` the responses of providers. All bound the depth, because code that walks through the values recurses.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from django.conf import settings
from rest_framework.parsers import JSONParser

from providers.errors import BadRequest, TooLarge
from providers.sentences import sentence as _

MAX_DEPTH = 128  # objects and lists inside each other; schemas of tools have some 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONG_NUMBER = re.compile(rb"\d{19}")  # the length of integers that orjson reads as floats
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # integers beyond these orjson reads as floats, and no database takes them
_HALF = re.compile("[\ud800-\udfff]")


# --- requests ---------------------------------------------------------------------------------------------------------


def parse_request(body: bytes) -> Any:
    """The value of a request's body. Integers of any size stay exact; halves of surrogate pairs become U+FFFD.

    Raises BadRequest: `invalid_json` for what is not JSON (NaN and Infinity are not), `too_deep` beyond `MAX_DEPTH`.
    """
    return parse_and_keep(body)[0]


def parse_and_keep(body: bytes) -> tuple[Any, bytes | None]:
    """The value, and the body without its byte order mark; None in place of a body that differs from the value."""
    value, is_exact = _parsed(body)
    if not is_exact:
        return value, body.removeprefix(BYTE_ORDER_MARK)
    cleaned = clean(value)  # the standard library accepts halves of surrogate pairs, which orjson cannot write
    return cleaned, body.removeprefix(BYTE_ORDER_MARK) if cleaned == value else None


def dumps(value: Any) -> bytes:
    """JSON of a value that `parse_request` gave, with U+FFFD for halves of surrogate pairs.

    Raises BadRequest for what JSON cannot say.
    """
    try:
        return orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        pass  # for example integers beyond 64 bits, which the standard library can write
    try:
        return json.dumps(clean(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(_("The request contains a value that cannot be forwarded."), code="invalid_value") from error


def canonical(value: Any) -> bytes:
    """JSON with members sorted by name: the same bytes for equal values, for digests."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)
    except (TypeError, orjson.JSONEncodeError):  # as in `dumps`
        return json.dumps(value, sort_keys=True, default=str).encode()


class SiteJSONParser(JSONParser):
    """The parser of views. It keeps halves of surrogate pairs: each serializer field cleans or refuses them.

    Raises TooLarge, and BadRequest as `parse_request` does.
    """

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(_("The request body is too large for this site."))
        return _parsed(body)[0]


def _parsed(body: bytes) -> tuple[Any, bool]:
    """The value, and whether the standard library read it because orjson could not read it exactly."""
    body = body.removeprefix(BYTE_ORDER_MARK)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parsed_exactly(body), True
    if _may_be_deep(body) and is_too_deep(value):
        raise _too_deep()
    if _LONG_NUMBER.search(body) and _has_rounded(value):
        return _parsed_exactly(body), True
    return value, False


def _parsed_exactly(body: bytes) -> Any:
    try:
        value = json.loads(body.decode(), parse_constant=refuse, parse_float=finite)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise BadRequest(_("The body of the request is not valid JSON."), code="invalid_json") from error
    if is_too_deep(value):
        raise _too_deep()
    return value


def refuse(name: str) -> Any:
    """For `parse_constant`: raises ValueError for NaN and Infinity."""
    raise ValueError(f"{name} is not JSON")


def finite(text: str) -> float:
    """For `parse_float`: raises ValueError for what is infinite as a float."""
    value = float(text)
    if math.isinf(value):
        raise ValueError("the number is too large")
    return value


def sized(text: str) -> int:
    """For `parse_int`: raises ValueError beyond 64 bits."""
    value = _sized_or_unknown(text)
    if value is None:
        raise ValueError("the number is too large")
    return value


def _too_deep() -> BadRequest:
    return BadRequest(
        _("The body has objects and lists more than %(most)d levels deep.") % {"most": MAX_DEPTH},
        code="too_deep",
    )


# --- responses --------------------------------------------------------------------------------------------------------


def parse_response(body: bytes | bytearray | memoryview | str, *, keep_surrogates: bool = False) -> Any:
    """The value of a provider's response, also where it is not quite JSON. Raises ValueError for unreadable ones.

    A byte order mark is ignored. Halves of surrogate pairs become U+FFFD, and unusable numbers (NaN, Infinity, 1e400,
    integers beyond 64 bits) become None. `keep_surrogates` keeps the halves, because the next frame of a stream may
    hold the other half.
    """
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    data = data.removeprefix(BYTE_ORDER_MARK)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _parsed_leniently(data)
        return value if keep_surrogates else clean(value)
    if _may_be_deep(data) and is_too_deep(value):
        raise ValueError("nested too deeply")
    return _parsed_leniently(data) if _has_rounded(value) else value


def _parsed_leniently(data: bytes) -> Any:
    try:
        value = json.loads(
            data.decode("utf-8", "replace"),
            parse_constant=lambda name: None,
            parse_float=_finite_or_unknown,
            parse_int=_sized_or_unknown,
            strict=False,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if is_too_deep(value):
        raise ValueError("nested too deeply")
    return value


def _finite_or_unknown(text: str) -> float | None:
    value = float(text)
    return None if math.isinf(value) else value


def _sized_or_unknown(text: str) -> int | None:
    if len(text) > 20:  # Python refuses to convert thousands of digits
        return None
    value = int(text)
    return value if _SMALLEST <= value <= _LARGEST else None


# --- values -----------------------------------------------------------------------------------------------------------


def clean(value: Any) -> Any:
    """The value with U+FFFD for halves of surrogate pairs, which can be neither sent nor stored."""
    return with_texts(value, whole_characters)


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """The value with every text in it changed, names of members too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {with_texts(key, change): with_texts(member, change) for key, member in value.items()}
    if isinstance(value, list):
        return [with_texts(member, change) for member in value]
    return value


def whole_characters(text: str) -> str:
    """The text with pairs of surrogates as one character, and with U+FFFD for halves of pairs."""
    if _HALF.search(text) is None:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def check_texts(value: Any, param: str = "") -> None:
    """Check a value that holds names or addresses.

    Raises BadRequest (`invalid_characters`, with the name of the body's member) for NUL and halves of surrogate pairs.
    """
    if isinstance(value, str) and ("\x00" in value or _HALF.search(value)):
        raise BadRequest(
            _("This text contains characters that cannot be stored: NUL, or half of a surrogate pair."),
            code="invalid_characters",
            param=param or None,
        )
    if isinstance(value, dict):
        for key, member in value.items():
            check_texts(key, param)
            check_texts(member, param or whole_characters(str(key)))
    elif isinstance(value, list):
        for member in value:
            check_texts(member, param)


def _may_be_deep(body: bytes) -> bool:
    return body.count(b"[") + body.count(b"{") > MAX_DEPTH


def is_too_deep(value: Any) -> bool:
    """Whether more than `MAX_DEPTH` objects and lists stand inside each other."""
    level = [value] if isinstance(value, dict | list) else []
    for _depth in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _has_rounded(value: Any) -> bool:
    """Whether a number is so large that it may have been an integer before orjson made a float of it."""
    waiting: list[dict[str, Any] | list[Any]] = [[value]]
    while waiting:
        children: Any = _children(waiting.pop())
        types = set(map(type, children))  # no Python loop: lists of tokens are long
        if float in types and any(type(child) is float and abs(child) >= -_SMALLEST for child in children):
            return True
        if dict in types or list in types:
            waiting += [child for child in children if type(child) is dict or type(child) is list]
    return False


def _children(node: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return node.values() if isinstance(node, dict) else node
