"""What the search of long documents has to find, on whichever database this process uses; `run` raises otherwise."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from chat import reading
from chat.files.documents import Document
from chat.models import DocumentChunk, DocumentIndex, File
from chat.reading import embeddings, index

PAGES = 60
FILLERS = {
    "en": "The parties meet once in each quarter and talk about the works, the weather and the price of bricks. " * 9,
    "zh": "双方每季度开会一次，讨论工程进度、天气情况以及砖块的价格，并且把会议的结果写进记录里面。" * 20,
}
NEEDLES = {
    "en": "Late deliveries cost a penalty of 7 per cent of the invoice for each week.",
    "zh": "迟延交货的违约金为每周发票金额的百分之七。",
}
ASKED = {"en": "What is the penalty for a late delivery?", "zh": "合同规定迟延交货的违约金是多少？"}


def document(language: str) -> Document:
    text, locations = "", []
    for page in range(1, PAGES + 1):
        locations.append((len(text), "page", str(page)))
        text += f"[Page {page}]\n{FILLERS[language]}\n"
        text += f"{NEEDLES[language]}\n\n" if page == 40 else "\n"
    return Document(text, locations=tuple(locations))


def searched(user: Any, language: str) -> reading.Searched:
    name = f"{language}.pdf"
    row = File.objects.create(owner=user, name=name, storage_name=name, content_type="application/pdf", size=1)
    made = index.of(row, document(language))
    assert index.of(row, document(language)) == made  # the same rows
    return reading.Searched(made, name, row.url, sent=1000)


def run() -> None:
    """All of it, in a transaction that is undone."""
    with transaction.atomic():
        user = get_user_model()._default_manager.create_user(email="reader@reading.example", password="x" * 12)
        both = [searched(user, language) for language in ("en", "zh")]
        for own in both:
            language = own.name.partition(".")[0]
            needle, question = NEEDLES[language], ASKED[language]
            result = reading.search(["Hello", question], both, 3000)
            assert needle in result.text
            assert f'<excerpt file="{own.name}" page="40">' in result.text
            [shown] = [shown for shown in result.shown if shown.name == own.name]
            assert "40" in shown.locations
            assert len(result.text) < 3000 + 800  # the introduction of the excerpts
            follow_up = reading.search([question, "??"], [own], 1500)
            assert needle in follow_up.text  # what was asked before counts too
        whole = reading.search(["Summarise"], both[:1], 5000)
        pages = [line for line in whole.text.splitlines() if line.startswith("<excerpt file=")]
        assert len(pages) >= 3
        assert reading.search(["Summarise"], both, 10) == reading.Excerpts()
        assert reading.search(["' OR 1=1 -- \" * AND NOT ( : & | !"], both, 2000).text
        compares_vectors(both)
        DocumentIndex.objects.filter(pk=both[0].index.pk).delete()
        assert NEEDLES["en"] not in reading.search([ASKED["en"]], both, 3000).text
        assert not DocumentChunk.objects.filter(document=both[0].index.pk).exists()
        transaction.set_rollback(True)


def compares_vectors(documents: list[reading.Searched]) -> None:
    """Vectors are kept with the pieces, compared, and forgotten with their model."""
    pks = [document.index.pk for document in documents]
    embeddings._begin(pks, "embed-1")
    pieces = embeddings._missing(pks)
    vectors = [[1.0, 0.0], *[[0.0, 1.0]] * (len(pieces) - 1)]
    embeddings._keep([pk for pk, _text in pieces], vectors, "another-model")
    assert embeddings._missing(pks) == pieces
    embeddings._keep([pk for pk, _text in pieces], vectors, "embed-1")
    assert embeddings._missing(pks) != pieces
    assert embeddings._compared(pks, [0.8, 0.6])[0] == pieces[0][0]
    embeddings._begin(pks, "embed-2")
    assert embeddings._missing(pks) == pieces
