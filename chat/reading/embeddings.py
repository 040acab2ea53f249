"""Which pieces of documents are near to a question by their meaning: vectors of a model that an administrator names.

The vectors of pieces are made at the first question, in batches, as calls of the person who asks, and kept with the
pieces. What was made stays where a later batch fails: the next question goes on from there.
"""

import asyncio
import heapq
import math
import sys
from array import array
from collections.abc import Iterator, Sequence
from operator import mul
from typing import Any

from chat.loop import in_thread
from chat.models import DocumentChunk, DocumentIndex
from providers import relay
from providers.errors import ProviderError, UpstreamTimeout
from providers.facts import Caller
from providers.process import waiting
from providers.sentences import sentence as _

BATCH = 32  # texts of one call: what the most cautious servers take
MOST_MADE = 4_000  # vectors that one question makes
MOST_COMPARED = 4_000  # pieces that one question is compared with
MOST_NEAR = 60  # pieces that count as near
DIMENSIONS = 8_192  # of a vector at most
MAX_ANSWER = BATCH * DIMENSIONS * 32  # bytes
SECONDS = 90.0  # for all calls of one question
QUESTION = 4_000  # characters


async def nearest(caller: Caller, model: str, question: str, documents: Sequence[int]) -> list[int]:
    """The ids of the pieces that are nearest to the question, the nearest first. Raises GatewayError."""
    try:
        async with asyncio.timeout(SECONDS):
            await _complete(caller, model, documents)
            [wanted] = await _vectors(caller, model, [question[-QUESTION:]])
    except TimeoutError as error:
        raise UpstreamTimeout(_("The provider took too long to answer.")) from error
    return await waiting.in_own_thread(_compared, documents, wanted)


async def _complete(caller: Caller, model: str, documents: Sequence[int]) -> None:
    """Make the vectors that are missing."""
    await in_thread(_begin, documents, model)
    for _number in range(0, MOST_MADE, BATCH):
        pieces = await in_thread(_missing, documents)
        if not pieces:
            return
        vectors = await _vectors(caller, model, [text for _pk, text in pieces])
        await in_thread(_keep, [pk for pk, _text in pieces], vectors, model)


def _begin(documents: Sequence[int], model: str) -> None:
    """Forget vectors of another model."""
    others = list(
        DocumentIndex.objects.filter(pk__in=documents).exclude(embedded_by=model).values_list("pk", flat=True)
    )
    if others:
        DocumentChunk.objects.filter(document__in=others, embedding__isnull=False).update(embedding=None)
        DocumentIndex.objects.filter(pk__in=others).update(embedded_by=model)


def _missing(documents: Sequence[int]) -> list[tuple[int, str]]:
    rows = DocumentChunk.objects.filter(document__in=documents, embedding__isnull=True).order_by("document", "number")
    return list(rows.values_list("pk", "text")[:BATCH])


def _keep(ids: Sequence[int], vectors: Sequence[Sequence[float]], model: str) -> None:
    """Store vectors, unless the administrator has named another model meanwhile."""
    rows = DocumentChunk.objects.filter(document__embedded_by=model).only("pk").in_bulk(ids)
    for pk, vector in zip(ids, vectors, strict=True):
        if pk in rows:
            rows[pk].embedding = _packed(vector)
    DocumentChunk.objects.bulk_update(rows.values(), ["embedding"])


async def _vectors(caller: Caller, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
    payload = {"model": model, "input": list(texts), "encoding_format": "float"}
    answer = await relay.complete(relay.RelayRequest("embeddings", caller, payload), max_bytes=MAX_ANSWER)
    return await waiting.in_own_thread(_read, answer, len(texts))


def _read(answer: dict[str, Any], count: int) -> list[Sequence[float]]:
    """The vectors of an answer in the order of the texts, each of length 1."""
    try:
        rows = sorted(answer["data"], key=lambda row: int(row["index"]))
        vectors = [array("f", row["embedding"]) for row in rows]
        lengths = [math.sqrt(sum(map(mul, vector, vector))) for vector in vectors]
        if len(vectors) != count or not all(0 < length < math.inf for length in lengths):
            raise ValueError(count)
        if len({len(vector) for vector in vectors}) != 1 or len(vectors[0]) > DIMENSIONS:
            raise ValueError(len(vectors[0]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProviderError(_("The embedding model did not answer with vectors."), code="invalid_answer") from error
    return [array("f", (number / length for number in vector)) for vector, length in zip(vectors, lengths, strict=True)]


def _compared(documents: Sequence[int], wanted: Sequence[float]) -> list[int]:
    best = heapq.nlargest(MOST_NEAR, _scored(documents, wanted))
    return [pk for _score, pk in best]


def _scored(documents: Sequence[int], wanted: Sequence[float]) -> Iterator[tuple[float, int]]:
    rows = DocumentChunk.objects.filter(document__in=documents, embedding__isnull=False)
    for pk, packed in rows.values_list("pk", "embedding")[:MOST_COMPARED].iterator(500):
        vector = _unpacked(bytes(packed or b""))
        if len(vector) == len(wanted):  # else the model has changed under its name
            yield sum(map(mul, vector, wanted)), pk


def _packed(vector: Sequence[float]) -> bytes:
    return _little(array("f", vector)).tobytes()


def _unpacked(packed: bytes) -> Sequence[float]:
    vector = array("f")
    vector.frombytes(packed)
    return _little(vector)


def _little(vector: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        vector.byteswap()
    return vector
