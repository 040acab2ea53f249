"""Attached recordings: what is said in one is written down when it is first asked about, and is its text from then on.

A recording that could not be written down is tried again with the next message that it is attached to; in earlier
messages not before `AGAIN_SECONDS` are over.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model

from chat import access, files
from chat.files import documents
from chat.models import File
from chat.pipeline.documents import name_of
from chat.pipeline.turn import Turn
from chat.reading import recordings
from providers import catalogue, runtime
from providers.errors import GatewayError, NotFound, Unavailable
from providers.process import waiting
from providers.sentences import sentence as _
from providers.speech import voices

MOST = 5  # recordings that one question writes down
AGAIN_SECONDS = 600.0
REMEMBERED = 1000

Entry = Mapping[str, Any]


class FailedRecordings:
    """When a recording could not be written down, by the name of its bytes."""

    def __init__(self) -> None:
        self.times = OrderedDict[str, float]()

    def add(self, name: str) -> None:
        self.times[name] = time.monotonic()
        if len(self.times) > REMEMBERED:
            self.times.popitem(last=False)

    def is_recent(self, name: str) -> bool:
        return time.monotonic() - self.times.get(name, float("-inf")) < AGAIN_SECONDS


async def write_down(turn: Turn) -> None:
    """Have the recordings of all messages written down that are not yet, the newest first, and tell the person."""
    newest, entries = _recordings(turn)
    failed = runtime.state(FailedRecordings)
    tried = 0
    for file_id, entry in entries.items():
        row = await waiting.in_own_thread(_unheard, turn.caller.user_id, file_id)
        if row is None or tried == MOST or (file_id not in newest and failed.is_recent(row.storage_name)):
            continue
        tried += 1
        if not await _write_down(turn, row, name_of(entry)):
            failed.add(row.storage_name)


def _recordings(turn: Turn) -> tuple[set[str], dict[str, Entry]]:
    """The ids of those of the last question, and all by their ids, the newest first."""
    newest: set[str] | None = None
    entries: dict[str, Entry] = {}
    for message in reversed(turn.messages):
        attached = message.get("files")
        mine = [
            entry
            for entry in (attached if isinstance(attached, list) else ())
            if entry.get("content_type") in documents.RECORDINGS and entry.get("id")
        ]
        entries |= {str(entry["id"]): entry for entry in mine if str(entry["id"]) not in entries}
        if newest is None and message.get("role") == "user":
            newest = set(entries)
    return newest or set(), entries


def _unheard(user_id: int, file_id: str) -> File | None:
    try:
        row = access.file_for(get_user_model()._default_manager.get(pk=user_id), file_id)
        return row if files.document(row).problem == documents.UNHEARD else None
    except (NotFound, Unavailable):
        return None


async def _write_down(turn: Turn, row: File, name: str) -> bool:
    model = voices.ear_for(await catalogue.snapshot(), turn.caller)
    if not model:
        notice = _(
            "“%(name)s” was not heard: no model here writes down speech. An administrator can connect one, such as "
            "“whisper-1”, and choose it in the gateway settings."
        )
        await turn.emit("status", {"description": notice % {"name": name}, "done": True, "notice": True})
        return False
    await turn.emit("status", {"description": _("Writing down what “%s” says") % name, "done": False})
    try:
        text = await recordings.written_down(turn.caller, model, row, chat_id=turn.chat_id, message_id=turn.message_id)
    except (GatewayError, FileNotFoundError) as error:
        why = error.full_message if isinstance(error, GatewayError) else _("The file was deleted.")
        description = _("“%(name)s” could not be written down: %(why)s") % {"name": name, "why": why}
        await turn.emit("status", {"description": description, "done": True, "error": True})
        return False
    await waiting.in_own_thread(files.keep_transcript, row, text)
    await turn.emit("status", {"description": _("Wrote down what “%s” says") % name, "done": True})
    return True
