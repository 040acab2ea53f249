"""Separates a model's reasoning from its answer when both come as one text: `<think>…</think>` before the answer.

Only at the start of an answer: further down, such a tag is part of the text.
"""

OPEN_TAGS = ("<think>", "<thinking>", "<thought>", "<reasoning>")


class ThinkSplitter:
    """Takes text in pieces; returns `(answer, reasoning)` and holds back what may be the start of a tag."""

    def __init__(self) -> None:
        self._held = ""
        self._closing = ""  # the tag that ends the current reasoning
        self._answering = False  # the answer has begun: no tag counts any more
        self._thought = False  # there was reasoning: blank lines after it are dropped

    def feed(self, text: str) -> tuple[str, str]:
        if self._answering:
            return text, ""
        self._held += text
        thinking = ""
        while True:
            if self._closing:
                before, closed, after = self._held.partition(self._closing)
                if not closed:
                    before, self._held = _without_half_tag(self._held, self._closing)
                    return "", thinking + before
                thinking += before
                self._held, self._closing, self._thought = after, "", True
            start = self._held.lstrip()
            tag = next((tag for tag in OPEN_TAGS if start.startswith(tag)), None)
            if tag is not None:
                self._held, self._closing = start[len(tag) :], f"</{tag[1:]}"
                continue
            if any(tag.startswith(start) for tag in OPEN_TAGS):  # also while there is only white space
                return "", thinking
            self._answering = True
            answer, self._held = (start if self._thought else self._held), ""
            return answer, thinking

    def end(self) -> tuple[str, str]:
        """What is still held back when the text ends."""
        held, self._held = self._held, ""
        if self._closing:
            return "", held
        return ("" if not held.strip() else held), ""


def without_thinking(text: str) -> str:
    """The answer alone."""
    splitter = ThinkSplitter()
    return splitter.feed(text)[0] + splitter.end()[0]


def _without_half_tag(text: str, tag: str) -> tuple[str, str]:
    """The text without its end, and its end, where that may be the beginning of `tag`."""
    for size in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:size]):
            return text[:-size], text[-size:]
    return text, ""
