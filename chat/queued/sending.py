"""The sending of queued messages: the first one becomes a message once nothing runs and the last answer ended well.

Its row goes and the message comes in one transaction under the lock of the chat, so each is sent once, whichever
processes try. After an answer that was stopped, failed or lost, and after a refusal, the queue is held: its person
sends the next one, or the next good answer does.
"""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from functools import partial

from django.db import transaction

from chat import choice, events, exchanges, loop, runs, services
from chat.models import Chat, Message, QueuedMessage
from chat.pipeline import CompletionRequest
from providers import callers, relay
from providers.errors import GatewayError
from providers.facts import Caller
from providers.process import waiting

TRIES = 3  # how often the first message is read anew, because somebody changed or sent it meanwhile


class _Moved(Exception):
    """The message that was read is not the one to send any more."""


async def advance(chat_id: uuid.UUID, *, after_answer: bool = False, cookies: Mapping[str, str] | None = None) -> None:
    """Send the first message of a chat's queue if it is its turn; a refusal is kept with it. Raises no GatewayError.

    `after_answer`: an answer has just ended, which may let a held queue go on. `cookies` are those of its person.
    """
    for _try in range(TRIES):
        if loop.is_ending():
            return
        row = await loop.in_thread(_next, chat_id, after_answer)
        if row is None:
            return
        try:
            request, models = await loop.in_thread(_request_of, row, cookies or {})
            await waiting.in_own_thread(_check_room, request.caller, models)
            await loop.in_thread(_send, row, request, after_answer)
        except _Moved:
            continue
        except GatewayError as error:
            await loop.in_thread(_refuse, row, error)
        return


def advance_soon(chat_id: uuid.UUID, *, cookies: Mapping[str, str] | None = None) -> None:
    """`advance` from synchronous code, after the commit."""
    work = partial(advance, chat_id, cookies=cookies)
    transaction.on_commit(partial(loop.spawn, work, name=f"queue of {chat_id}"))


def look(chat: Chat) -> None:
    """Before a queue is shown: hold it where its answer did not end well; send what a killed process left behind."""
    if _next(chat.pk, after_answer=False) is not None:
        advance_soon(chat.pk)


def send_after(chat: Chat, running: Sequence[uuid.UUID], *, cookies: Mapping[str, str]) -> None:
    """Send the first message of the queue, which is urgent, at once; answers that run are stopped, their texts stay."""
    for message_id in running:
        runs.stop(message_id)
    if running:  # the end of its reply sends it, when its text is saved; unless its process has died
        loop.spawn(partial(_advance_later, chat.pk), name=f"queue of {chat.pk}")
    else:
        advance_soon(chat.pk, cookies=cookies)


def tell(chat: Chat) -> None:
    services.tell(chat, "chat:queue", {})


# --- Inside -----------------------------------------------------------------------------------------------------------


async def _advance_later(chat_id: uuid.UUID) -> None:
    await asyncio.sleep(runs.STALE_SECONDS + 1)
    await advance(chat_id)


def _next(chat_id: uuid.UUID, after_answer: bool) -> QueuedMessage | None:
    """The message whose turn it is, with its chat and person; None when none is. Holds the queue where it has to wait
    for its person.
    """
    if not QueuedMessage.objects.filter(chat=chat_id).exists():
        return None
    chat = Chat.objects.select_related("user").filter(pk=chat_id, deleted_at=None).first()
    if chat is None:
        return None
    services.settle_stale(chat)
    with transaction.atomic():
        return _turn(chat, after_answer)


def _turn(chat: Chat, after_answer: bool) -> QueuedMessage | None:
    first = chat.queued.first()
    if first is None or chat.messages.filter(status__in=Message.RUNNING).exists():
        return None
    first.chat = chat
    if first.is_urgent:
        return first
    last = Message.objects.only("status").get(pk=chat.leaf_id) if chat.leaf_id else None
    if last is not None and last.status != Message.Status.DONE:
        _hold(chat)
        return None
    return first if after_answer or not first.is_held else None


def _hold(chat: Chat) -> None:
    if chat.queued.filter(is_held=False).update(is_held=True):
        tell(chat)


def _request_of(row: QueuedMessage, cookies: Mapping[str, str]) -> tuple[CompletionRequest, list[str]]:
    """The request as its person would make it now, and the models that would answer.

    Raises Unauthenticated, NotFound (model), ConfigurationError.
    """
    caller = callers.caller_of_work(row.chat.user, key_id=row.client_key, sign_in=row.sign_in)
    options = {**row.options, "models": tuple(row.options.get("models", ()))}
    request = CompletionRequest(caller, dict(cookies), **options)
    named = request.models or (request.model,)
    return request, [choice.model_for(caller, model, chat_model=row.chat.model) for model in named]


def _check_room(caller: Caller, models: Sequence[str]) -> None:
    """Raise what the calls would raise because of a limit: a message that is refused stays in the queue."""
    for model in models:
        relay.check_room(caller, model)


def _send(row: QueuedMessage, request: CompletionRequest, after_answer: bool) -> None:
    """Make it a message with an answer. Raises _Moved, and as `exchanges.add_message`."""
    exchanges.add_message(
        row.chat,
        request,
        content=row.content,
        files=row.files,
        message_id=row.pk,
        claim=partial(_claim, row, after_answer),
    )
    if QueuedMessage.objects.filter(pk=row.pk).delete()[0]:  # it was sent before, by the same id
        tell(row.chat)


def _claim(row: QueuedMessage, after_answer: bool, chat: Chat) -> None:
    first = _turn(chat, after_answer)
    if first is None or (first.pk, first.changed) != (row.pk, row.changed) or chat.deleted_at is not None:
        raise _Moved
    first.delete()
    chat.queued.update(is_held=False)  # they wait for the new answer
    tell(chat)


def _refuse(row: QueuedMessage, error: GatewayError) -> None:
    with transaction.atomic():
        chat = services.locked(row.chat)
        values = {"error": events.plain(error.message_body()), "is_urgent": False}
        if chat.queued.filter(pk=row.pk).update(**values):
            chat.queued.update(is_held=True)
            tell(chat)
