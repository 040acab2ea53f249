"""A worker's tasks for office documents and e-mail: their words, with the sheet or the slide that they stand on.

Macros are never run: nothing but text is read. How much an archive may unpack to is looked at before; time and memory
are the worker's. Where the time is over, what was read so far has to do.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Any, NamedTuple

from chat.decoding import markup
from chat.decoding.locations import SHEET, SLIDE, LocatedText
from chat.decoding.refusals import PROTECTED, TOO_LARGE, UNREADABLE, NotDecoded, OutOfTime

MAX_ENTRIES = 20_000  # of an archive
MAX_UNPACKED = 300_000_000  # bytes of all of its entries together
MAX_CELL = 2_000  # characters
MAX_COLUMNS = 200
MAX_DEPTH = 20  # of tables inside each other, or of parts of a message
OLE = b"\xd0\xcf\x11\xe0"  # a document of these kinds that begins so is encrypted
HEADERS = ("From", "To", "Cc", "Date", "Subject")

Parts = Iterator[str]


class Beginning(NamedTuple):
    """What follows stands on this sheet or slide."""

    kind: str
    name: str


LocatedParts = Iterator[str | Beginning]


def docx(content: bytes, *, characters: int) -> tuple[dict[str, Any], bytes]:
    """The paragraphs and tables of a Word document, in order."""

    def parts() -> Parts:
        from docx import Document

        yield from _blocks(Document(io.BytesIO(content)), 0)

    return _read(content, parts, characters)


def _blocks(container: Any, depth: int) -> Parts:
    for block in container.iter_inner_content():
        if not hasattr(block, "rows"):
            text = block.text.strip()
            style = (block.style.name or "") if text and block.style is not None else ""
            level = style.removeprefix("Heading ")
            yield f"\n{'#' * int(level)} {text}\n" if style.startswith("Heading ") and level.isdigit() else f"{text}\n"
            continue
        for row in block.rows:
            cells = dict.fromkeys(row.cells)  # one that spans columns is there for each of them
            texts = (" ".join("".join(_blocks(cell, depth + 1)).split()) for cell in cells) if depth < MAX_DEPTH else ()
            yield f"| {' | '.join(text[:MAX_CELL] for text in texts)} |\n"
        yield "\n"


def xlsx(content: bytes, *, characters: int) -> tuple[dict[str, Any], bytes]:
    """The rows of each sheet under its name: values, not formulas."""

    def parts() -> LocatedParts:
        from openpyxl import load_workbook

        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            yield Beginning(SHEET, sheet.title)
            yield f"\n[Sheet {sheet.title}]\n"
            for row in sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS):
                cells = ["" if value is None else " ".join(str(value).split())[:MAX_CELL] for value in row]
                while cells and not cells[-1]:
                    cells.pop()
                if cells:
                    yield f"{' | '.join(cells)}\n"

    return _read(content, parts, characters)


def pptx(content: bytes, *, characters: int) -> tuple[dict[str, Any], bytes]:
    """The words of each slide under its number, with the speaker's notes."""

    def parts() -> LocatedParts:
        from pptx import Presentation

        for number, slide in enumerate(Presentation(io.BytesIO(content)).slides, start=1):
            yield Beginning(SLIDE, str(number))
            yield f"\n[Slide {number}]\n"
            yield from _shapes(slide.shapes, 0)
            if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
                notes = slide.notes_slide.notes_text_frame.text.strip()
                yield f"Notes: {notes}\n" if notes else ""

    return _read(content, parts, characters)


def _shapes(shapes: Any, depth: int) -> Parts:
    for shape in shapes:
        if getattr(shape, "has_text_frame", False) and shape.text_frame.text.strip():
            yield f"{shape.text_frame.text.strip()}\n"
        if getattr(shape, "has_table", False):
            for row in shape.table.rows:
                yield f"| {' | '.join(' '.join(cell.text.split())[:MAX_CELL] for cell in row.cells)} |\n"
        if hasattr(shape, "shapes") and depth < MAX_DEPTH:
            yield from _shapes(shape.shapes, depth + 1)


def eml(content: bytes, *, characters: int) -> tuple[dict[str, Any], bytes]:
    """An e-mail: who wrote to whom, what, and the names of what is attached."""

    def parts() -> Parts:
        message = message_from_bytes(content, policy=policy.default)
        yield from (f"{name}: {_header(message, name)}\n" for name in HEADERS if message[name])
        body = message.get_body(("plain", "html")) if isinstance(message, EmailMessage) else None
        yield f"\n{_body(body, characters)}\n" if body is not None else ""
        yield from (f"[Attached: {part.get_filename() or '?'}]\n" for part in _attached(message))

    return _read(content, parts, characters, packed=False)


def _header(message: Message, name: str) -> str:
    return " ".join(str(message[name]).split())[:MAX_CELL]


def _attached(message: Any) -> Iterator[Any]:
    return message.iter_attachments() if message.is_multipart() else iter(())


def _body(part: Any, characters: int) -> str:
    raw = part.get_payload(decode=True) or b""
    if part.get_content_subtype() == "html":
        charset = (part.get_content_charset() or "").encode()
        return markup.html(b'<meta charset="' + charset + b'">' + raw, characters=characters, whole=True)[1].decode()
    try:
        return raw.decode(part.get_content_charset() or "utf-8", errors="replace").strip()
    except LookupError:
        return raw.decode(errors="replace").strip()


def msg(content: bytes, *, characters: int) -> tuple[dict[str, Any], bytes]:
    """An e-mail as Outlook stores it."""

    def parts() -> Parts:
        from oxmsg import Message as OutlookMessage

        message = OutlookMessage.load(io.BytesIO(content))
        receivers = ", ".join(f"{person.name} <{person.email_address}>" for person in message.recipients)
        named = {"From": message.sender, "To": receivers, "Date": message.sent_date, "Subject": message.subject}
        yield from (f"{name}: {' '.join(str(value).split())[:MAX_CELL]}\n" for name, value in named.items() if value)
        if message.body:
            yield f"\n{message.body.strip()}\n"
        elif message.html_body:
            text = markup.html(message.html_body.encode(), characters=characters, whole=True)[1].decode()
            yield f"\n{text}\n"
        yield from (f"[Attached: {file.file_name or '?'}]\n" for file in message.attachments)

    return _read(content, parts, characters, packed=False)


def _read(
    content: bytes, parts: Callable[[], LocatedParts], characters: int, *, packed: bool = True
) -> tuple[dict[str, Any], bytes]:
    """The joined parts, up to so many characters."""
    if packed:
        if content.startswith(OLE):
            return {"problem": PROTECTED}, b""
        _check_archive(content)
    text = LocatedText()
    try:
        for part in parts():
            if isinstance(part, Beginning):
                text.begin(part.kind, part.name)
                continue
            text.add(part)
            if text.size > characters:
                break
    except OutOfTime:
        if not text.size:
            raise
        text.add("\n[The rest was not read.]")
    except (MemoryError, NotDecoded):
        raise
    except Exception as error:  # the libraries raise whatever comes of a broken file
        raise NotDecoded(UNREADABLE) from error
    return text.answer()


def _check_archive(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise NotDecoded(UNREADABLE) from error
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise NotDecoded(TOO_LARGE)
