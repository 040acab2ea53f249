"""A document's text in pieces: none stands on two pages, and each ends with a paragraph or a sentence if it can."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from chat.files.documents import Document, Locations

SIZE = 1_200  # characters of a piece at most
MOST = 5_000  # pieces of one document: what follows is not searched
HEADING = "heading"  # the kind of a location without pages: the heading above, which is marked as in Markdown
LONGEST_LOCATION = 100  # characters
_HEADING = re.compile(r"^#{1,6} +(\S.*)$", re.MULTILINE)
# Where a piece may end, the best first.
_ENDS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.!?…]\s|[。！？；]"), re.compile(r"\s|[，、]"))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a text; `kind` and `location` say where it stands."""

    start: int
    text: str
    kind: str
    location: str


def of(document: Document) -> list[Chunk]:
    """The pieces of a document, in order."""
    locations = document.locations or _headings(document.text)
    bounds = sorted(
        {0, *(location[0] for location in locations if location[0] < len(document.text)), len(document.text)}
    )
    starts = [location[0] for location in locations]
    made: list[Chunk] = []
    for start, end in pairwise(bounds):
        at = bisect_right(starts, start) - 1
        _start, kind, name = locations[at] if at >= 0 else (0, "", "")
        for first, text in _pieces(document.text, start, end):
            if len(made) == MOST:
                return made
            made.append(Chunk(first, text, kind, name))
    return made


def _headings(text: str) -> Locations:
    return tuple(
        (match.start(), HEADING, " ".join(match[1].split())[:LONGEST_LOCATION])
        for match, _number in zip(_HEADING.finditer(text), range(MOST), strict=False)
    )


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """(first character, text) of each piece between two locations; those without words are left out."""
    while start < end:
        stop = end if end - start <= SIZE else _best_end(text, start, start + SIZE)
        piece = text[start:stop]
        if bare := piece.strip():
            yield start + len(piece) - len(piece.lstrip()), bare
        start = stop


def _best_end(text: str, start: int, end: int) -> int:
    half = (start + end) // 2
    for pattern in _ENDS:
        last = 0
        for match in pattern.finditer(text, half, end):
            last = match.end()
        if last:
            return last
    return end
