"""A worker's tasks for documents: the text of PDFs, and of text in old encodings. Each returns values and bytes.

What a PDF may cost is bounded by pypdf's own limits, by pages and by characters drawn; where a bound or the time is
reached, the pages read so far have to do.
"""

import io
import struct
import zlib
from typing import Any

from chat.decoding.locations import PAGE, LocatedText
from chat.decoding.refusals import PROTECTED, TOO_LARGE, UNREADABLE, NotDecoded, OutOfTime

MAX_PAGES = 2_000
GLYPHS = 300_000  # characters that a page may draw; a full one has some 6,000
INSTRUCTIONS = 200_000  # instructions of one page, those of what it repeats too
LIMITS: dict[str, Any] = {  # https://pypdf.readthedocs.io/en/stable/user/configuration.html
    "zlib_maximum_output_length": 20_000_000,
    "lzw_maximum_output_length": 20_000_000,
    "run_length_maximum_output_length": 20_000_000,
    "array_based_stream_maximum_output_length": 20_000_000,
    "stream_decoding_work_maximum_length": 40_000_000,
    "stream_parsing_work_maximum_count": 400_000,
    "page_tree_maximum_entries": 20_000,
    "xform_maximum_invocations_per_extraction": 500,
}
SAMPLE = 64 * 1024  # bytes that the encoding is guessed from
# Exceptions of pypdf for broken files, besides its own errors.
BROKEN = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError),
    *(NotImplementedError, struct.error, zlib.error),
)


class PageTooLarge(BaseException):
    """Raised when a page draws more than is read of it. Not an Exception, because pypdf catches those."""


class InstructionCounter:
    """The instructions and characters of one page so far."""

    def __init__(self) -> None:
        self.instructions = self.glyphs = 0

    def __call__(self, _operator: Any, operands: Any, _cm: Any, _tm: Any) -> None:
        """pypdf calls it before each instruction."""
        self.instructions += 1
        for operand in operands if isinstance(operands, list) else ():
            self.glyphs += sum(map(_letters, operand)) if isinstance(operand, list) else _letters(operand)
        if self.glyphs > GLYPHS or self.instructions > INSTRUCTIONS:
            raise PageTooLarge


def text(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Decode a text that is not Unicode, in the encoding that fits best."""
    from charset_normalizer import from_bytes

    best = from_bytes(content[:SAMPLE].replace(b"\0", b"")).best()
    encoding = best.encoding if best is not None else "cp1252"
    return {}, content.decode(encoding, errors="replace").encode()


def pdf(content: bytes, *, characters: int) -> tuple[dict[str, Any], bytes]:
    """The text of each page under its number, up to about so many characters; `problem` says why there is none."""
    from pypdf import PdfReader, apply_configuration
    from pypdf.errors import FileNotDecryptedError, LimitReachedError, PyPdfError

    with apply_configuration(**LIMITS):
        try:
            reader = PdfReader(io.BytesIO(content))
            if reader.is_encrypted and not reader.decrypt(""):
                return {"problem": PROTECTED}, b""
            return _joined(reader, characters).answer()
        except FileNotDecryptedError:
            return {"problem": PROTECTED}, b""
        except LimitReachedError as error:
            raise NotDecoded(TOO_LARGE) from error
        except (PyPdfError, *BROKEN) as error:
            raise NotDecoded(UNREADABLE) from error


def _joined(reader: Any, characters: int) -> LocatedText:
    count, size = len(reader.pages), 0
    text = LocatedText()

    def add(words: str) -> None:
        text.add(f"\n\n{words}" if text.size else words)

    for number in range(1, min(count, MAX_PAGES) + 1):
        text.begin(PAGE, str(number))
        try:
            words = _words(reader.pages[number - 1])
        except PageTooLarge:
            add(f"[Page {number} is a drawing too large to be read.]")
            continue
        except OutOfTime:
            if not text.size:
                raise
            add(_rest(number, count))
            break
        if words:
            add(f"[Page {number}]\n{words}" if count > 1 else words)
            size += len(words)
        if number < count and (size > characters or number == MAX_PAGES):
            add(_rest(number + 1, count))
            break
    return text


def _words(page: Any) -> str:
    from pypdf.errors import LimitReachedError

    try:
        words: str = page.extract_text(visitor_operand_before=InstructionCounter())
    except LimitReachedError as error:
        raise PageTooLarge from error
    return words.encode(errors="ignore").decode().replace("\0", "").strip()


def _rest(first: int, count: int) -> str:
    return f"[The pages from {first} to {count} were not read.]"


def _letters(operand: Any) -> int:
    return len(operand) if isinstance(operand, str | bytes) else 0
