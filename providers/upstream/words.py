"""A server's own words, made safe to show: without tracebacks, absolute paths of its machine, and HTML pages.

Of a page the title counts, else the first words.
"""

import html
import re

import nh3

LONGEST = 500  # characters
MOST_READ = 20_000  # characters of a longer text

# At least one directory before the name, so that "and/or" stays; not after a letter, a colon or a slash, so that URLs
# stay; and not the routes of an API.
_POSIX_PATH = re.compile(r"(?<![\w:/.])/(?!v\d|api/|openai/|sdapi/)(?:[^\s/'\"<>|:]+/)+([^\s/'\"<>|:,;)\]]*)")
_WINDOWS_PATH = re.compile(r"\b[A-Za-z]:\\(?:[^\\/'\"<>|:\r\n]+\\)+([^\\/\s'\"<>|:,;)\]]*)")
_TRACEBACK = "Traceback (most recent call last)"
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def clean(text: str) -> str:
    """One paragraph of at most 500 characters."""
    if _TRACEBACK in text:
        text = next((line for line in reversed(text[-MOST_READ:].splitlines()) if line.strip()), "")
    text = text[:MOST_READ]
    if text.lstrip("\ufeff \t\r\n").startswith("<") or "<html" in text.lower():
        title = _TITLE.search(text)
        text = html.unescape(title[1]) if title and title[1].strip() else html.unescape(nh3.clean(text, tags=set()))
    text = _WINDOWS_PATH.sub(r"…\\\1", _POSIX_PATH.sub(r"…/\1", text))
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
