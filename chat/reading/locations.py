"""Locations of documents in words: “pages 3, 12–14”, for people; `page="12"`, for models."""

from collections.abc import Sequence

from chat.decoding.locations import PAGE, SHEET, SLIDE
from chat.reading.chunks import HEADING
from providers.sentences import Sentence
from providers.sentences import counted as ngettext

MOST = 20  # locations that are named
LONGEST = 300  # characters of them
_WORDS = {
    PAGE: lambda count: ngettext("page %(locations)s", "pages %(locations)s", count),
    SLIDE: lambda count: ngettext("slide %(locations)s", "slides %(locations)s", count),
    SHEET: lambda count: ngettext("sheet %(locations)s", "sheets %(locations)s", count),
    HEADING: lambda count: ngettext("section %(locations)s", "sections %(locations)s", count),
}


def worded(kind: str, names: Sequence[str], pieces: int) -> Sentence:
    """These locations of one kind, in order; how many pieces where they have no names."""
    names = list(dict.fromkeys(name for name in names if name))
    if kind not in _WORDS or not names:
        return ngettext("%(n)s passage", "%(n)s passages", pieces) % {"n": pieces}
    spans = _spans(names) if all(name.isascii() and name.isdecimal() for name in names) else names
    listed = ", ".join(spans[:MOST])[:LONGEST] + ("…" if len(spans) > MOST else "")
    return _WORDS[kind](len(names)) % {"locations": listed}


def _spans(numbers: Sequence[str]) -> list[str]:
    """The numbers with their runs joined: 3, 12–14."""
    runs: list[list[int]] = []
    for number in sorted(map(int, numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
