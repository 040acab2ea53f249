"""Formulas in Markdown: `$…$` and `\\(…\\)` in a line, `$$…$$` and `\\[…\\]` on lines of their own or in a line.

Code wins over a formula, and a dollar sign between words or numbers is a dollar sign. Each text is searched once for
closing marks, whatever the number of its opening marks. static/js/chat/markdown/formulas.js holds the same rules.
"""

import re
from bisect import bisect_left
from collections.abc import Callable

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

# Opening mark → (closing mark, whether the formula is shown on a line of its own). The longer mark stands first.
INLINE = {"$$": ("$$", True), "$": ("$", False), "\\[": ("\\]", True), "\\(": ("\\)", False)}
BLOCKS = {"$$": "$$", "\\[": "\\]"}
MARK = re.compile(r"\\[\s\S]|`+|\$\$?")
RUN = re.compile(r"`+")
FENCE = re.compile(r"```|~~~")
WORD = re.compile(r"\w", re.ASCII)
# `the $n$th` is a formula, `$5 and x$y` is none.
AFTER_CLOSING = re.compile(r"(?:st|nd|rd|th|s)(?!\w)|(?!\w)", re.ASCII)
# `$5 and 6$`: an amount, words, and nothing that only formulas have.
AMOUNT = re.compile(r"\d[\d.,]*\s(?=[^\\^_{}=+*/<>|]*$)[\s\S]*?(?<!\w)[a-z]{2}", re.ASCII | re.IGNORECASE)


class InlineMarks:
    """The positions of closing marks and of code in one text."""

    def __init__(self, text: str) -> None:
        self.closing: dict[str, list[int]] = {"$$": [], "$": [], "\\]": [], "\\)": []}
        self.code: list[int] = []
        runs: dict[int, list[int]] = {}
        for run in RUN.finditer(text):
            runs.setdefault(len(run[0]), []).append(run.start())
        position = 0
        while match := MARK.search(text, position):
            mark, position = match[0], match.end()
            if mark[0] == "`":
                ends = runs.get(len(mark), [])
                end = bisect_left(ends, position)
                if end < len(ends):  # a run without another one of its length is no code
                    self.code.append(match.start())
                    position = ends[end] + len(mark)
            elif mark in self.closing:
                self.closing[mark].append(match.start())
                if mark == "$$":
                    self.closing["$"].append(match.start())

    def after(self, mark: str, start: int) -> int | None:
        """The position of the next closing mark; None where there is none, or code stands before it."""
        positions = self.closing[mark]
        index = bisect_left(positions, start)
        code = bisect_left(self.code, start)
        if index == len(positions) or (code < len(self.code) and self.code[code] < positions[index]):
            return None
        return positions[index]


def inline_rule(marks_of: Callable[[StateInline], InlineMarks]) -> Callable[[StateInline, bool], bool]:
    """The rule for formulas in a line. `marks_of` keeps the marks of each text."""

    def rule(state: StateInline, silent: bool) -> bool:
        text, start = state.src, state.pos
        opening = next((mark for mark in INLINE if text.startswith(mark, start)), None)
        if opening is None:
            return False
        closing, alone = INLINE[opening]
        begin = start + len(opening)
        if opening == "$" and not _opens(text, start):
            return False
        end = marks_of(state).after(closing, begin)
        if end is None or end + len(closing) > state.posMax:
            return False
        content = text[begin:end]
        if not content.strip() or (opening == "$" and not _closes(text, content, end)):
            return False
        if not silent:
            token = state.push("formula", "", 0)
            token.content, token.block = content.strip(), alone
        state.pos = end + len(closing)
        return True

    return rule


def _opens(text: str, start: int) -> bool:
    """Whether a single dollar sign may open a formula: neither after a word nor before a space."""
    before, after = text[start - 1 : start], text[start + 1 : start + 2]
    return before != "\\" and not WORD.match(before) and bool(after) and not after.isspace()


def _closes(text: str, content: str, end: int) -> bool:
    """Whether a single dollar sign closes a formula: neither after a space nor before a word or number."""
    return not content[-1].isspace() and bool(AFTER_CLOSING.match(text, end + 1)) and not AMOUNT.match(content)


class BlockMarks:
    """Which lines of a text close a formula, and which searches have failed already."""

    def __init__(self, state: StateBlock) -> None:
        # closing mark → numbers of the lines that hold it, and whether a formula may end there: nothing follows it
        self.lines: dict[str, list[int]] = {mark: [] for mark in BLOCKS.values()}
        for number in range(len(state.bMarks) - 1):
            line = state.src[state.bMarks[number] : state.eMarks[number]]
            for mark, numbers in self.lines.items():
                if mark in line:
                    numbers.append(number)
        # (closing mark, indentation, level, end of the block) → lines between which every search fails
        self.failed: dict[tuple[str, int, int, int], tuple[int, int]] = {}


def block_rule(marks_of: Callable[[StateBlock], BlockMarks]) -> Callable[[StateBlock, int, int, bool], bool]:
    """The rule for formulas on lines of their own. `marks_of` keeps the marks of each text."""

    def rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        if state.is_code_block(start):
            return False
        first = _line(state, start)
        closing = BLOCKS.get(first[:2])
        if closing is None:
            return False
        last = start if closing in first[2:] else _last_line(state, marks_of(state), closing, start, end)
        if last is None:
            return False
        lines = [first[2:], *(_line(state, number) for number in range(start + 1, last + 1))]
        if lines[-1].index(closing) != len(lines[-1]) - 2:
            return False
        content = "\n".join([*lines[:-1], lines[-1][:-2]]).strip()
        if not content:
            return False
        if not silent:
            token = state.push("formula", "", 0)
            token.content, token.block, token.map, token.hidden = content, True, [start, last + 1], True
        state.line = last + 1
        return True

    return rule


def _last_line(state: StateBlock, marks: BlockMarks, closing: str, start: int, end: int) -> int | None:
    """The line that closes what `start` opens; None where none does, the block ends before it, or code begins."""
    numbers = marks.lines[closing]
    index = bisect_left(numbers, start + 1)
    if index == len(numbers) or numbers[index] >= end:
        return None
    last = numbers[index]
    line = _line(state, last)
    if line.index(closing) != len(line) - 2:
        return None
    search = (closing, state.blkIndent, state.level, end)
    failed = marks.failed.get(search, (0, 0))
    if failed[0] <= start < failed[1]:
        return None
    for number in range(start + 1, last + 1):
        if (not state.isEmpty(number) and state.sCount[number] < state.blkIndent) or FENCE.match(_line(state, number)):
            marks.failed[search] = (start, number)
            return None
    return last


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip()
