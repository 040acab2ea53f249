"""Bold and italics beside Chinese, Japanese and Korean characters.

CommonMark asks for a space or punctuation beside `**` in some places, which these scripts do not write:
`**注意（必读）**后面`. The rule is that of
https://github.com/tats-u/markdown-cjk-friendly/blob/main/specification.md, and its characters are those of `ranges.md`
there (Unicode 17). static/js/chat/markdown/emphasis.js holds the same rule.
"""

import re
import unicodedata

from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned

CJK = re.compile(
    "[\u1100-\u11ff\u20a9\u2329-\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u2e99\u2e9b-\u2ef3\u2f00-\u2fd5\u2ff0-\u303e"
    "\u3041-\u3096\u3099-\u30ff\u3105-\u312f\u3131-\u318e\u3190-\u31e5\u31ef-\u321e\u3220-\u3247\u3250-\ua48c"
    "\ua490-\ua4c6\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7c6\ud7cb-\ud7fb\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe52"
    "\ufe54-\ufe66\ufe68-\ufe6b\uff01-\uffbe\uffc2-\uffc7\uffca-\uffcf\uffd2-\uffd7\uffda-\uffdc\uffe0-\uffe6"
    "\uffe8-\uffee\U00016fe0-\U00016fe4\U00016ff0-\U00016ff6\U00017000-\U00018cd5\U00018cff-\U00018d1e"
    "\U00018d80-\U00018df2\U0001aff0-\U0001aff3\U0001aff5-\U0001affb\U0001affd-\U0001affe\U0001b000-\U0001b122"
    "\U0001b132\U0001b150-\U0001b152\U0001b155\U0001b164-\U0001b167\U0001b170-\U0001b2fb\U0001d300-\U0001d356"
    "\U0001d360-\U0001d376\U0001f200\U0001f202\U0001f210-\U0001f219\U0001f21b-\U0001f22e\U0001f230-\U0001f231"
    "\U0001f237\U0001f23b\U0001f240-\U0001f248\U0001f260-\U0001f265\U00020000-\U0003fffd]"
)
IDEOGRAPHIC_SELECTORS = range(0xE0100, 0xE01F0)  # variants of the ideograph before them
SELECTORS = range(0xFE00, 0xFE0F)  # variants of other characters; the last of its block asks for an emoji
FULLWIDTH, QUOTES = "\ufe01", "\u2018\u2019\u201c\u201d"  # this selector makes these quotation marks Chinese


def scan_delimiters(state: StateInline, start: int, can_split_word: bool) -> Scanned:
    """Whether the run of `*`, `_` or `~` at `start` may open or close emphasis. `can_split_word` is False for `_`."""
    text, end = state.src, start
    while end < state.posMax and text[end] == text[start]:
        end += 1
    before = text[start - 1] if start else " "
    after = text[end] if end < state.posMax else " "
    main = before  # the character itself where a selector of its variant stands behind it
    if start > 1 and ord(before) in SELECTORS and unicodedata.category(text[start - 2]) != "Zs":
        main = text[start - 2]
    if isWhiteSpace(ord(main)) or isWhiteSpace(ord(after)):
        return Scanned(not isWhiteSpace(ord(after)), not isWhiteSpace(ord(main)), end - start)
    punctuation_before, punctuation_after = _is_punctuation(main), _is_punctuation(after)
    can_open, can_close = punctuation_before, punctuation_after
    if can_split_word:
        beside_cjk = bool(CJK.match(after)) or _ends_cjk(main, before)
        can_open = can_open or beside_cjk or not punctuation_after
        can_close = can_close or beside_cjk or not punctuation_before
    return Scanned(can_open, can_close, end - start)


def _ends_cjk(main: str, before: str) -> bool:
    if CJK.match(main) or ord(before) in IDEOGRAPHIC_SELECTORS:
        return True
    return before == FULLWIDTH and main in QUOTES


def _is_punctuation(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)
