"""A picture job of a turn: its progress becomes status lines, its pictures become files of the answer.

Used by the handler, for a turn with pictures switched on, and by the tools that a model calls.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from django.utils.translation import gettext as _

from chat import access as chat_access
from chat import files, history
from chat.loop import in_thread
from chat.models import File, Message
from chat.pipeline import Turn
from imagegen import jobs, services
from imagegen.models import ImageJob
from providers.process import waiting

FEED_SECONDS = 1.0  # how often it is checked that the job has not ended unnoticed


async def draw(turn: Turn, request: services.JobRequest) -> tuple[ImageJob, list[File]]:
    """Draw or edit, tell the progress, show the pictures; returns the job and its pictures.

    Raises what `services.request_images` and the engine raise. A turn that is stopped stops the engine too.
    """
    requesting = asyncio.ensure_future(waiting.in_own_thread(services.request_images, request))
    try:
        job, _new = await asyncio.shield(requesting)
        await _watch(turn, job)
    except asyncio.CancelledError:
        await asyncio.shield(_cancel(requesting))
        raise
    job = await jobs.ended(job)
    try:
        drawn = await in_thread(services.finished_files, job)
    finally:
        await in_thread(services.forget_job, job)
    await turn.add_files([event_file(row) for row in drawn])
    return job, drawn


def last_words(turn: Turn) -> str:
    """The person's last text: a message that has only pictures does not say what to draw."""
    asked = (message.get("content") for message in reversed(turn.messages) if message["role"] == "user")
    return next((text for content in asked if (text := history.text_of(content).strip())), "")


def event_file(row: File) -> Any:
    """A file in the form of the `files` event."""
    file = files.file_json(row)
    if "seed" in row.provenance:  # as text: JavaScript would round large numbers
        file["provenance"] = {**row.provenance, "seed": str(row.provenance["seed"])}
    names = ("type", "url", "id", "name", "content_type", "width", "height", "provenance")
    return {name: file[name] for name in (*names, *(["expires_at"] if row.expires_at else []))}


# --- in a thread ------------------------------------------------------------------------------------------------------


def answer_of(turn: Turn) -> Message | None:
    """The stored answer of this turn, when it belongs to the turn's person; None for a turn without one."""
    own = Message.objects.select_related("chat").filter(chat__user_id=turn.caller.user_id)
    return own.filter(pk=chat_access.as_uuid(turn.message_id)).first()


def context_of(turn: Turn, answer: Message | None) -> files.FileContext:
    """What the files that are made in this turn belong to."""
    return files.FileContext(
        chat=answer.chat if answer else None,
        message=answer,
        session_id=str(turn.session_id or ""),
        expires_at=turn.files_expire_at,
    )


def pictures_shown(turn: Turn, branch: Iterable[Message]) -> list[list[str]]:
    """The names (URLs or ids) of the pictures of each message that has some, in order; each picture once.

    A picture may stand in a message as type `image` or as type `file`. Without a stored branch, the files are those of
    the request.
    """
    by_message: list[Sequence[Mapping[str, Any]]] = [message.files for message in branch]
    if not by_message:
        in_messages = [message["files"] for message in turn.messages if isinstance(message.get("files"), list)]
        by_message = [*(turn.shown or in_messages), turn.files]
    pictures, seen = list[list[str]](), set[str]()
    for entries in by_message:
        names = [name for entry in entries if _is_picture(entry) and (name := _name(entry)) not in seen]
        seen.update(names)  # the files of a request are files of its last message too
        if names:
            pictures.append(names)
    return pictures


def _is_picture(entry: Mapping[str, Any]) -> bool:
    return entry.get("type") == "image" or str(entry.get("content_type", "")).startswith("image/")


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("url") or entry.get("id") or "")


async def _cancel(requesting: "asyncio.Future[tuple[ImageJob, bool]]") -> None:
    """Cancel the job, also one whose row is just being written."""
    await asyncio.wait((requesting,))
    if not requesting.cancelled() and requesting.exception() is None:
        await in_thread(jobs.cancel, requesting.result()[0])


# --- watching ---------------------------------------------------------------------------------------------------------


async def _watch(turn: Turn, job: ImageJob) -> None:
    """Tell the job's moves as status events until it ends."""
    feed = jobs.feed_of(job.pk)
    if feed is None:
        return
    async with aclosing(feed.moves(patience=FEED_SECONDS)) as moves:
        async for move in moves:
            kind, data = move or ("", {})
            if kind == "progress":
                await turn.emit("status", {"description": _("Creating image"), "done": False, **_progress(data)})
            elif kind == "notice":
                await turn.emit("status", {"description": data["text"], "done": True})


def _progress(data: Mapping[str, Any]) -> dict[str, Any]:
    names = {"fraction": "progress", "step": "step", "total": "total", "queue": "queue", "preview": "preview"}
    return {shown: data[name] for name, shown in names.items() if data.get(name) is not None}
