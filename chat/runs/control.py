"""Start, stop and resume a reply from any thread of any process; what happens to replies when a process ends.

The process that runs a reply has it in `Replies`. Others reach it through the channel group `run.{message id}`. A stop
arrives without the channel layer too: it is written into the row, which the reply saves every second.
"""

import asyncio
import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from channels.layers import get_channel_layer
from django.db import transaction
from django.db.models import QuerySet

from chat import access, events, loop, tasks
from chat.models import Message
from chat.pipeline import CompletionRequest
from chat.runs import store, temporary
from chat.runs.draft import AnswerDraft, snapshot_of
from chat.runs.reply import RunningReply
from chat.tools import approvals
from providers import runtime
from providers.errors import Conflict, NotFound
from providers.sentences import sentence as _

logger = logging.getLogger(__name__)


class Replies:
    """The replies of this process, by message."""

    def __init__(self) -> None:
        self.running: dict[uuid.UUID, RunningReply] = {}
        # Replies of other processes, whose rows are read again when the next heartbeat is due.
        self.watched: set[uuid.UUID] = set()

    def close(self) -> None:
        """Mark replies as interrupted that are still running: daphne ends without notice, and no loop runs any more."""
        for reply in list(self.running.values()):
            if reply.draft.is_over:
                continue
            reply.draft.status = Message.Status.INTERRUPTED
            try:
                reply.store.save_end(reply.draft.row(), [])
            except Exception:  # the process ends: the row is settled by the next process that reads it
                logger.warning("Reply %s could not be marked as interrupted", reply.id, exc_info=True)


def start(answer: Message, request: CompletionRequest) -> None:
    """Run the reply of a pending answer as a task of this process; from synchronous or asynchronous code.

    The model gets the messages of the request; without any, the branch that leads to the answer.
    """
    draft = AnswerDraft.of(answer, for_admin=request.caller.is_admin) if request.continues else None
    row = store.RowStore(answer.pk, answer.chat_id, part=answer.options.get("parts", 1))
    start_in(row, request, draft=draft)


def start_in(reply_store: store.ReplyStore, request: CompletionRequest, *, draft: AnswerDraft | None = None) -> None:
    """Run a reply as `start` does, wherever it is stored.

    It rests on the account and not on the session that began it: who changes the password reads on.
    """
    request = replace(request, caller=replace(request.caller, proof=""))
    tasks.give_up_follow_ups(reply_store.chat_id)
    reply = RunningReply(reply_store, request, loop.current(), draft=draft)
    runtime.state(Replies).running[reply.id] = reply
    loop.spawn(lambda: _run(reply), name=f"reply {reply.id}", on=reply.loop)


def stop(message_id: uuid.UUID) -> None:
    """Stop a reply wherever it runs; its text stays. From synchronous code. Harmless when it is over."""
    reply = runtime.state(Replies).running.get(message_id)
    if reply is not None:
        reply.loop.call_soon_threadsafe(reply.stop)
    elif store.mark_stopped(message_id):
        loop.spawn(lambda: _ask_owner(message_id, {"type": "stop"}), name=f"stop of {message_id}")


def stop_own(user_id: int, message_id: uuid.UUID) -> bool:
    """Stop a person's reply that this process runs, or of a temporary chat; False when they have no such reply."""
    reply = runtime.state(Replies).running.get(message_id)
    if reply is not None and reply.user_id == user_id:
        stop(message_id)
    elif temporary.owner_of(message_id) == user_id:
        loop.spawn(lambda: _tell_owner(message_id, {"type": "stop"}), name=f"stop of {message_id}")
    else:
        return False
    return True


def decide(user: access.Person, message_id: uuid.UUID, question: str, decision: approvals.Decision) -> None:
    """Answer the question that a person's reply waits for, wherever it runs. Harmless when it waits for none.

    Raises NotFound when the message is not theirs, Conflict when its reply is over.
    """
    reply = runtime.state(Replies).running.get(message_id)
    is_own = reply is not None and reply.user_id == user.pk
    if not is_own and temporary.owner_of(message_id) != user.pk:
        is_over = not access.message_for(user, message_id).is_running
    else:
        is_over = reply is not None and reply.draft.is_over
    if is_over:
        raise Conflict(_("This answer does not wait any more."), code="not_waiting")
    if not approvals.decide(str(message_id), question, decision):
        request = {"type": "decision", "question": question, "decision": decision}
        loop.spawn(lambda: _tell_owner(message_id, request), name=f"decision for {message_id}")


def running_in(user_id: int, chat_id: str) -> list[uuid.UUID]:
    """The replies of a person's temporary chat that run in this process."""
    running = list(runtime.state(Replies).running.values())
    return [
        reply.id
        for reply in running
        if reply.user_id == user_id and reply.chat_id == chat_id and not reply.draft.is_over
    ]


def knows(message_id: uuid.UUID) -> bool:
    """Whether this process runs a reply with this id, or ran it a moment ago."""
    return message_id in runtime.state(Replies).running


def is_strangers(reply_id: uuid.UUID, user_id: int) -> bool:
    """Whether a temporary reply with this id is another person's, in any process."""
    return temporary.owner_of(reply_id) not in (None, user_id)


async def resume(user: access.Person, message_id: object, *, channel: str) -> None:
    """Send a snapshot of the message to one socket, from the process that runs its reply; events follow as usual.

    Raises NotFound when the message is not theirs.
    """
    reply = runtime.state(Replies).running.get(access.as_uuid(message_id))
    if reply is not None and reply.user_id == user.pk:
        await reply.send_snapshot(channel)
        return
    try:
        message = await loop.in_thread(_read, user, message_id)
    except NotFound:
        reply_id = access.as_uuid(message_id)
        if await loop.in_thread(temporary.owner_of, reply_id) != user.pk:
            raise
        await _tell_owner(reply_id, {"type": "snapshot", "to": channel})
        return
    if message.is_running:
        await _ask_owner(message.pk, {"type": "snapshot", "to": channel})
    else:
        await events.send_to(channel, await _packed(message))


def _running_ids() -> Collection[uuid.UUID]:
    return runtime.state(Replies).running.keys()


def settle(messages: QuerySet[Message]) -> None:
    """Mark those of `messages` that no process runs any more as `interrupted`, and tell their owners' tabs."""
    for message in store.interrupt_lost(messages, alive=_running_ids()):
        transaction.on_commit(partial(loop.spawn, partial(_tell_people, message), name=f"settling of {message.pk}"))


def add_result(message_id: uuid.UUID, *, files: Sequence[Any], step: dict[str, Any]) -> None:
    """Show what was made for an answer whose reply was interrupted: the person's tabs are told of it.

    Nothing happens while the reply runs, or when it has shown the result itself. Blocking.
    """
    settle(Message.objects.filter(pk=message_id))
    message = store.add_result(message_id, files=files, step=step)
    if message is not None:
        transaction.on_commit(partial(loop.spawn, partial(_tell_result, message.pk), name=f"result of {message_id}"))


async def until_over() -> None:
    """Return once every reply of this loop has ended and is saved."""
    here = asyncio.get_running_loop()
    replies = list(runtime.state(Replies).running.values())
    await asyncio.gather(*(reply.ended.wait() for reply in replies if reply.loop is here))


async def shutdown() -> None:
    """End every reply of this loop as interrupted, and save its text so far."""
    await loop.end_all()


# --- Inside -----------------------------------------------------------------------------------------------------------


async def _run(reply: RunningReply) -> None:
    listener = asyncio.create_task(_listen(reply))
    try:
        await reply.run()
        if not reply.is_told:
            loop.spawn(partial(_tell_end, reply), name=f"end of {reply.id}")
        await asyncio.sleep(reply.store.linger)
    finally:
        running = runtime.state(Replies).running
        if running.get(reply.id) is reply:  # and not the one that continues its answer
            del running[reply.id]
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
    await reply.store.after_end(reply.request, reply.draft.status)


async def _listen(reply: RunningReply) -> None:
    """Serve the requests of other processes: `{"type": "stop"}`, `{"type": "snapshot", "to": channel}`,
    `{"type": "decision", "question", "decision"}`.
    """
    layer = get_channel_layer()
    try:
        channel = await layer.new_channel()
        await layer.group_add(_group(reply.id), channel)
        try:
            while True:
                message = await layer.receive(channel)
                if message["type"] == "stop":
                    reply.stop()
                elif message["type"] == "decision":
                    approvals.decide(str(reply.id), message["question"], message["decision"])
                else:
                    await reply.send_snapshot(message["to"])
        finally:
            await layer.group_discard(_group(reply.id), channel)
    except Exception as error:  # each channel layer has errors of its own; a stop still arrives through the row
        events.log_trouble("Reply %s does not hear other processes: %s", reply.id, error=error)


def _group(message_id: uuid.UUID) -> str:
    return f"run.{message_id}"


async def _tell_owner(message_id: uuid.UUID, request: dict[str, str]) -> None:
    """Send a request to the process that runs a reply."""
    try:
        async with asyncio.timeout(events.SEND_SECONDS):
            await get_channel_layer().group_send(_group(message_id), request)
    except Exception as error:
        events.log_trouble("The owner of reply %s was not reached: %s", message_id, error=error)


async def _ask_owner(message_id: uuid.UUID, request: dict[str, str]) -> None:
    """Send a request to the process that runs a reply. Should that have died unnoticed, the tabs are told when its
    heartbeat has been missed.
    """
    await _tell_owner(message_id, request)
    watched = runtime.state(Replies).watched
    if message_id not in watched:
        watched.add(message_id)
        loop.spawn(partial(_watch, message_id), name=f"watch of {message_id}")


async def _watch(message_id: uuid.UUID) -> None:
    try:
        await asyncio.sleep(store.STALE_SECONDS + 1)
        message = await loop.in_thread(_read_settled, message_id)
    finally:
        runtime.state(Replies).watched.discard(message_id)
    if message is not None and not message.is_running:
        await _tell_people(message)


async def _tell_end(reply: RunningReply) -> None:
    await events.emit_end(reply.user_id, await reply.snapshot())


async def _tell_people(message: Message) -> None:
    await events.emit_end(message.chat.user_id, await _packed(message))


async def _tell_result(message_id: uuid.UUID) -> None:
    """Send the settled message to tabs that wait for its end, and have tabs that show it as interrupted reload it."""
    message = await loop.in_thread(_read_settled, message_id)
    if message is not None:
        await _tell_people(message)
        data = {"chat_id": str(message.chat_id)}
        await events.emit(message.chat.user_id, type="chat:messages", data=data, chat_id=message.chat_id)


async def _packed(message: Message) -> str:
    size = len(message.content) + len(message.reasoning)
    data = snapshot_of(message)
    return await events.pack_large(size, "snapshot", data, chat_id=message.chat_id, message_id=message.pk, seq=0)


def _read(user: access.Person, message_id: object) -> Message:
    message = access.message_for(user, message_id)
    store.interrupt_lost(Message.objects.filter(pk=message.pk), alive=_running_ids())
    return access.message_for(user, message.pk)


def _read_settled(message_id: uuid.UUID) -> Message | None:
    rows = Message.objects.filter(pk=message_id)
    store.interrupt_lost(rows, alive=_running_ids())
    return rows.select_related("chat__user").first()
