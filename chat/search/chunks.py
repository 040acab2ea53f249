"""Which pieces of documents hold the words of a question, and how much each of them says about it.

A word counts the more, the fewer pieces of these documents hold it. Both databases find the same pieces.
"""

import math
from collections.abc import Mapping, Sequence

from django.db import connection

from chat.search.engines import for_postgresql, for_sqlite
from chat.search.words import Term

DOCUMENT = "document"  # begins a word that says of which document a piece is
MOST_PIECES = 2_000  # that are looked at for one word; a word in more of them tells little
# CROSS JOIN: so that SQLite asks its full-text index first, and not once for each piece of the documents.
SQLITE = """SELECT {number}, id FROM (
    SELECT c.id FROM chat_chunks CROSS JOIN chat_documentchunk c ON c.id = chat_chunks.rowid
    WHERE chat_chunks MATCH %s AND c.document_id IN ({documents}) LIMIT {most}
)"""
POSTGRESQL = """(
    SELECT {number}, id FROM chat_documentchunk
    WHERE vector @@ to_tsquery('simple', %s) AND document_id IN ({documents}) LIMIT {most}
)"""


def scores(documents: Sequence[int], pieces: int, terms: Mapping[Term, float]) -> dict[int, float]:
    """The pieces of these documents that hold words of the question, by id; `pieces` is how many there are in all.

    `terms` says how much each word counts. Words that stand in more than half of the pieces are left out. One query.
    """
    if not documents or not terms:
        return {}
    scored: dict[int, float] = {}
    for term, ids in zip(terms, _holders(documents, list(terms)), strict=True):
        rarity = math.log((pieces - len(ids) + 0.5) / (len(ids) + 0.5))
        if pieces < 4 or rarity > 0:
            for pk in ids:
                scored[pk] = scored.get(pk, 0.0) + terms[term] * max(rarity, 0.1)
    return scored


def _holders(documents: Sequence[int], terms: Sequence[Term]) -> list[list[int]]:
    """The ids of the pieces that hold each term."""
    is_sqlite = connection.vendor == "sqlite"
    numbers = ", ".join(map(str, map(int, documents)))
    parts = [
        (SQLITE if is_sqlite else POSTGRESQL).format(number=number, documents=numbers, most=MOST_PIECES)
        for number in range(len(terms))
    ]
    owners = [f"{DOCUMENT}{document}" for document in documents]
    if is_sqlite:
        queries = [f"({' OR '.join(owners)}) AND {for_sqlite(term)}" for term in terms]
    else:
        queries = [f"({' | '.join(owners)}) & {for_postgresql(term)}" for term in terms]
    holders: list[list[int]] = [[] for _term in terms]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), queries)
        for number, pk in cursor.fetchall():
            holders[number].append(pk)
    return holders
