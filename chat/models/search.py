"""The indexes of the search: what `chat.search` finds words in, of chats, and of documents that are too long to be sent
whole: their texts in pieces, of which a question gets the best ones.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat, Message


class SearchEntry(models.Model):
    """The words of a title, or of a part of a message. The database's full-text index of `tokens` is made by SQL
    (`chat.search.tables`): a virtual table of SQLite, a column of PostgreSQL.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    chat = models.ForeignKey(Chat, models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="+")  # None: the title of the chat
    start = models.PositiveIntegerField(default=0)  # the first character of the message that it holds
    created = models.DateTimeField()  # of the message
    tokens = models.TextField()

    class Meta:
        ordering: ClassVar = ["pk"]
        verbose_name = _("place in the search index")
        verbose_name_plural = _("places in the search index")

    def __str__(self) -> str:
        return f"{self.chat_id}: {self.tokens[:60]}"


class DocumentIndex(models.Model):
    """Says that the text of stored bytes has been cut to chunks; for all `File` rows that have these bytes."""

    storage_name = models.CharField(max_length=300, unique=True)  # of the files
    pieces = models.PositiveIntegerField()  # chunks
    embedded_by = models.CharField(max_length=255, blank=True)  # the model that the vectors of its chunks are of
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("searched document")
        verbose_name_plural = _("searched documents")

    def __str__(self) -> str:
        return self.storage_name


class DocumentChunk(models.Model):
    """A piece of a document. The full-text index of its `tokens` is made by SQL (`chat.search.tables`)."""

    document = models.ForeignKey(DocumentIndex, models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()  # from 0, in the order of the text
    start = models.PositiveIntegerField()  # its first character
    kind = models.CharField(max_length=10, blank=True)  # of its location: page, slide, sheet, heading; empty: none
    location = models.CharField(max_length=100, blank=True)
    text = models.TextField()
    tokens = models.TextField()
    embedding = models.BinaryField(null=True)  # numbers of 4 bytes, little-endian, of length 1; None: not yet made

    class Meta:
        ordering: ClassVar = ["document", "number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["document", "number"], name="chunks_by_number")]
        verbose_name = _("piece of a document")
        verbose_name_plural = _("pieces of documents")

    def __str__(self) -> str:
        return f"{self.document_id}, {self.number}: {self.text[:60]}"
