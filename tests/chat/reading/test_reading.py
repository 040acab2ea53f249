"""Long documents: their pieces, and what a question finds in them. On PostgreSQL, `tests/chat/search` runs it too."""

import pytest

from chat import files
from chat.files.documents import Document
from chat.models import DocumentIndex
from chat.reading import chunks, index, locations
from tests.chat.reading import scenario


@pytest.mark.django_db
def test_a_question_finds_its_page_in_both_scripts_on_sqlite():
    scenario.run()


def test_pieces_are_bounded_whole_and_know_where_they_stand():
    text = "# Rain\n" + "It rains. " * 200 + "\n\n## Snow\n" + "雪" * 3000
    made = chunks.of(Document(text))
    assert max(len(chunk.text) for chunk in made) <= chunks.SIZE
    assert {chunk.location for chunk in made} == {"Rain", "Snow"}
    assert "".join("".join(chunk.text for chunk in made).split()) == "".join(text.split())
    assert all(text.startswith(chunk.text, chunk.start) for chunk in made)
    assert made[0].text.endswith("It rains.")  # not within a sentence


def test_places_are_told_in_spans():
    assert str(locations.worded("page", ["3", "12", "13", "14", "3"], 5)) == "pages 3, 12–14"
    assert str(locations.worded("sheet", ["Costs"], 2)) == "sheet Costs"
    assert str(locations.worded("", ["", ""], 2)) == "2 passages"


@pytest.mark.django_db
def test_pieces_of_a_file_that_was_deleted_meanwhile_are_collected(alice):
    row = files.accept(alice, b"It rains.", name="rain.txt")
    present = index.of(row, files.document(row))
    DocumentIndex.objects.create(storage_name="gone", pieces=1)
    files.collect()
    assert list(DocumentIndex.objects.all()) == [present]
