"""The text of office documents, e-mails and saved pages; bombs, damage, encryption and macros."""

import pytest

from chat import files
from chat.files import documents
from chat.files.documents import Document
from tests.chat import office

LAUGHS = (
    b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">%s]><w:document xmlns:w="x">&z;</w:document>"""
    % b"".join(b'<!ENTITY %c "%s">' % (letter + 1, b"&%c;" % letter * 10) for letter in range(ord("a"), ord("z")))
)


def read(content, name):
    """As an attachment is read: by its own bytes and its name."""
    content_type = files.sniff(content[:4096], name)
    return documents.read(content, content_type, documents.task_of(content_type, name, len(content)))


def test_the_words_of_every_kind_are_read_with_their_places():
    table = [["Name", "Age"], ["Ann", "41"]]
    text = read(office.docx("Hello\tthere.", "天空是蓝色的。", heading="Plan", table=table), "plan.docx").text
    assert text.startswith("# Plan")
    assert "天空是蓝色的。" in text
    assert "| Name | Age |\n| Ann | 41 |" in text
    sheets = {"Costs": [["Item", "Euro"], ["Tea", 3.5], [None, None]], "Notes": [["later"]]}
    text = read(office.xlsx(**sheets), "costs.xlsx").text
    assert text == "[Sheet Costs]\nItem | Euro\nTea | 3.5\n\n[Sheet Notes]\nlater"
    text = read(office.pptx(("Kites", "Say hello"), ("Wind", "")), "talk.pptx").text
    assert text == "[Slide 1]\nKites\nNotes: Say hello\n\n[Slide 2]\nWind"
    text = read(office.eml("Tea", "At four.\n", attached="menu.pdf"), "mail.eml").text
    assert text.splitlines()[:3] == ["From: Ann <ann@example.com>", "To: bob@example.com", "Subject: Tea"]
    assert "At four." in text
    assert "[Attached: menu.pdf]" in text
    assert "At five." in read(office.eml("Tea", "", html="<p>At <b>five</b>.</p><script>x()</script>"), "m.eml").text


def test_html_is_source_while_it_is_short_and_a_page_when_it_is_long():
    short = b"<html><nav>Menu</nav><p>Hello</p></html>"
    assert read(short, "page.html").text == short.decode()
    text = read(b"<html><head><title>T</title></head><nav>Menu</nav>" + b"<p>Hello there</p>" * 2000, "page.html").text
    assert text.startswith("Hello there")
    assert "Menu" not in text
    assert files.sniff(short, "page.html") == "text/plain"  # what browsers are told stays the same


@pytest.mark.parametrize(
    ("make", "name", "problem"),  # made where it is read: each process that collects the tests would make all
    [
        (lambda: office.bomb("word/document.xml", 400 * 2**20), "a.docx", documents.TOO_LONG),
        (lambda: office.with_entry(office.docx("x"), "word/document.xml", LAUGHS), "a.docx", documents.UNREADABLE),
        (lambda: office.docx("Hello")[:-40], "a.docx", documents.UNREADABLE),
        (lambda: office.bomb("nothing.txt", 2**20), "a.xlsx", documents.UNREADABLE),
        (lambda: office.docx("Hello"), "a.pptx", documents.UNREADABLE),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "a.msg", documents.UNREADABLE),
        (lambda: office.xlsx(Empty=[]), "a.xlsx", ""),
        (lambda: office.docx(), "a.docx", documents.WORDLESS),
    ],
    ids=["bomb", "laughs", "cut off", "no workbook", "another kind", "no e-mail", "no rows", "no words"],
)
def test_what_is_damaged_or_dangerous_is_a_problem_and_nothing_else(make, name, problem):
    document = read(make(), name)
    assert document.problem == problem
    assert bool(document.text) is not bool(problem)


def test_an_encrypted_document_is_said_to_be_protected():
    encrypted = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
    word = next(kind for kind, task in documents.TASKS.items() if task == "docx")
    assert documents.read(encrypted, word) == Document("", documents.PROTECTED)


def test_a_long_table_is_read_up_to_the_most_that_a_model_can_take(monkeypatch):
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 10_000)
    text = read(office.xlsx(Long=[["word " * 100]] * 500), "long.xlsx").text
    assert 10_000 <= len(text) < 13_000
