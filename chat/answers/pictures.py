"""Pictures in the middle of a text, `![a cat](data:image/png;base64,…)`, split from the text while it streams.

Such a text would be saved, sent and rendered with megabytes in it. Short ones stay: they are icons.
See docs/upstreams/compatibility.md, “Images in model replies”.
"""

import re
from dataclasses import dataclass, field

SMALLEST = 1024  # characters of a data URL that is taken out
LONGEST_END = 600  # characters after the data: `>`, a title, `)`
# An alternative text may not contain the start of another picture, so that the search takes linear time.
_ALT = r"(?:(?!!\[)[^\]\n]){0,1000}"
_START = re.compile(rf"!\[({_ALT})\]\(\s{{0,3}}<?(data:image/[\w.+-]{{1,60}}(?:;[\w=-]{{1,60}}){{0,5}};base64,)")
_BEGUN = re.compile(rf"!(?:\[{_ALT}(?:\](?:\((?:\s{{0,3}}<?([^\s)<]{{0,200}}))?)?)?)?")
LONGEST_BEGINNING = 1300  # characters that `_BEGUN` matches at most
_NO_DATA = re.compile(r"[^A-Za-z0-9+/=_-]")
_END = re.compile(r"""\s{0,3}>?(?:\s+(?:"[^"\n]{0,500}"|'[^'\n]{0,500}'))?\s{0,3}\)""")
# What may follow the data of a picture, as far as it has come.
_END_BEGUN = re.compile(r"""\s{0,3}>?(?:\s+(?:"[^"\n]{0,500}(?:"\s{0,3})?|'[^'\n]{0,500}(?:'\s{0,3})?)?)?""")
_MARK = re.compile(r"!(?=\[|$)")
_SCHEME = "data:image/"


@dataclass(frozen=True, slots=True)
class InlinePicture:
    """A picture with its alternative text."""

    alt: str
    url: str = field(repr=False)


class InlinePictureSplitter:
    """Takes text in pieces; returns text and pictures in order. It holds back what may be the start of a picture."""

    def __init__(self) -> None:
        self._held = ""
        self._opening = ""  # the beginning of the current picture, as it was written
        self._alt = ""
        self._data: list[str] = []
        self.size = 0  # characters of its data so far

    def feed(self, text: str) -> list[str | InlinePicture]:
        if not self._opening and not self._held and "!" not in text:
            return [text] if text else []
        parts: list[str | InlinePicture] = []
        self._held += text
        while self._opening or self._held:
            step = self._in_picture() if self._opening else self._in_text()
            if step is None:
                break
            parts.append(step)
        return [part for part in parts if part]

    def end(self) -> list[str | InlinePicture]:
        """The text still held back when the stream ends."""
        rest = self._as_written() + self._held
        self._held = ""
        return [rest] if rest else []

    def _in_text(self) -> str | None:
        """The text up to a picture, or up to what may become one; None until more text comes."""
        match = _START.search(self._held)
        if match:
            text, self._held = self._held[: match.start()], self._held[match.end() :]
            self._opening, self._alt = match[0], match[1]
            self._data, self.size = [match[2]], len(match[2])
            return text
        starts = _starts(self._held, max(0, len(self._held) - LONGEST_BEGINNING))
        at = next((at for at in starts if _may_begin(self._held[at:])), len(self._held))
        text, self._held = self._held[:at], self._held[at:]
        return text or None

    def _in_picture(self) -> str | InlinePicture | None:
        stop = _NO_DATA.search(self._held)
        if stop is None:
            self._take(len(self._held))
            return None
        self._take(stop.start())
        end = _END.match(self._held)
        if end is None:
            may_come = len(self._held) < LONGEST_END and _END_BEGUN.fullmatch(self._held)
            return None if may_come else self._as_written()  # the text is no picture; what follows it may begin one
        url = "".join(self._data)
        if len(url) < SMALLEST:
            self._take(end.end())
            return self._as_written()
        self._held = self._held[end.end() :]
        self._opening, self._data, self.size = "", [], 0
        return InlinePicture(self._alt, url)

    def _take(self, count: int) -> None:
        self._data.append(self._held[:count])
        self.size += count
        self._held = self._held[count:]

    def _as_written(self) -> str:
        """The text of the current picture so far, which proved to be no picture."""
        text = self._opening + "".join(self._data[1:])  # the first piece stands in the opening
        self._opening, self._data, self.size = "", [], 0
        return text


def _starts(text: str, first: int) -> list[int]:
    """The indexes from `first` on at which a picture may begin, in order."""
    return [match.start() for match in _MARK.finditer(text, first)]


def _may_begin(text: str) -> bool:
    """Whether the whole text may be the beginning of a picture."""
    match = _BEGUN.fullmatch(text)
    if match is None:
        return False
    address = match[1] or ""
    return _SCHEME.startswith(address) or (address.startswith(_SCHEME) and "," not in address)
