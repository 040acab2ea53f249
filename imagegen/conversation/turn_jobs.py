"""A picture job of a turn: its progress becomes status lines, its pictures become files of the answer.

Used by the handler, for a turn with pictures switched on, and by the tools that a model calls.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from chat import access as chat_access
from chat import files, history, loop
from chat.loop import in_thread
from chat.models import File, Message
from chat.pipeline import Turn
from imagegen import jobs, services
from imagegen.models import ImageJob
from providers.process import waiting
from providers.sentences import sentence as _

FEED_SECONDS = 1.0  # how often it is checked that the job has not ended unnoticed


async def draw(turn: Turn, request: services.JobRequest) -> tuple[ImageJob, list[File]]:
    """Draw or edit, tell the progress, show the pictures; returns the job and its pictures.

    Raises what `services.request_images` and the engine raise. A turn that is stopped stops the engine too.
    """
    job = await _taken_over(turn, request)
    if job is None:
        requesting = asyncio.ensure_future(waiting.in_own_thread(services.request_images, request))
        job = await _until_ended(turn, requesting)
    try:
        drawn = await in_thread(services.finished_files, job)
    finally:
        await in_thread(services.forget_job, job)
    await turn.add_files([jobs.event_file(row) for row in drawn])
    return job, drawn


async def _taken_over(turn: Turn, request: services.JobRequest) -> ImageJob | None:
    """The job of an interrupted answer to the same question, if it ends well. To draw again would be paid for twice."""
    job = await in_thread(_take_over, turn, request)
    if job is None:
        return None
    requesting = asyncio.get_running_loop().create_future()
    requesting.set_result((job, False))
    job = await _until_ended(turn, requesting)
    return job if job.state == ImageJob.State.SUCCEEDED else None


async def _until_ended(turn: Turn, requesting: "asyncio.Future[tuple[ImageJob, bool]]") -> ImageJob:
    """Report the progress of a requested job until it has ended. A turn that is stopped stops the engine too. When the
    process ends, another process takes the job over, and the job's end shows the pictures.
    """
    try:
        job, _new = await asyncio.shield(requesting)
        await _watch(turn, job)
        return await jobs.ended(job)
    except asyncio.CancelledError:
        if not loop.is_ending():
            await asyncio.shield(_cancel(requesting))
        raise


def last_words(turn: Turn) -> str:
    """The person's last text: a message that has only pictures does not say what to draw."""
    asked = (message.get("content") for message in reversed(turn.messages) if message["role"] == "user")
    return next((text for content in asked if (text := history.text_of(content).strip())), "")


# --- in a thread ------------------------------------------------------------------------------------------------------


def answer_of(turn: Turn) -> Message | None:
    """The stored answer of this turn, when it belongs to the turn's person; None for a turn without one."""
    own = Message.objects.select_related("chat").filter(chat__user_id=turn.caller.user_id)
    return own.filter(pk=chat_access.as_uuid(turn.message_id)).first()


def _take_over(turn: Turn, request: services.JobRequest) -> ImageJob | None:
    """Assign the open job of an interrupted answer to the same question and request to this answer."""
    answer = request.context.message
    if answer is None or answer.parent_id is None:
        return None
    of_siblings = ImageJob.objects.open().filter(
        user_id=turn.caller.user_id,
        cancel_requested=False,
        message__parent_id=answer.parent_id,
        message__status=Message.Status.INTERRUPTED,
    )
    for job in of_siblings.exclude(message=answer).select_related("engine").order_by("-created"):
        taken = ImageJob.objects.open().filter(pk=job.pk, message__status=Message.Status.INTERRUPTED)
        if _asks_for(job, request) and taken.update(message=answer):
            job.message = answer
            return job
    return None


def _asks_for(job: ImageJob, request: services.JobRequest) -> bool:
    """Whether a job came of the same words, for the same purpose and the same engine if one is named."""
    values, engine = request.values, str(request.values.get("engine") or "")
    words = values.get("original_prompt") or values.get("prompt")
    named = job.engine is not None and engine in (str(job.engine.pk), job.engine.name)
    return (
        words == (job.request.get("original_prompt") or job.prompt)
        and bool(request.images) == bool(job.input_order)
        and (not engine or named)
    )


def context_of(turn: Turn, answer: Message | None) -> files.FileContext:
    """The file context of this turn."""
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
    """Send the job's progress as status events until it ends."""
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
