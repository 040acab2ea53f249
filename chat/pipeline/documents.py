"""The text of attached documents, within the characters of one request: short ones whole, of long ones the beginning.

What does not fit is searched (`chat.reading`): the excerpts that fit a question stand behind it, so that what stands
before them stays the same from turn to turn.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chat import chat_settings, files, reading
from chat.files import documents
from chat.models import File
from chat.pipeline.turn import Turn
from chat.reading import embeddings, index
from providers.errors import GatewayError, NotFound
from providers.process import waiting
from providers.sentences import sentence as _

BEGINNING = 0.25  # of a long document's share; the rest is for excerpts
SHORT = 60  # characters of a question whose meaning hangs on the one before
MOST_SEARCHED = 20  # documents of one request

Entry = Mapping[str, Any]


@dataclass(slots=True)
class DocumentPacking:
    """The room that is left while documents are packed, those of the newest message first. Blocking."""

    characters: int
    row_of: Callable[[Entry], File]
    searched: list[reading.Searched] = field(default_factory=list)
    _held: int = 0  # characters of long documents that were not sent as their beginnings

    @property
    def room(self) -> int:
        """Characters for excerpts."""
        return self._held + self.characters

    def pack(self, entries: Sequence[Entry], notice: Callable[[str], None]) -> list[str]:
        """Each as `<file name="…">text</file>`. Short ones are whole, long ones get equal shares of what is left."""
        read = [self._read(entry, notice) for entry in entries]
        room = shares([len(document.text) for document in read], self.characters)
        self.characters -= sum(room)
        return [
            _wrapped(entry, self._fitted(entry, document, size))
            for entry, document, size in zip(entries, read, room, strict=True)
        ]

    def _read(self, entry: Entry, notice: Callable[[str], None]) -> documents.Document:
        if not self.characters and len(self.searched) >= MOST_SEARCHED:
            return documents.Document("", "no room")  # newer files fill it: this one is not even read
        try:
            document = files.document(self.row_of(entry))
        except (NotFound, FileNotFoundError):
            return documents.Document("", "deleted")
        if document.problem in _FOR_PERSON:
            notice(_FOR_PERSON[document.problem]() % {"name": name_of(entry)})
        return document

    def _fitted(self, entry: Entry, document: documents.Document, size: int) -> str:
        if document.problem:
            return f"[{_FOR_MODEL[document.problem]}]"
        if size >= len(document.text):
            return document.text
        if len(self.searched) >= MOST_SEARCHED:
            cut = f"[Cut here: these are the first {size:,} of {len(document.text):,} characters.]"
            return f"{document.text[:size]}\n{cut}" if size else f"[{_FOR_MODEL['no room']}]"
        sent = int(size * BEGINNING)
        self._held += size - sent
        row = self.row_of(entry)
        self.searched.append(reading.Searched(index.of(row, document), name_of(entry), row.url, sent))
        note = f"[Of its {len(document.text):,} characters these are the first {sent:,}. {_EXCERPTS}]"
        return f"{document.text[:sent]}\n{note}" if sent else f"[{_FOR_MODEL['no room']} {_EXCERPTS}]"


async def search(turn: Turn, packing: DocumentPacking, questions: Sequence[str]) -> None:
    """Add the excerpts of long documents that fit the question to the turn, and show the person where they stand."""
    if not packing.searched:
        return
    near = await _near(turn, packing, questions)
    excerpts = await waiting.in_own_thread(reading.search, questions, packing.searched, packing.room, near)
    turn.excerpts = excerpts.text
    for shown in excerpts.shown if not turn.request.continues else ():  # an answer that goes on has told it
        description = _("Searched “%(name)s” and read %(locations)s") % {
            "name": shown.name,
            "locations": shown.locations,
        }
        source = {"title": shown.name, "url": shown.url, "site": str(shown.locations)}
        await turn.emit("status", {"description": description, "done": True, "sources": [source]})


async def _near(turn: Turn, packing: DocumentPacking, questions: Sequence[str]) -> list[int]:
    """The pieces near to the question by their meaning; none without a model for that, or where it fails."""
    model = (await chat_settings.current()).embedding_model
    question = "\n".join(questions[-1:] if questions and len(questions[-1]) >= SHORT else questions[-2:]).strip()
    if not model or not question:
        return []
    ids = [document.index.pk for document in packing.searched]
    step = {"description": _("Comparing long documents with the question"), "done": False}
    await turn.emit("status", step)
    try:
        near = await embeddings.nearest(turn.caller, model, question, ids)
        await turn.emit("status", {**step, "done": True})
        return near
    except GatewayError as error:
        description = _("Documents were searched by words alone: %s") % error.full_message
        await turn.emit("status", {"description": description, "done": True, "error": True})
        return []


def shares(sizes: Sequence[int], room: int) -> list[int]:
    """The share of `room` for each size: small ones whole, the others equal shares of the rest."""
    parts = [0] * len(sizes)
    for done, number in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        parts[number] = min(sizes[number], room // (len(sizes) - done))
        room -= parts[number]
    return parts


def name_of(entry: Entry) -> str:
    return str(entry.get("name") or _("Picture"))


def _wrapped(entry: Entry, text: str) -> str:
    return f'<file name="{name_of(entry)}">\n{text.strip().replace("</file>", "< /file>")}\n</file>'


_EXCERPTS = "Excerpts that may fit the question stand behind it."
_FOR_MODEL = {
    documents.PROTECTED: "This document is protected by a password, so you do not get its text.",
    documents.WORDLESS: "There is no text in this file. A PDF without text is usually a scan.",
    documents.UNREADABLE: "This kind of file cannot be read, or it is damaged.",
    documents.TOO_LONG: "This document is too large to be read, so you do not get its text.",
    documents.UNHEARD: "No model wrote down this recording, so you do not know what is said in it.",
    "deleted": "This file was deleted.",
    "no room": "Left out: newer documents take all the room.",
}
_FOR_PERSON = {
    documents.PROTECTED: lambda: _(
        "“%(name)s” is protected by a password, so the model does not get its text. Attach it without a password."
    ),
    documents.WORDLESS: lambda: _("“%(name)s” contains no text. If it is a scan, attach its pages as pictures."),
    documents.UNREADABLE: lambda: _("“%(name)s” cannot be read as text. The model only gets its name."),
    documents.TOO_LONG: lambda: _(
        "“%(name)s” is too large to be read, so the model does not get its text. Attach the pages that matter."
    ),
}
