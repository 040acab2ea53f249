"""The text of documents for models: plain text of any encoding, and PDFs.

Unicode is decoded here; everything else by a worker of `chat.decoding`. Reading raises nothing for an unreadable file:
`problem` says what is wrong.
"""

from dataclasses import dataclass

import orjson

from chat.decoding import encodings, pool
from chat.decoding.formats import SVG
from chat.decoding.pool import Content
from chat.decoding.refusals import PROTECTED, TOO_LARGE, NotDecoded
from chat.models import MAX_ATTACHED

MAX_CHARACTERS = MAX_ATTACHED  # of one document: the largest budget there is
TEXT_BYTES = 4 * MAX_CHARACTERS  # enough for so many characters in any encoding
PDF = "application/pdf"
PATIENCE = 60.0  # seconds that a PDF waits for its turn: few are read at once, and each may take some
WORDLESS, UNREADABLE, TOO_LONG = "wordless", "unreadable", "too long"  # problems, besides PROTECTED
TEXT_TYPES = ("application/json", SVG)  # besides text/…


__all__ = [
    "PDF",
    "PROTECTED",
    "TEXT_BYTES",
    "TOO_LONG",
    "UNREADABLE",
    "WORDLESS",
    "Document",
    "decoded",
    "is_text",
    "read",
]


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


def read(content: Content, content_type: str) -> Document:
    """The text of a stored file of this content type. Raises Unavailable, and what `content` raises."""
    if content_type == PDF:
        return _pdf(content)
    if not is_text(content_type):
        return Document("", UNREADABLE)
    whole = content if isinstance(content, bytes) else content()
    text = decoded(whole[:TEXT_BYTES])[:MAX_CHARACTERS]
    return Document(text) if text.strip() else Document("", WORDLESS)


def decoded(content: bytes) -> str:
    """The decoded text: Unicode if possible, else in the encoding that fits best. Lines end with a line feed.

    Raises Unavailable.
    """
    text = _unicode(content)
    if text is None:
        text = _guessed(content)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _unicode(content: bytes) -> str | None:
    encoding = encodings.of_unicode(content[: encodings.SAMPLE])
    if encoding and encoding != "utf-8":
        return content.decode(encoding, errors="replace").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    if encodings.marked(content):
        return content.decode("utf-8-sig", errors="replace")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        # The bytes end in the middle of a character.
        return content[: error.start].decode() if error.start > len(content) - 4 else None


def _guessed(content: bytes) -> str:
    try:
        return pool.run("text", content).content.decode()
    except NotDecoded:
        return content.decode("cp1252", errors="replace")


def _pdf(content: Content) -> Document:
    try:
        answer = pool.run("pdf", content, patience=PATIENCE, characters=MAX_CHARACTERS)
    except NotDecoded as refused:
        return Document("", TOO_LONG if refused.code == TOO_LARGE else UNREADABLE)
    if problem := answer.values.get("problem"):
        return Document("", problem)
    text = answer.content.decode(errors="replace")
    return Document(text) if text else Document("", WORDLESS)
