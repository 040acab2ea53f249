"""Where the words of a search stand in a text: the part around them, and which characters of it match."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chat.search.words import Term, fold

BEFORE, LENGTH = 20, 160  # characters before the first match, and of the whole part


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a text on one line; `marks` are the characters that match, as (start, end)."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()

    @property
    def parts(self) -> list[tuple[str, bool]]:
        """The text in pieces, each with whether it matches."""
        pieces, at = [], 0
        for start, end in self.marks:
            pieces += [(self.text[at:start], False), (self.text[start:end], True)]
            at = end
        return [piece for piece in [*pieces, (self.text[at:], False)] if piece[0]]


def pattern_of(terms: Sequence[Term]) -> re.Pattern[str]:
    """A regular expression of all places where one of the terms stands; the longer ones first."""
    return re.compile("|".join(sorted({term.pattern for term in terms}, key=len, reverse=True)) or r"(?!)")


def excerpt_of(text: str, terms: Sequence[Term]) -> Excerpt:
    """The part of a text where most terms stand near each other; its beginning where none does."""
    line = " ".join(text.split())
    pattern, folded = pattern_of(terms), fold(line)
    matches = [match.span() for match, _number in zip(pattern.finditer(folded), range(500), strict=False)]
    start = max(0, _densest(folded, matches) - BEFORE)
    if start and (space := line.find(" ", start, start + BEFORE)) > 0:
        start = space + 1
    end = min(len(line), start + LENGTH)
    head = "…" if start else ""
    shift = len(head) - start
    marks = [(max(a, start) + shift, min(b, end) + shift) for a, b in matches if b > start and a < end]
    return Excerpt(head + line[start:end] + ("…" if end < len(line) else ""), tuple(marks))


def _densest(folded: str, matches: Sequence[tuple[int, int]]) -> int:
    """Where the stretch begins that holds the most different matches."""
    best, most = 0, 0
    for index, (start, _end) in enumerate(matches):
        inside = {folded[a:b] for a, b in matches[index : index + 20] if b <= start + LENGTH - BEFORE}
        if len(inside) > most:
            best, most = start, len(inside)
    return best
