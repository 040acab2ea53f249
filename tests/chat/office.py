"""Small office documents and e-mails for tests, made by the libraries that people's programs are like."""

import io
import zipfile
from email.message import EmailMessage


def docx(*paragraphs: str, table: list[list[str]] | None = None, heading: str = "") -> bytes:
    from docx import Document

    document, content = Document(), io.BytesIO()
    if heading:
        document.add_heading(heading, level=1)
    for text in paragraphs:
        document.add_paragraph(text)
    if table:
        made = document.add_table(rows=len(table), cols=len(table[0]))
        for row, values in zip(made.rows, table, strict=True):
            for cell, value in zip(row.cells, values, strict=True):
                cell.text = value
    document.save(content)
    return content.getvalue()


def xlsx(**sheets: list[list[object]]) -> bytes:
    from openpyxl import Workbook

    book, content = Workbook(), io.BytesIO()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(content)
    return content.getvalue()


def pptx(*slides: tuple[str, str]) -> bytes:
    from pptx import Presentation

    show, content = Presentation(), io.BytesIO()
    for title, notes in slides:
        slide = show.slides.add_slide(show.slide_layouts[5])
        slide.shapes.title.text = title
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    show.save(content)
    return content.getvalue()


def eml(subject: str, body: str, *, html: str = "", attached: str = "") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ann <ann@example.com>", "bob@example.com", subject
    if html:
        message.set_content(html, subtype="html")
    else:
        message.set_content(body)
    if attached:
        message.add_attachment(b"x", maintype="application", subtype="pdf", filename=attached)
    return message.as_bytes()


def bomb(name: str, size: int) -> bytes:
    """An archive of a few kilobytes that unpacks to `size` bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as entry:
        for _piece in range(size // 2**20):
            entry.write(b" " * 2**20)
    return content.getvalue()


def with_entry(archive: bytes, name: str, content: bytes) -> bytes:
    """The archive with one entry replaced."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, content if entry == name else old.read(entry))
    return made.getvalue()
