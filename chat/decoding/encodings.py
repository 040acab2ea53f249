"""The detection of Unicode encodings from the first bytes: by a byte order mark, or by the pattern of UTF-16."""

import codecs
import re

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_ASCII = re.compile(rb"[\t\n\r\x20-\x7e]")
CONTROLS = re.compile(rb"[\x01-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")  # bytes that occur in no 8-bit text
NUL_SHARE = 1 / 16  # of NUL bytes in what is still a text, where it is more than one
SAMPLE = 4096  # bytes that are looked at
ASCII_SHARE = 0.8  # of a text in eight bits, at least, are ASCII where the language has an alphabet of Latin letters
WIDE_SHARE = 0.95  # of the characters of a text in UTF-16 that are of the scripts below
UNMARKED = 8  # characters of East Asian text, at least, that are believed without any other sign of UTF-16
# Line ends and tabs; what people write with: Latin to Thai, Georgian, punctuation, East Asian scripts, emoji halves.
_WRITTEN = re.compile(
    "[\t\n\r\f\x20-\x7e\xa0-\u024f\u0370-\u058f\u0590-\u06ff\u0900-\u0e7f\u10a0-\u10ff\u1e00-\u1fff"
    "\u2000-\u206f\u20a0-\u20bf\u2100-\u22ff\u2500-\u257f\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef"
    "\U0001f000-\U0001faff]"
)
# No Hangul, because GBK text looks like it; some characters below U+8000, because Shift JIS never looks like them.
_EAST_ASIAN = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]+")
_LOW = re.compile("[\u3000-\u7fff]")


def marked(content: bytes) -> str:
    """The encoding that a byte order mark names; empty without one."""
    return next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "")


def is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a character cut by the end of the head
    return True


def is_text(head: bytes) -> bool:
    """Whether the first bytes are those of a text in any encoding."""
    if marked(head) or (0 not in head and is_utf8(head)):
        return True
    return _is_narrow(head) or bool(wide(head))


def of_unicode(head: bytes) -> str:
    """The Unicode encoding of a text, from its first bytes; empty for other encodings."""
    if 0 not in head and is_utf8(head):
        return marked(head) or "utf-8"
    return marked(head) or wide(head) or ("utf-8" if is_utf8(head) else "")


def wide(head: bytes) -> str:
    """The encoding of a text in UTF-16 or UTF-32 without a mark; empty for anything else.

    Most 8-bit texts can be read as UTF-16, too. So a text counts as UTF-16 only if it has bytes that no 8-bit text has,
    or if all of it is East Asian.
    """
    head = head[:SAMPLE]
    if len(_ASCII.findall(head)) > ASCII_SHARE * len(head):
        return ""
    encoding, text = max(((encoding, _text(head, encoding)) for encoding in _WIDE), key=lambda pair: _share(pair[1]))
    if _share(text) < WIDE_SHARE:
        return ""
    if not _is_narrow(head):
        return encoding
    is_east_asian = len(text) >= UNMARKED and _EAST_ASIAN.fullmatch(text) and len(_LOW.findall(text)) * 4 > len(text)
    return encoding if is_east_asian else ""


def _is_narrow(head: bytes) -> bool:
    """Whether no byte forbids that this is a text in eight bits. A few NULs do not: files that were cut, or joined by
    old programs, have some.
    """
    nuls = head.count(0)
    return nuls <= max(1, NUL_SHARE * len(head)) and nuls < len(head) and not CONTROLS.search(head)


def _text(head: bytes, encoding: str) -> str:
    """The decoded bytes; empty if they are not in this encoding."""
    width = 4 if encoding.startswith("utf-32") else 2
    whole = head[: len(head) // width * width]
    try:
        return whole.decode(encoding)
    except UnicodeDecodeError as error:
        return whole[: error.start].decode(encoding) if error.start >= len(whole) - 4 else ""


def _share(text: str) -> float:
    """The share of characters that belong to written languages."""
    return len(_WRITTEN.findall(text)) / len(text) if text else 0.0
