"""The text of documents for models: plain text of any encoding, PDFs, office documents, HTML and e-mail.

Unicode is decoded here; everything else by a worker of `chat.decoding`. Reading raises nothing for an unreadable file:
`problem` says what is wrong.
"""

from dataclasses import dataclass, field
from pathlib import PurePath

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
# Problems, besides PROTECTED. Of a recording: no model has written down yet what is said in it.
WORDLESS, UNREADABLE, TOO_LONG, UNHEARD = "wordless", "unreadable", "too long", "unheard"
_OFFICE = "application/vnd.openxmlformats-officedocument"
# Types of which a worker reads the text, and its task. Types with macros: their text alone is read.
TASKS = {
    PDF: "pdf",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    f"{_OFFICE}.wordprocessingml.template": "docx",
    "application/vnd.ms-word.document.macroEnabled.12": "docx",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
    f"{_OFFICE}.spreadsheetml.template": "xlsx",
    "application/vnd.ms-excel.sheet.macroEnabled.12": "xlsx",
    f"{_OFFICE}.presentationml.presentation": "pptx",
    f"{_OFFICE}.presentationml.slideshow": "pptx",
    "application/vnd.ms-powerpoint.presentation.macroEnabled.12": "pptx",
    "application/vnd.ms-outlook": "msg",
}
# Kinds of plain text by their names: their type stays that of a text, which no browser runs.
TASKS_BY_NAME = {".eml": "eml", ".htm": "html", ".html": "html", ".xhtml": "html"}
SOURCE_BYTES = 20_000  # HTML up to this size is somebody's source, larger HTML a saved page
# Recordings, whose text a model writes down (`chat.reading.recordings`), and the suffixes that providers know them by.
RECORDINGS = {
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/wav": ".wav",
    "audio/ogg": ".ogg",
    "audio/webm": ".webm",
    "audio/flac": ".flac",
}
TEXT_TYPES = ("application/json", SVG)  # besides text/…

Locations = tuple[tuple[int, str, str], ...]

__all__ = [
    "PDF",
    "PROTECTED",
    "RECORDINGS",
    "TASKS",
    "TEXT_BYTES",
    "TOO_LONG",
    "UNHEARD",
    "UNREADABLE",
    "WORDLESS",
    "Document",
    "decoded",
    "is_text",
    "read",
    "task_of",
]


@dataclass(frozen=True, slots=True)
class Document:
    """A document's text; where it is empty, `problem` says why.

    `locations` are (first character, kind, name) of its pages, slides or sheets, in order (`chat.decoding.locations`).
    """

    text: str
    problem: str = ""
    locations: Locations = field(default=(), compare=False)

    def packed(self) -> bytes:
        return orjson.dumps({"text": self.text, "problem": self.problem, "locations": self.locations})

    @classmethod
    def unpacked(cls, content: bytes) -> "Document":
        value = orjson.loads(content)
        return cls(value["text"], value["problem"], tuple(map(tuple, value.get("locations", ()))))


def task_of(content_type: str, name: str, size: int) -> str:
    """The worker's task that reads the text of such a file; empty where it is text already, or cannot be read."""
    if task := TASKS.get(content_type):
        return task
    task = TASKS_BY_NAME.get(PurePath(name).suffix.lower(), "") if content_type == "text/plain" else ""
    return "" if task == "html" and size <= SOURCE_BYTES else task


def is_text(content_type: str) -> bool:
    return content_type.startswith("text/") or content_type in TEXT_TYPES


def read(content: Content, content_type: str, task: str = "") -> Document:
    """The text of a stored file of this content type, read by this task of a worker if one is needed.

    Raises Unavailable, and what `content` raises.
    """
    if task := task or TASKS.get(content_type, ""):
        return _by_worker(task, content)
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


def _by_worker(task: str, content: Content) -> Document:
    try:
        answer = pool.run(task, content, patience=PATIENCE, characters=MAX_CHARACTERS)
    except NotDecoded as refused:
        return Document("", TOO_LONG if refused.code == TOO_LARGE else UNREADABLE)
    if problem := answer.values.get("problem"):
        return Document("", problem)
    text = answer.content.decode(errors="replace")
    locations = tuple(map(tuple, answer.values.get("locations", ())))
    return Document(text, locations=locations) if text else Document("", WORDLESS)
