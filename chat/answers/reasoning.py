"""Tells a model's thinking from its answer when both come as one text: `<think>…</think>` in front of the answer.

Only at the start of an answer: further down such a tag is something the model writes about.
"""

OPEN_TAGS = ("<think>", "<thinking>", "<thought>", "<reasoning>")


class ThinkSplitter:
    """Feed it text as it comes; it returns `(answer, thinking)` and keeps back what could be half a tag."""

    def __init__(self) -> None:
        self._kept = ""
        self._closing = ""  # the tag that ends the thinking we are in
        self._answering = False  # the answer has begun: nothing is looked for any more
        self._thought = False  # there was thinking: the blank lines after it belong to nobody

    def feed(self, text: str) -> tuple[str, str]:
        if self._answering:
            return text, ""
        self._kept += text
        thinking = ""
        while True:
            if self._closing:
                before, closed, after = self._kept.partition(self._closing)
                if not closed:
                    before, self._kept = _without_half_tag(self._kept, self._closing)
                    return "", thinking + before
                thinking += before
                self._kept, self._closing, self._thought = after, "", True
            start = self._kept.lstrip()
            tag = next((tag for tag in OPEN_TAGS if start.startswith(tag)), None)
            if tag is not None:
                self._kept, self._closing = start[len(tag) :], f"</{tag[1:]}"
                continue
            if any(tag.startswith(start) for tag in OPEN_TAGS):  # "" too: nothing but white space so far
                return "", thinking
            self._answering = True
            answer, self._kept = (start if self._thought else self._kept), ""
            return answer, thinking

    def end(self) -> tuple[str, str]:
        """What was kept back when the text ends."""
        kept, self._kept = self._kept, ""
        if self._closing:
            return "", kept
        return ("" if not kept.strip() else kept), ""


def without_thinking(text: str) -> str:
    """The answer alone."""
    splitter = ThinkSplitter()
    return splitter.feed(text)[0] + splitter.end()[0]


def _without_half_tag(text: str, tag: str) -> tuple[str, str]:
    """The text, and its end where that could be the beginning of `tag`."""
    for size in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:size]):
            return text[:-size], text[-size:]
    return text, ""
