"""The run of an import: it looks through the file, and brings its chats in once the person said so.

Both read the file as a stream, a chat at a time. Begun again after the end of its process, it finds by their ids what
it brought in before.
"""

import logging
from collections import Counter
from typing import Any

from django.utils.translation import gettext as _

from chat import access, events
from chat.files import stores
from chat.imports import source, stream, values, writer
from chat.imports.formats import table
from chat.imports.formats.base import Origin
from chat.imports.source import ExportDocument, ExportSource
from chat.imports.values import Asset, ImportedChat, Unreadable
from chat.models import File
from chat.transfers import Work
from providers.errors import BadRequest

LISTED = 2000  # chats that the report lists; it counts all
REASONS = 20  # different reasons why files were left out
ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

logger = logging.getLogger(__name__)


def run(work: Work) -> dict[str, Any]:
    """Look through the import, or bring it in; returns the report."""
    with work.file() as file:
        report = ImportRun(work, source.open_source(file)).all()
    if work.row.options.get("go"):
        work.drops_file = True
        events.emit_soon(work.row.user_id, type="chat:list", data={})
    return report


class ImportRun:
    """One pass through the file. `go`: chats are stored."""

    def __init__(self, work: Work, opened: ExportSource) -> None:
        self.work, self.source = work, opened
        self.user = work.row.user
        self.go = bool(work.row.options.get("go"))
        self.states: Counter[str] = Counter()
        self.formats: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.listed: list[dict[str, Any]] = []
        self.reasons: list[str] = []
        self.there: dict[str, bool] = {}  # files that were looked for, by their origin
        self.brought: dict[str, File | None] = {}  # files that were stored, None for those that could not be
        self.read_before, self.total = 0, 1

    def all(self) -> dict[str, Any]:
        documents = self.source.documents(table.PATHS)
        self.total = max(1, sum(document.size for document in documents))
        for document in documents:
            self._document(document)
            self.read_before += document.size
        if not self.states:
            raise BadRequest(_("No chats were found in this file. Choose the file as it was downloaded."))
        if not self.formats:
            raise BadRequest(
                _("None of the chats in this file can be read: %(why)s") % {"why": self.listed[0]["why"]},
                code="unreadable",
            )
        return {
            "chats": dict(self.states),
            "formats": dict(self.formats),
            "messages": self.counts["messages"],
            "files": self.counts["files"],
            "missing": self.counts["missing"],
            "listed": self.listed,
            "reasons": self.reasons,
            "brought": self.go,
        }

    def _document(self, document: ExportDocument) -> None:
        origin = Origin(self.source, document.path, self._own)
        try:
            with document.open() as file:
                for item in stream.read(file, self._beat):
                    self._item(item, origin)
        except Unreadable as problem:
            self._note(document.path.rpartition("/")[2] or self.work.row.name, "unreadable", why=str(problem))

    def _item(self, item: Any, origin: Origin) -> None:
        title = values.line(values.mapping(item).get("title"), values.MAX_TITLE)
        format = table.format_of(item)
        if format is None:
            self._note(title, "unreadable", why=_("This is no chat of a known export."))
            return
        try:
            chat = format.read(item, origin)
            if not chat.messages:
                raise Unreadable(_("This chat has no messages."))
        except Unreadable as problem:
            self._note(title, "unreadable", why=str(problem))
            return
        except ODD:
            logger.info("A chat of an import of %s could not be read", format.name, exc_info=True)
            self._note(title, "unreadable", why=_("This chat is not as the export of %s writes it.") % format.label)
            return
        self.formats[format.name] += 1
        self._chat(format.name, chat)

    def _chat(self, format_name: str, chat: ImportedChat) -> None:
        made = writer.plan(self.user.pk, format_name, chat)
        if self.go and made.new:
            writer.bring(self.user, made, chat, beat=self.work.beat, refuse=self._refuse, known=self.brought)
        else:
            writer.look(made, self._is_there)
        self.counts["messages"] += len(made.new)
        self.counts["files"] += made.assets
        self.counts["missing"] += len(made.missing)
        why = _("It is in the trash: restore it there.") if made.state == "trashed" else ""
        self._note(
            chat.title, made.state, why=why, messages=len(made.new), files=made.assets, missing=len(made.missing)
        )
        self.work.beat(chats=sum(self.states.values()))

    def _note(self, title: str, state: str, **more: Any) -> None:
        self.states[state] += 1
        if len(self.listed) < LISTED:
            facts = {name: value for name, value in more.items() if value}
            self.listed.append({"title": title[:200], "state": state, **facts})

    def _refuse(self, reason: str) -> None:
        if reason not in self.reasons and len(self.reasons) < REASONS:
            self.reasons.append(reason)

    def _beat(self, position: int) -> None:
        self.work.beat(share=round(min(1.0, (self.read_before + position) / self.total), 3))

    def _is_there(self, asset: Asset) -> bool:
        """Whether its bytes are there. A file that many messages have is read once."""
        self.work.beat()
        if not asset.origin:
            return asset.read() is not None
        if asset.origin not in self.there:
            self.there[asset.origin] = asset.read() is not None
        return self.there[asset.origin]

    def _own(self, file_id: str) -> bytes | None:
        row = File.objects.filter(pk=access.as_uuid(file_id), owner_id=self.user.pk).first()
        if row is None:
            return None
        self.source.count(row.size)
        try:
            return stores.read(row.storage_name)
        except FileNotFoundError:
            return None
