"""The rows of pieces: made once for stored bytes, whoever has them, and deleted with the last file that has them."""

from django.db import transaction

from chat.files.documents import Document
from chat.models import DocumentChunk, DocumentIndex, File
from chat.reading import chunks
from chat.search.chunks import DOCUMENT
from chat.search.words import words_of

BATCH = 500  # rows written at once


def of(row: File, document: Document) -> DocumentIndex:
    """The index of a file's text, which is made at its first use. Takes seconds for the longest; in a thread."""
    present = DocumentIndex.objects.filter(storage_name=row.storage_name).first()
    return present if present is not None else _made(row, document)


def _made(row: File, document: Document) -> DocumentIndex:
    pieces = [(chunk, " ".join(words_of(chunk.text))) for chunk in chunks.of(document)]
    with transaction.atomic():
        index, is_new = DocumentIndex.objects.get_or_create(
            storage_name=row.storage_name, defaults={"pieces": len(pieces)}
        )
        if not is_new:  # another question made it meanwhile
            return index
        rows = (
            DocumentChunk(
                document=index,
                number=number,
                start=chunk.start,
                kind=chunk.kind,
                location=chunk.location,
                text=chunk.text,
                tokens=f"{DOCUMENT}{index.pk} {words}",
            )
            for number, (chunk, words) in enumerate(pieces)
        )
        DocumentChunk.objects.bulk_create(rows, batch_size=BATCH)
    return index
