"""What a provider says when it refuses: its own words out of any body, and the error that carries them.

Bodies seen: `{"error": {"message"}}`, `{"error": "text"}`, `{"detail": "text" | [...]}`, `{"message"}` (API management
layers), `{"errors": [...]}`, plain text, HTML pages of proxies, nothing at all.
"""

import html
import re
from collections.abc import Mapping
from typing import Any

import orjson
from django.utils.translation import gettext as _

from providers.errors import ProviderError

MAX_WORDS = 500  # characters kept
RETRYABLE = {408, 409, 425, 429}
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def provider_words(body: bytes) -> str:
    """The sentence in an error body, one line of at most `MAX_WORDS` characters; empty when there is none."""
    try:
        words = _words_in(orjson.loads(body))
    except ValueError:
        words = _plain(body)
    return " ".join(words.split())[:MAX_WORDS]


def _words_in(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(words for item in value[:5] if (words := _words_in(item)))
    if isinstance(value, dict):
        for key in ("error", "message", "detail", "errors", "msg", "title"):
            if value.get(key):
                return _words_in(value[key])
    return ""


def _plain(body: bytes) -> str:
    text = body[:20_000].decode(errors="replace")
    if "<html" in text.lower() or text.lstrip().startswith("<"):
        title = TITLE.search(text)
        return html.unescape(title.group(1)) if title else ""
    return text


def error_of(status: int, body: bytes, headers: Mapping[str, str]) -> ProviderError:
    """The error for an answer of 400 and above: its status, its words, and when to try again."""
    words = provider_words(body)
    if status in (401, 403):
        message = _("The provider refused the key (%(status)s).")
    elif status == 404:
        message = _("The provider knows no such address (%(status)s).")
    elif status == 429:
        message = _("The provider asks to slow down (%(status)s).")
    else:
        message = _("The provider answered with an error (%(status)s).")
    return ProviderError(
        message % {"status": status},
        status=status,
        provider=words,
        retryable=status in RETRYABLE or status >= 500,
        retry_after=_seconds(headers.get("retry-after") or headers.get("Retry-After")),
    )


def _seconds(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None
