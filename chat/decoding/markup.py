"""A worker's task for HTML: its words, without what surrounds them on a page."""

import html as entities
import re
from typing import Any

LONGEST = 8_000_000  # characters of HTML that are read
# Left out with what is in them: what is not text, and what stands around the text of a page.
AROUND = {
    *(
        "head",
        "title",
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "iframe",
        "object",
        "canvas",
        "select",
    ),
    *("nav", "header", "footer", "aside", "form", "button", "dialog"),
}
LINES = {"p", "br", "div", "section", "article", "li", "tr", "table", "blockquote", "pre", "dt", "dd", "figure", "hr"}
HEADINGS = {"h1": "# ", "h2": "## ", "h3": "### ", "h4": "#### ", "h5": "##### ", "h6": "###### "}
_TAG = re.compile(r"<(/?)([a-z0-9]+)>")


def html(content: bytes, *, characters: int, whole: bool = False) -> tuple[dict[str, Any], bytes]:
    """The text of HTML, up to so many characters; with `whole` also what stands around the text."""
    source = _decoded(content)[:LONGEST]
    text = _text(source, AROUND if not whole else {"title", "script", "style", "template", "svg"})
    return {}, text[:characters].encode()


def _text(source: str, left_out: set[str]) -> str:
    import nh3

    allowed = (LINES | HEADINGS.keys() | {"td", "th"}) - left_out
    bare = nh3.clean(source, tags=allowed, clean_content_tags=left_out, attributes={}, link_rel=None)
    bare = " ".join(bare.split(" "))
    spaced = _TAG.sub(_spacing, bare)
    lines = (" ".join(line.split()) for line in entities.unescape(spaced).replace("\0", "").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _spacing(tag: re.Match[str]) -> str:
    closes, name = tag[1], tag[2]
    if name in ("td", "th"):
        return " | " if closes else ""
    if name in HEADINGS:
        return "\n\n" if closes else f"\n\n{HEADINGS[name]}"
    if name == "li":
        return "" if closes else "\n- "
    return "\n\n" if name == "p" else "\n"


def _decoded(content: bytes) -> str:
    head = content[:2048]
    named = re.search(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", head, re.IGNORECASE)
    for encoding in ("utf-8-sig", named[1].decode() if named else ""):
        try:
            return content.decode(encoding) if encoding else content.decode("cp1252", errors="replace")
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode("utf-8", errors="replace")
