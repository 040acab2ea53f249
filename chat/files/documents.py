"""The text of documents, for models: plain text of any encoding, and PDFs. Pure functions over bytes.

Reading raises nothing for an unreadable file: `problem` says what is wrong. Blocking, and slow for long PDFs.
"""

import codecs
import io
import struct
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pypdf import PageObject

MAX_CHARACTERS = 2_000_000  # of one document: the largest budget there is
PDF_SECONDS = 20.0  # after that, the pages read so far have to do
PAGE_BYTES = 2_000_000  # of a page's instructions, about 5 s; the time grows with the square of their size
TEXT_BYTES = 4 * MAX_CHARACTERS  # enough for so many characters in any encoding
SAMPLE = 64 * 1024  # bytes that the encoding is guessed from
PROTECTED, WORDLESS, UNREADABLE = "protected", "wordless", "unreadable"  # problems
TEXT_TYPES = ("application/json", "image/svg+xml")  # besides text/…

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What pypdf raises for broken files, besides its own errors.
_BROKEN = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError),
    *(NotImplementedError, struct.error, zlib.error),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A document's text; where it is empty, `problem` says why."""

    text: str
    problem: str = ""

    def packed(self) -> bytes:
        return orjson.dumps({"text": self.text, "problem": self.problem})

    @classmethod
    def unpacked(cls, content: bytes) -> "Document":
        return cls(**orjson.loads(content))


def is_text(content_type: str) -> bool:
    return content_type.startswith("text/") or content_type in TEXT_TYPES


def read(content: bytes, content_type: str) -> Document:
    """The text of a stored file of this content type."""
    if content_type == "application/pdf":
        return _pdf(content)
    if not is_text(content_type):
        return Document("", UNREADABLE)
    text = decoded(content[:TEXT_BYTES])[:MAX_CHARACTERS]
    return Document(text) if text.strip() else Document("", WORDLESS)


def decoded(content: bytes) -> str:
    """The text: Unicode by its byte order mark, UTF-8, else the encoding that fits best. Lines end with a line feed."""
    text = _unicode(content)
    if text is None:
        text = content.decode(_encoding(content), errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def marked_encoding(content: bytes) -> str:
    """The Unicode encoding that a byte order mark names; empty without one."""
    return next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "")


def _unicode(content: bytes) -> str | None:
    if encoding := marked_encoding(content):
        return content.decode(encoding, errors="replace").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        # The bytes end in the middle of a character.
        return content[: error.start].decode() if error.start > len(content) - 4 else None


def _encoding(content: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(content[:SAMPLE]).best()
    return best.encoding if best is not None else "cp1252"


def _pdf(content: bytes) -> Document:
    from pypdf import PdfReader
    from pypdf.errors import FileNotDecryptedError, PyPdfError

    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            return Document("", PROTECTED)
        text = _joined(list(reader.pages))
    except FileNotDecryptedError:
        return Document("", PROTECTED)
    except (PyPdfError, *_BROKEN):
        return Document("", UNREADABLE)
    return Document(text) if text else Document("", WORDLESS)


def _joined(pages: "list[PageObject]") -> str:
    """The texts of the pages under their numbers, up to MAX_CHARACTERS and PDF_SECONDS."""
    texts: list[str] = []
    size, end = 0, time.monotonic() + PDF_SECONDS
    for number, page in enumerate(pages, 1):
        drawn = page.get_contents()
        if drawn is not None and len(drawn.get_data()) > PAGE_BYTES:
            texts.append(f"[Page {number} is a drawing too large to be read.]")
        elif text := page.extract_text().replace("\0", "").strip():
            texts.append(f"[Page {number}]\n{text}" if len(pages) > 1 else text)
            size += len(text)
        if number < len(pages) and (size > MAX_CHARACTERS or time.monotonic() > end):
            texts.append(f"[The pages from {number + 1} to {len(pages)} were not read.]")
            break
    return "\n\n".join(texts)
