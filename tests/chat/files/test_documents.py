"""Text from documents: encodings, PDFs, and the problem reported for a document without text."""

import pytest

from chat import files
from chat.files import documents
from chat.files.documents import Document
from tests.chat.pdf import encrypted, pdf

CHINESE = "天空是蓝色的，因为空气散射蓝光比红光更多。这是一份普通的文本文件，用来检验编码的识别。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030", "big5"])
def test_text_is_read_whatever_its_encoding(encoding):
    text = CHINESE if encoding != "big5" else "天空是藍色的，因為空氣散射藍光比紅光更多。這是一份普通的文字檔案。"
    content = text.encode(encoding)
    if encoding == "utf-16-be":
        content = b"\xfe\xff" + content
    assert files.sniff(content, "notes.txt") == "text/plain"
    assert documents.read(content, "text/plain") == Document(text)


def test_western_text_of_old_programs_is_read():
    text = "Größe und Übermut – „fünf Äpfel“ kosten 5 €.\nDas Café schließt früh.\n" * 5
    content = text.replace("\n", "\r\n").encode("cp1252")
    assert files.sniff(content, "a.csv") == "text/csv"
    assert documents.read(content, "text/csv") == Document(text)


def test_a_cut_character_at_the_end_does_not_change_the_encoding():
    assert documents.decoded("天空".encode()[:-1]) == "天"


def test_binary_data_is_no_text():
    assert files.sniff(bytes(range(1, 255)), "x.txt") == "application/octet-stream"
    assert documents.read(b"PK\3\4", "application/zip") == Document("", documents.UNREADABLE)


def test_a_pdf_is_its_pages_with_their_numbers():
    assert documents.read(pdf("The sky is blue."), "application/pdf") == Document("The sky is blue.")
    assert documents.read(pdf("One", "Two"), "application/pdf").text == "[Page 1]\nOne\n\n[Page 2]\nTwo"


def test_a_pdf_that_opens_without_a_password_is_read():
    assert documents.read(encrypted("Secret words", user_password=""), "application/pdf").text == "Secret words"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (encrypted("Secret words", user_password="pass"), documents.PROTECTED),
        (pdf(""), documents.WORDLESS),
        (b"%PDF-1.7 and then nothing", documents.UNREADABLE),
        (pdf("cut")[:150], documents.UNREADABLE),
    ],
)
def test_a_pdf_says_why_it_has_no_text(content, problem):
    assert documents.read(content, "application/pdf") == Document("", problem)


def test_a_long_pdf_is_read_until_there_is_enough_of_it(monkeypatch):
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 5)
    text = documents.read(pdf("first", "second", "third"), "application/pdf").text
    assert "second" in text
    assert "third" not in text
    assert text.endswith("[The pages from 3 to 3 were not read.]")


def test_a_page_that_is_one_large_drawing_holds_nothing_up():
    drawing = pdf("x) Tj " + "0 0 m 1 1 l S " * 110_000 + "(y", "short")
    text = documents.read(drawing, "application/pdf").text
    assert text == "[Page 1 is a drawing too large to be read.]\n\n[Page 2]\nshort"
