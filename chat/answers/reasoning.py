"""Separates a model's reasoning from its answer when both come as one text: `<think>…</think>` before the answer.

Only at the start of an answer: further down, such a tag is part of the text. The templates of some models open the tag
themselves, so that the text begins inside it: what stands before a first closing tag is reasoning, too.
"""

OPEN_TAGS = ("<think>", "<thinking>", "<thought>", "<reasoning>")
LONGEST_SPACE = 100  # characters of white space before an answer
CLOSE_TAGS = tuple(f"</{tag[1:]}" for tag in OPEN_TAGS)


class ThinkSplitter:
    """Takes text in pieces; returns `(answer, reasoning)` and holds back what may be the start of a tag."""

    def __init__(self) -> None:
        self._held = ""
        self._closing = ""  # the tag that ends the current reasoning
        self._answering = False  # the answer has begun: no tag counts any more
        self._thought = False  # there was reasoning: blank lines after it are dropped
        self._last = ""  # the last character of the answer so far
        self._may_be_inside = True  # the text may have begun inside a tag that nobody wrote
        self.was_reasoning = False  # set once: all that was returned as the answer so far was reasoning …
        self.reasoning_before = ""  # … and this too, which stood before the closing tag in the same piece

    def feed(self, text: str) -> tuple[str, str]:
        if self._answering:
            return self._answer(text), ""
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
            if not start:
                self._held = self._held[-LONGEST_SPACE:]  # some models send line breaks without end
            tag = next((tag for tag in OPEN_TAGS if start.startswith(tag)), None)
            if tag is not None:
                self._held, self._closing = start[len(tag) :], f"</{tag[1:]}"
                continue
            if any(tag.startswith(start) for tag in OPEN_TAGS):  # also while there is only white space
                return "", thinking
            self._answering = True
            self._may_be_inside = not self._thought
            answer, self._held = (start if self._thought else self._held), ""
            return self._answer(answer), thinking

    def _answer(self, text: str) -> str:
        """The text, unless it closes a tag that was never opened: then what follows the tag, and `was_reasoning`."""
        if not self._may_be_inside:
            return text
        text, self._held = self._held + text, ""
        last = self._last
        indexes = [(index, tag) for tag in CLOSE_TAGS if (index := text.find(tag)) >= 0]
        opened = min((index for tag in OPEN_TAGS if (index := text.find(tag)) >= 0), default=len(text))
        if indexes and min(indexes)[0] < opened:
            index, tag = min(indexes)
            self._may_be_inside = False
            if (last + text[:index]).endswith("`"):  # an answer about such tags
                return text
            self.was_reasoning = True
            self.reasoning_before = text[:index]
            return text[index + len(tag) :].lstrip()
        if opened < len(text):
            self._may_be_inside = False
            return text
        for tag in (*CLOSE_TAGS, *OPEN_TAGS):
            held = _without_half_tag(text, tag)[1]
            if len(held) > len(self._held):
                self._held = held
        shown = text[: len(text) - len(self._held)]
        self._last = (last + shown)[-1:]
        return shown

    def end(self) -> tuple[str, str]:
        """The text still held back when the stream ends."""
        held, self._held = self._held, ""
        if self._answering:
            return held, ""
        if self._closing:
            return "", held
        return ("" if not held.strip() else held), ""


def without_thinking(text: str) -> str:
    """The answer alone."""
    splitter = ThinkSplitter()
    return splitter.feed(text)[0] + splitter.end()[0]


def _without_half_tag(text: str, tag: str) -> tuple[str, str]:
    """Split the text before an end that may be the beginning of `tag`. Returns both parts."""
    for size in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:size]):
            return text[:-size], text[-size:]
    return text, ""
