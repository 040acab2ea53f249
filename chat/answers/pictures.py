"""Pictures in the middle of a text: `![a cat](data:image/png;base64,…)`, told apart from the words while they stream.

Such a text would be saved, sent and rendered with megabytes in it. Short ones stay: they are icons.
See docs/upstreams/compatibility.md, “Images in model replies”.
"""

import re
from dataclasses import dataclass, field

SMALLEST = 1024  # characters of a data URL that is taken out
LONGEST_END = 600  # characters behind the data: `>`, a title, `)`
_START = re.compile(r"!\[([^\]\n]{0,1000})\]\(\s{0,3}<?(data:image/[\w.+-]{1,60}(?:;[\w=-]{1,60}){0,5};base64,)")
_BEGUN = re.compile(r"!(?:\[[^\]\n]{0,1000}(?:\](?:\((?:\s{0,3}<?([^\s)<]{0,200}))?)?)?)?")
_NO_DATA = re.compile(r"[^A-Za-z0-9+/=_-]")
_END = re.compile(r"""\s{0,3}>?(?:\s+(?:"[^"\n]{0,500}"|'[^'\n]{0,500}'))?\s{0,3}\)""")
_SCHEME = "data:image/"


@dataclass(frozen=True, slots=True)
class Inline:
    """One picture with the words that stand for it."""

    alt: str
    url: str = field(repr=False)


class InlineSplitter:
    """Text in as it comes; out come words and pictures in their order. It keeps back what could be half a picture."""

    def __init__(self) -> None:
        self._kept = ""
        self._opening = ""  # of the picture that we are in, as it was written
        self._alt = ""
        self._data: list[str] = []
        self.size = 0  # characters of its data so far

    def feed(self, text: str) -> list[str | Inline]:
        if not self._opening and not self._kept and "!" not in text:
            return [text] if text else []
        found: list[str | Inline] = []
        self._kept += text
        while self._opening or self._kept:
            step = self._in_picture() if self._opening else self._in_text()
            if step is None:
                break
            found.append(step)
        return [one for one in found if one]

    def end(self) -> list[str | Inline]:
        """What was kept back when the text ends."""
        rest = self._literally()
        return [rest] if rest else []

    def _in_text(self) -> str | None:
        """The words up to a picture, or up to what may become one; None when nothing more can be said yet."""
        match = _START.search(self._kept)
        if match:
            words, self._kept = self._kept[: match.start()], self._kept[match.end() :]
            self._opening, self._alt = match[0], match[1]
            self._data, self.size = [match[2]], len(match[2])
            return words
        at = next((at for at in _places(self._kept) if _may_begin(self._kept[at:])), len(self._kept))
        words, self._kept = self._kept[:at], self._kept[at:]
        return words or None

    def _in_picture(self) -> str | Inline | None:
        stop = _NO_DATA.search(self._kept)
        if stop is None:
            self._take(len(self._kept))
            return None
        self._take(stop.start())
        end = _END.match(self._kept)
        if end is None:
            may_come = len(self._kept) < LONGEST_END and "\n" not in self._kept and ")" not in self._kept
            return None if may_come else self._literally()
        url = "".join(self._data)
        if len(url) < SMALLEST:
            self._data.append(self._kept[: end.end()])
            rest, self._kept = self._kept[end.end() :], ""
            words = self._literally()
            self._kept = rest
            return words
        self._kept = self._kept[end.end() :]
        self._opening, self._data, self.size = "", [], 0
        return Inline(self._alt, url)

    def _take(self, count: int) -> None:
        self._data.append(self._kept[:count])
        self.size += count
        self._kept = self._kept[count:]

    def _literally(self) -> str:
        """Everything that is held, as it was written."""
        data = "".join(self._data[1:])  # the first piece stands in the opening
        text = f"{self._opening}{data}{self._kept}"
        self._kept, self._opening, self._data, self.size = "", "", [], 0
        return text


def _places(text: str) -> list[int]:
    """Where a picture may begin, the first one first."""
    return [match.start() for match in re.finditer(r"!(?=\[|$)", text)]


def _may_begin(text: str) -> bool:
    """Whether this could be the beginning of a picture, all of it."""
    match = _BEGUN.fullmatch(text)
    if match is None:
        return False
    address = match[1] or ""
    return _SCHEME.startswith(address) or (address.startswith(_SCHEME) and "," not in address)
