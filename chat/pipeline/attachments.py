"""Attached files on their way to the model: pictures as parts, documents as text, within the limits of one request.

Until all handlers have run, messages only list their `files`: `content` is what the person wrote, and a turn that calls
no model reads no file. Then `attach` replaces the `files` by what a model understands. The newest messages come first;
a note takes the place of a file that does not fit, so that the model can say so.

Pictures of answers are sent with the person's next message (see `history.as_openai`), the newest few, and only to
models that are known to see pictures: nobody asked for them to be sent, so they must not be a reason to refuse.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any

import pybase64
from django.contrib.auth import get_user_model

from chat import access, chat_settings, file_addresses, files
from chat.decoding import formats
from chat.files import pictures
from chat.history import text_of
from chat.models import File
from chat.pipeline import documents, pictures_refused, recordings
from chat.pipeline.documents import DocumentPacking, name_of
from chat.pipeline.turn import Turn
from providers import catalogue
from providers.errors import BadRequest, GatewayError, NotFound
from providers.process import waiting
from providers.sentences import sentence as _

MAX_PICTURES = 20  # of one request
MAX_PICTURE_BYTES = 20_000_000  # of all its pictures; base64 adds a third
MAX_SHOWN = 4  # pictures of answers among them
PROMPT = 300  # characters of the prompt of a generated picture

_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)

Entry = Mapping[str, Any]


# --- A request's own files --------------------------------------------------------------------------------------------


def named(user: Any, entries: Sequence[Any]) -> list[dict[str, Any]]:
    """The `files` of a request: by id or address, pictures also by data URL or web address. NotFound, BadRequest."""
    return [_named(user, entry if isinstance(entry, Mapping) else {}) for entry in entries]


def _named(user: Any, entry: Entry) -> dict[str, Any]:
    url, name = str(entry.get("url") or ""), str(entry.get("name") or "picture")
    if file_id := file_addresses.named_id(url) or entry.get("id"):
        return files.file_json(access.file_for(user, file_id))
    if _DATA_URL.match(url) or (entry.get("type") == "image" and url.startswith(("https://", "http://"))):
        return {"type": "image", "url": url, "name": name}
    raise BadRequest(_("Each file needs its id, or its address on this site."), param="files")


def resolve(user: Any, messages: list[dict[str, Any]]) -> None:
    """Look up the `files` of a request's messages, as `named` does. Only those of the last question must be there."""
    last = max((index for index, message in enumerate(messages) if message.get("role") == "user"), default=0)
    for index, message in enumerate(messages):
        if "files" in message:
            entries = message["files"] if isinstance(message["files"], list) else []
            resolved = named(user, entries) if index == last else _named_or_deleted(user, entries)
            messages[index] = {**message, "files": resolved}


def _named_or_deleted(user: Any, entries: Sequence[Any]) -> list[dict[str, Any]]:
    resolved: list[dict[str, Any]] = []
    for entry in entries:
        try:
            resolved += named(user, [entry])
        except NotFound:
            resolved.append({**entry, "id": str(access.NOBODYS)})
    return resolved


def add_to_question(messages: list[dict[str, Any]], entries: Sequence[Entry]) -> None:
    """Add a request's files to its last question, unless that has parts of its own beside text."""
    for index in reversed(range(len(messages))):
        message = messages[index]
        if message.get("role") == "user":
            if entries and not _has_parts(message):
                unique = {entry.get("id") or entry["url"]: entry for entry in (*message.get("files", ()), *entries)}
                messages[index] = {**message, "files": list(unique.values())}
            return


def add_to_first(messages: list[dict[str, Any]], entries: Sequence[Entry]) -> None:
    """Add files that go along with the whole conversation to its first question, where they stay the same in each turn,
    so that providers find what they say in their prompt caches. Not where that has parts of its own.
    """
    for index, message in enumerate(messages):
        if message.get("role") == "user":
            if entries and not _has_parts(message):
                messages[index] = {**message, "files": [*entries, *message.get("files", ())]}
            return


def add_stored_files(messages: list[dict[str, Any]], stored: Sequence[Mapping[str, Any]]) -> None:
    """Give a program's own questions the files of the stored questions with the same text, from the end upwards."""
    rows = [message for message in reversed(stored) if message["role"] == "user"]
    indexes = [index for index in reversed(range(len(messages))) if messages[index].get("role") == "user"]
    for index, row in zip(indexes, rows, strict=False):
        message = messages[index]
        same = text_of(message.get("content")) == row["content"]
        if same and "files" in row and "files" not in message and not _has_parts(message):
            messages[index] = {**message, "files": row["files"]}


def _has_parts(message: Entry) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(isinstance(part, dict) and part.get("type") != "text" for part in content)


# --- Into what a model understands ------------------------------------------------------------------------------------


async def attach(turn: Turn) -> None:
    """Put the files of all messages into the payload, and tell the person what the model does not get."""
    if not any("files" in message for message in turn.messages):
        return
    await recordings.write_down(turn)
    turn.shown = [message["files"] for message in turn.messages if isinstance(message.get("files"), list)]
    packing = Packing(
        user_id=turn.caller.user_id,
        vision=await _vision(turn),
        characters=(await chat_settings.current()).attachment_budget,
    )
    questions = [text_of(message.get("content")) for message in turn.messages if message.get("role") == "user"]
    turn.payload["messages"] = await waiting.in_own_thread(packing.pack, turn.messages)
    # When a handler has used the pictures, it does not matter that the model cannot see them.
    notices = packing.notices if turn.answer_files else packing.notices + packing.unseen
    for notice in notices:
        await turn.emit("status", {"description": notice, "done": True, "notice": True})
    await documents.search(turn, packing.documents, questions)


async def _vision(turn: Turn) -> bool | None:
    snapshot = await catalogue.snapshot()
    try:
        route = snapshot.route_for(turn.caller, str(turn.payload["model"]))
    except GatewayError:
        return None  # the relay raises what is wrong with the model
    return False if pictures_refused.has_refused(route, snapshot.version) else route.vision


@dataclass(slots=True)
class Packing:
    """The room that is left while the files of the messages are packed, the newest message first. Blocking."""

    user_id: int
    vision: bool | None
    characters: InitVar[int]
    pictures: int = MAX_PICTURES
    picture_bytes: int = MAX_PICTURE_BYTES
    shown: int = MAX_SHOWN
    notices: list[str] = field(default_factory=list)  # for the person, about their newest message
    unseen: list[str] = field(default_factory=list)
    documents: DocumentPacking = field(init=False)
    _newest: bool = True
    _user: Any = None

    def __post_init__(self, characters: int) -> None:
        self.documents = DocumentPacking(characters, self._row)

    def pack(self, messages: Sequence[Entry]) -> list[dict[str, Any]]:
        """The messages as they are sent: with the content of their `files` instead of these."""
        self._user = get_user_model()._default_manager.get(pk=self.user_id)
        packed: list[dict[str, Any]] = []
        for message in reversed(_with_shown(messages)):
            plain = {name: value for name, value in message.items() if name != "files"}
            if entries := message.get("files"):
                plain["content"] = self._content(plain.get("content"), entries)
            packed.append(plain)
            self._newest = self._newest and message.get("role") != "user"
        return packed[::-1]

    def _content(self, content: Any, entries: Sequence[Entry]) -> Any:
        shown = [entry for entry in entries if entry.get("shown")]
        own = [entry for entry in entries if not entry.get("shown")]
        seen, unseen = self._pictures([entry for entry in own if _is_picture(entry)])
        before, answer_notes = self._answered(shown)
        texts = self.documents.pack([entry for entry in own if not _is_picture(entry)], self._notice)
        notes = [*answer_notes, *texts, *unseen]
        if isinstance(content, list):
            return [*before, *(_text(note) for note in notes), *content, *seen]
        text = "\n\n".join(part for part in (*notes, content or "") if part.strip())
        return [*before, *([_text(text)] if text else ()), *seen] if before or seen else text

    # --- pictures ---

    def _pictures(self, entries: Sequence[Entry]) -> tuple[list[dict[str, Any]], list[str]]:
        """Parts for the pictures that the model gets, notes for the others."""
        parts: list[dict[str, Any]] = []
        notes: list[str] = []
        for entry in entries:
            if self.vision is False:
                notes.append(f"[The person attached the picture “{name_of(entry)}”. You cannot see pictures.]")
                continue
            part, why = self._part(entry)
            if part is not None:
                parts.append(part)
            else:
                notes.append(f"[The person attached the picture “{name_of(entry)}”. You do not get it: {why}]")
        if self.vision is False and entries and self._newest:
            self.unseen.append(_("This model cannot see pictures. It only got their names."))
        return parts, notes

    def _answered(self, entries: Sequence[Entry]) -> tuple[list[dict[str, Any]], list[str]]:
        """Parts, or notes, for pictures of the answer above."""
        parts: list[dict[str, Any]] = []
        notes: list[str] = []
        for entry in reversed(entries):
            if not self.shown:
                break
            self.shown -= 1
            prompt = str((entry.get("provenance") or {}).get("prompt") or "")[:PROMPT]
            note = "This site showed a picture with your answer above" + (f", drawn from: {prompt}" if prompt else ".")
            part, _why = self._part(entry) if self.vision else (None, "")
            if part is not None:
                parts[:0] = [_text(f"[{note}]"), part]
            else:
                notes.insert(0, f"[{note}]")
        return parts, notes

    def _part(self, entry: Entry) -> tuple[dict[str, Any] | None, str]:
        """A picture as a part of a message, or the reason why it is left out, in words for the model."""
        url = str(entry.get("url") or "")
        if self.pictures and not entry.get("id") and url.startswith(("http://", "https://")):
            self.pictures -= 1
            return _image(url), ""  # the provider fetches public addresses itself
        if not self.pictures or self.picture_bytes <= 0:
            return None, "newer pictures take all the room."
        try:
            content = self._bytes(entry, url)
        except (NotFound, FileNotFoundError):
            return None, "it was deleted."
        except GatewayError as error:
            self._notice(_("“%(name)s” was not sent: %(why)s") % {"name": name_of(entry), "why": error.message})
            return None, "it cannot be read."
        if len(content) > self.picture_bytes:
            self.picture_bytes = 0
            self._notice(_("“%(name)s” was not sent: there are too many pictures at once.") % {"name": name_of(entry)})
            return None, "newer pictures take all the room."
        self.pictures -= 1
        self.picture_bytes -= len(content)
        return _image(f"data:{pictures.sniff(content)};base64,{pybase64.b64encode(content).decode()}"), ""

    def _bytes(self, entry: Entry, url: str) -> bytes:
        if entry.get("id"):
            return files.picture_for_model(self._row(entry))
        try:
            content = pybase64.b64decode(url.partition(",")[2])
        except ValueError as error:
            raise pictures.unreadable() from error
        fitted = pictures.for_model(content)
        return content if fitted is None else fitted

    # --- both ---

    def _row(self, entry: Entry) -> File:
        return access.file_for(self._user, entry.get("id"))

    def _notice(self, notice: str) -> None:
        if self._newest:
            self.notices.append(notice)


def _with_shown(messages: Sequence[Entry]) -> list[Entry]:
    """Move pictures of answers to the person's next message, as `history.as_openai` does for stored ones."""
    moved: list[Entry] = []
    shown: list[Entry] = []
    for message in messages:
        if message.get("role") != "user":
            shown += [{**entry, "shown": True} for entry in message.get("files", ()) if _is_picture(entry)]
            moved.append({name: value for name, value in message.items() if name != "files"})
        elif shown:
            moved.append({**message, "files": [*shown, *message.get("files", ())]})
            shown = []
        else:
            moved.append(message)
    return moved


def _is_picture(entry: Entry) -> bool:
    kind = str(entry.get("content_type") or "")
    return kind != formats.SVG and (kind.startswith("image/") or entry.get("type") == "image")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}
