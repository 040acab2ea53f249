"""A text as a worker puts it together, with where its parts stand: pages, slides, sheets."""

from typing import Any

PAGE, SLIDE, SHEET = "page", "slide", "sheet"
MOST = 2_500  # locations: they are part of an answer's JSON, which has a bound
LONGEST = 60  # characters of a name


class LocatedText:
    """The text so far. `size` counts its characters."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[str] = []
        self._locations: list[tuple[int, str, str]] = []

    def add(self, text: str) -> None:
        text = text.encode(errors="ignore").decode().replace("\0", "")
        self._pieces.append(text)
        self.size += len(text)

    def begin(self, kind: str, name: str) -> None:
        """What is added from now on stands there."""
        if len(self._locations) < MOST:
            self._locations.append((self.size, kind, name.encode(errors="ignore").decode()[:LONGEST]))

    def answer(self) -> tuple[dict[str, Any], bytes]:
        """What a task returns: as `locations` (first character, kind, name), and the text without space around it."""
        whole = "".join(self._pieces)
        text = whole.strip()
        before = len(whole) - len(whole.lstrip())
        return {
            "locations": [(max(0, start - before), kind, name) for start, kind, name in self._locations]
        }, text.encode()
