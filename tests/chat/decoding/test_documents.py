"""PDF bombs: reading ends within its limits and reports what was not read."""

import pytest

from chat import files
from chat.decoding import documents as tasks
from chat.files import documents
from chat.files.documents import Document
from tests.chat.decoding import weights
from tests.chat.decoding.weights import pdf, stream, words
from tests.chat.files.test_rows import store  # noqa: F401
from tests.people import make_user

DRAWING = "[Page 1 is a drawing too large to be read.]"
BLANKS = b" " * 60_000_000


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: pdf(stream(words(60_000))), id="two million glyphs"),
        pytest.param(lambda: pdf(stream(b"BT /F1 12 Tf " + b"[(a) -300 (b)] TJ " * 100_000 + b"ET")), id="arrays"),
        pytest.param(lambda: pdf(stream(b"0 0 m 10 10 l S " * 500_000)), id="a million lines"),
        pytest.param(lambda: pdf(stream(BLANKS)), id="a compressed bomb"),
        pytest.param(lambda: pdf(stream(BLANKS * 4, packs=3)), id="a bomb in bombs"),
        pytest.param(lambda: pdf(stream(words(20_000)), contents=b"[" + b"5 0 R " * 300 + b"]"), id="one 300 times"),
        pytest.param(lambda: pdf(stream(b"BT /F1 12 Tf (" + b"a" * 15_000_000 + b") Tj ET")), id="one text of 15 MB"),
    ],
)
def test_a_page_that_unpacks_into_too_much_is_left_out(make):
    content = make()
    assert len(content) < 70_000
    assert documents.read(content, "application/pdf") == Document(DRAWING)


def test_a_form_that_repeats_itself_is_drawn_so_often_and_no_more():
    content = weights.repeating()
    assert len(content) < 7_000
    text = documents.read(content, "application/pdf").text
    assert text == DRAWING or len(text) < tasks.GLYPHS * 2


def test_of_very_many_pages_as_many_are_read_as_a_model_can_take():
    text = documents.read(pdf(stream(words(2_000)), pages=3_000), "application/pdf").text
    assert len(text) < documents.MAX_CHARACTERS * 1.1
    assert text.endswith("to 3000 were not read.]")


def test_pages_without_words_are_counted_too():
    text = documents.read(pdf(stream(words(1)), pages=2_500), "application/pdf").text
    assert text.endswith("[The pages from 2001 to 2500 were not read.]")


def test_a_tree_of_pages_without_bounds_is_too_long():
    assert documents.read(pdf(stream(words(1)), pages=50_000), "application/pdf") == Document("", documents.TOO_LONG)


@pytest.mark.parametrize("content", [pdf(stream(b"[" * 200_000)), pdf(stream(b"<<" * 100_000))])
def test_deep_nesting_is_no_crash(content):
    assert documents.read(content, "application/pdf").text in ("", DRAWING)


def test_when_the_time_is_over_the_pages_read_so_far_have_to_do(settings):
    settings.DECODING_SECONDS = 2.0
    page = stream(words(1) + b" 0 0 m 10 10 l S" * 20_000)  # many instructions, few characters
    text = documents.read(pdf(page, pages=500), "application/pdf").text
    assert text.startswith("[Page 1]")
    assert text.endswith("to 500 were not read.]")


@pytest.mark.django_db
def test_a_pdf_that_took_too_much_is_not_tried_again_and_again(store, monkeypatch):  # noqa: F811
    row = files.accept(make_user("Ada"), pdf(stream(words(1)), pages=50_000), name="a.pdf")
    assert files.document(row) == Document("", documents.TOO_LONG)

    monkeypatch.setattr(documents.pool, "run", None)  # nobody calls it now
    assert files.document(row) == Document("", documents.TOO_LONG)
