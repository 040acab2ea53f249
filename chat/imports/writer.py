"""What of an imported chat is new here, and its rows.

Ids are made of the person, the format and the keys that the export gives: the same chat has the same id each time, so
nothing comes twice, however often an export is brought in and whichever process does it.
"""

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat import access, files
from chat.files import FileContext, folders
from chat.files.folders import FolderValues
from chat.imports import values
from chat.imports.values import Asset, ImportedChat, ImportedFolder, ImportedMessage
from chat.models import Chat, File, Folder, Message
from providers.errors import CallerError, NotFound

NAMESPACE = uuid.UUID("5f0c7c1e-5d9c-4c0e-9a44-0f6f1d1f6a53")
BATCH = 500
MAX_TEXTS = 200  # names of files that are looked for in one message
TICK = timedelta(microseconds=1)
OURS = "ours"


@dataclass(slots=True)
class ImportPlan:
    """What bringing in a chat means. `state`: new, grown (messages came since), known (nothing is new), trashed."""

    chat_id: uuid.UUID
    state: str
    new: list[ImportedMessage]
    ids: dict[str, uuid.UUID]  # of all messages of the chat, by their keys
    assets: int = 0
    missing: list[str] = field(default_factory=list)  # names of files that the export does not hold


def plan(user_id: int, format_name: str, chat: ImportedChat) -> ImportPlan:
    """Two queries."""
    chat.messages = in_order(chat.messages)
    key = chat.key or _digest(chat)
    made = uuid.uuid5(NAMESPACE, f"{user_id}:{format_name}:{key}")
    candidates = [made, access.as_uuid(key)] if format_name == OURS else [made]
    row = Chat.objects.filter(pk__in=candidates, user_id=user_id).order_by("created").first()
    chat_id = row.pk if row else made
    ids = {message.key: uuid.uuid5(made, message.key) for message in chat.messages}
    if row is None:
        return ImportPlan(chat_id, "new", chat.messages, ids)
    present = set(Message.objects.filter(chat_id=chat_id).values_list("pk", flat=True))
    for message in chat.messages:
        if format_name == OURS and access.as_uuid(message.key) in present:
            ids[message.key] = access.as_uuid(message.key)
    new = [message for message in chat.messages if ids[message.key] not in present]
    if row.deleted_at is not None:
        return ImportPlan(chat_id, "trashed", [], ids)
    return ImportPlan(chat_id, "grown" if new else "known", new, ids)


def look(made: ImportPlan, own: Callable[[Asset], bool]) -> None:
    """Count the files of the new messages; `own` says whether the bytes of one are there."""
    for message in made.new:
        for asset in message.assets:
            if own(asset):
                made.assets += 1
            else:
                made.missing.append(asset.name)


def bring(
    user: Any,
    made: ImportPlan,
    chat: ImportedChat,
    *,
    beat: Callable[[], None],
    refuse: Callable[[str], None],
    known: dict[str, File | None],
) -> None:
    """Store what is new of a chat. Files first, then all rows in one transaction: a chat comes whole or not at all.

    `refuse` gets why a file was not stored, or a folder not made; `known` keeps what became of files by their origin,
    so that each is read once.
    """
    stored = {message.key: _store(user, message, made, beat, refuse, known) for message in made.new}
    times = _times(chat)
    rows = [_row(message, made, times[message.key], stored[message.key]) for message in made.new]
    with transaction.atomic():
        if made.state == "new":
            Chat.objects.create(
                pk=made.chat_id,
                user_id=user.pk,
                title=chat.title,
                title_is_own=bool(chat.title),
                model=chat.model,
                rules=chat.rules,
                folder=_folder(user, chat.folder, refuse),
                created=min(times.values(), default=timezone.now()),
                updated=min(chat.updated or max(times.values(), default=timezone.now()), timezone.now()),
                archived_at=timezone.now() if chat.archived else None,
                pinned_at=timezone.now() if chat.pinned and not chat.archived else None,
            )
        Message.objects.bulk_create(rows, batch_size=BATCH)
        for row in rows:
            row.chat = Chat(pk=made.chat_id)
        for message, row in zip(made.new, rows, strict=True):
            if stored[message.key]:
                files.attach([file for _asset, file in stored[message.key]], row)
        _show(made, chat)


def _folder(user: Any, wanted: ImportedFolder | None, refuse: Callable[[str], None]) -> Folder | None:
    """The folder of a new chat; None where the export does not say its name, or there is no room for it."""
    if wanted is None:
        return None
    try:
        return access.folder_for(user, wanted.id)
    except NotFound:
        pass
    try:
        return folders.named(user, FolderValues(wanted.name, wanted.prompt)) if wanted.name else None
    except CallerError as error:
        refuse(error.message)
        return None


def _show(made: ImportPlan, chat: ImportedChat) -> None:
    """Show the branch that was shown there, unless the person went on here since."""
    row = Chat.objects.select_for_update().get(pk=made.chat_id)
    leaf = made.ids.get(chat.leaf or "") or (made.ids[chat.messages[-1].key] if chat.messages else None)
    parents = {made.ids[message.key]: made.ids.get(message.parent or "") for message in chat.messages}
    above = leaf
    while above is not None and above != row.leaf_id:
        above = parents.get(above)
    if row.leaf_id is None or above == row.leaf_id:
        row.leaf_id = leaf
        row.save(update_fields=["leaf"])


def in_order(messages: list[ImportedMessage]) -> list[ImportedMessage]:
    """Each message once, behind its parent. A parent that is not there is none; a circle is cut."""
    by_key: dict[str, ImportedMessage] = {}
    for message in messages:
        by_key.setdefault(message.key, message)
    below: dict[str | None, list[ImportedMessage]] = {}
    for message in by_key.values():
        message.parent = message.parent if message.parent in by_key and message.parent != message.key else None
        below.setdefault(message.parent, []).append(message)
    ordered: list[ImportedMessage] = []
    done: set[str] = set()
    todo = list(reversed(below.get(None, [])))
    rest = iter(list(by_key.values()))
    while len(ordered) < len(by_key):
        if not todo:
            cut = next(message for message in rest if message.key not in done)
            cut.parent = None
            todo = [cut]
        message = todo.pop()
        if message.key in done:
            continue
        done.add(message.key)
        ordered.append(message)
        todo += reversed(below.get(message.key, []))
    return ordered


def _times(chat: ImportedChat) -> dict[str, datetime]:
    """When each message was written; one without a time comes right after the one above it."""
    now = timezone.now()
    times: dict[str, datetime] = {}
    for number, message in enumerate(chat.messages):
        above = times.get(message.parent or "")
        guess = above + TICK if above else min(chat.created or now, now) + number * TICK
        times[message.key] = min(message.created, now) if message.created else guess
    return times


def _row(message: ImportedMessage, made: ImportPlan, created: datetime, stored: list[tuple[Asset, File]]) -> Message:
    pages = message.sources[: values.MAX_SOURCES]
    steps = [{"description": "", "done": True, "sources": pages}] if pages else []
    return Message(
        pk=made.ids[message.key],
        chat_id=made.chat_id,
        parent_id=made.ids.get(message.parent or ""),
        role=message.role,
        content=_relocated(message.content, {asset.text: file.url for asset, file in stored if asset.text}),
        reasoning=message.reasoning[: values.MAX_CHARACTERS],
        model=message.model,
        status=message.status,
        status_history=steps,
        files=[{**files.file_json(file), "expires_at": None} for _asset, file in stored],
        created=created,
        **message.more,
    )


def _relocated(content: str, addresses: dict[str, str]) -> str:
    """The text with the addresses here in place of what stands for the files there: a longer one before its beginning,
    and never inside of what was put in.
    """
    texts = sorted(addresses, key=len, reverse=True)[:MAX_TEXTS]
    if not texts:
        return content[: values.MAX_CHARACTERS]
    return values.replaced(content, re.compile("|".join(map(re.escape, texts))), lambda text: addresses[text])


def _store(
    user: Any,
    message: ImportedMessage,
    made: ImportPlan,
    beat: Callable[[], None],
    refuse: Callable[[str], None],
    known: dict[str, File | None],
) -> list[tuple[Asset, File]]:
    """The files of a message. They expire unless their message is stored, too."""
    stored = []
    upload = files.upload_context()
    for asset in message.assets:
        beat()
        earlier = known.get(asset.origin)
        content = None if asset.origin in known else asset.read()
        context = FileContext(expires_at=upload.expires_at, provenance=asset.provenance)
        row: File | None = None
        try:
            if earlier is not None:
                row = files.copy_for(user, earlier, context=context)
            elif content is not None:
                row = files.accept(user, content, name=asset.name, context=context)
        except (CallerError, NotFound) as error:
            refuse(error.message)
        if asset.origin:
            known[asset.origin] = row
        if row is None:
            made.missing.append(asset.name)
        else:
            stored.append((asset, row))
    made.assets += len(stored)
    return stored


def _digest(chat: ImportedChat) -> str:
    """A key for a chat to which the export gives none."""
    first = chat.messages[0] if chat.messages else None
    text = f"{chat.title}\0{chat.created}\0{first.key if first else ''}\0{first.content if first else ''}"
    return hashlib.sha256(text.encode()).hexdigest()
