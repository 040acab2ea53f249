"""Addresses in running text. static/js/chat/markdown/links.js holds the same rules."""

import re
from typing import Any, cast

from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import validateLink
from markdown_it.rules_inline import StateInline

FULL_STOP = re.compile("[\u3000-\u303f\uff00-\uffef\u201c\u201d\u2018\u2019]")
LONGEST = 2_000  # characters of an address; searches end there, or each could go to the end of the text
SCHEME = re.compile(r"(?:^|[^a-z0-9.+-])(https?|ftp)$", re.IGNORECASE)
LONGEST_SCHEME = len("https")


class Addresses(LinkifyIt):
    """Finds addresses that begin with a scheme. They end at the punctuation of a Chinese sentence too."""

    def __init__(self) -> None:
        # Without these options a file name would be an address: many extensions (`.py`, `.md`) are top-level domains.
        super().__init__(options={"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})

    def match(self, text: str) -> Any:
        return super().match(FULL_STOP.sub(" ", text))

    def match_at_start(self, text: str) -> Any:
        return super().match_at_start(FULL_STOP.sub(" ", text[: LONGEST + 1]))

    def test_schema_at(self, text: str, name: str, position: int) -> int:
        begin = max(0, position - LONGEST_SCHEME)
        part = text[begin : position + LONGEST + 1]
        length: int = super().test_schema_at(part, name, position - begin)
        return length if length <= LONGEST else 0


def set_up(engine: MarkdownIt) -> None:
    engine.linkify = Addresses()
    engine.inline.ruler.at("linkify", _rule)
    engine.validateLink = _is_valid  # type: ignore[method-assign]


def _is_valid(url: str) -> bool:
    """Bound the length of addresses: the HTML repeats the address of a reference at each of its uses."""
    return (len(url) <= LONGEST or url.startswith("data:image/")) and validateLink(url)


def _rule(state: StateInline, silent: bool) -> bool:
    """Replaces markdown-it's rule `linkify`, which searches all the text before `://` for a scheme. This rule looks
    back no further than the longest known scheme.
    """
    position = state.pos
    if state.linkLevel > 0 or not state.src.startswith("://", position):
        return False
    scheme = SCHEME.search(state.pending[-LONGEST_SCHEME - 1 :])
    if not scheme:
        return False
    link = cast("Addresses", state.md.linkify).match_at_start(state.src[position - len(scheme[1]) : state.posMax])
    if not link:
        return False
    url = link.url.rstrip("*")  # a trailing `**` belongs to bold text around the address
    address = state.md.normalizeLink(url)
    if not state.md.validateLink(address):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[1])]
        opening = state.push("link_open", "a", 1)
        opening.attrs, opening.markup, opening.info = {"href": address}, "linkify", "auto"
        state.push("text", "", 0).content = state.md.normalizeLinkText(url)
        closing = state.push("link_close", "a", -1)
        closing.markup, closing.info = "linkify", "auto"
    state.pos += len(url) - len(scheme[1])
    return True
