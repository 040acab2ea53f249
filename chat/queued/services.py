"""The verbs of a chat's queue. Each locks the chat, so that sending and changing a message come one after the other."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from chat import access, choice, files, services
from chat.models import Chat, Message, QueuedMessage
from chat.pipeline import CompletionRequest
from chat.queued import sending
from providers import stored_errors
from providers.errors import BadRequest, Conflict, NotFound
from providers.sentences import sentence as _

MAX_QUEUED = 20  # messages of one chat
# What a queued message keeps of a request, and what it is for rows without it.
OPTIONS: Mapping[str, Any] = {"model": "", "models": [], "features": {}, "params": {}, "once": False}


class QueueFull(Conflict):
    code = "queue_full"


def queued_for(chat: Chat, queued_id: object) -> QueuedMessage:
    """A message of the chat's queue. Raises NotFound, also when it was sent."""
    row = chat.queued.filter(pk=access.as_uuid(queued_id)).first()
    if row is None:
        raise _gone()
    row.chat = chat
    return row


def add(
    chat: Chat,
    request: CompletionRequest,
    *,
    content: str,
    file_ids: Sequence[str] = (),
    message_id: uuid.UUID | None = None,
    position: int | None = None,
) -> QueuedMessage:
    """Put a message at the end of the queue, or at a place. It is sent at once where nothing runs and nothing is held.

    Called again with the same `message_id`, it returns the same row. Raises NotFound (model, file), QueueFull,
    Conflict (`id_taken`).
    """
    if message_id is not None and (before := chat.queued.filter(pk=message_id).first()):
        return before
    _check(chat, request.caller, [*request.models, request.model], file_ids)
    with transaction.atomic():
        chat = services.locked(chat)
        if chat.queued.count() >= MAX_QUEUED:
            words = _("%(n)d messages wait in this chat already. Take one away, or wait until one is sent.")
            raise QueueFull(words % {"n": MAX_QUEUED})
        if message_id is not None and (
            Message.objects.filter(pk=message_id).exists() or QueuedMessage.objects.filter(pk=message_id).exists()
        ):
            raise Conflict(_("This message id is already in use."), code="id_taken")
        first = chat.queued.first()
        row = QueuedMessage.objects.create(
            id=message_id or uuid.uuid4(),
            chat=chat,
            position=(chat.queued.aggregate(last=Max("position"))["last"] or 0) + 1,
            content=content,
            files=[str(access.as_uuid(pk)) for pk in file_ids],
            options={name: getattr(request, name) for name in OPTIONS},
            sign_in=request.caller.sign_in,
            client_key=request.caller.key_id,
            is_held=first is not None and first.is_held,
        )
        if position is not None:
            _move(chat, row, position)
        sending.tell(chat)
        sending.advance_soon(chat.pk, cookies=request.cookies)
    return row


def change(
    row: QueuedMessage,
    caller: Any,
    *,
    content: str | None = None,
    file_ids: Sequence[str] | None = None,
    position: int | None = None,
    **options: Any,
) -> QueuedMessage:
    """Change what is given: text, files, options of the request, or the place (0 is the first).

    Raises NotFound (sent meanwhile, model, file), BadRequest for a message without text and files.
    """
    _check(row.chat, caller, [*options.get("models", ()), options.get("model", "")], file_ids or ())
    with transaction.atomic():
        chat = services.locked(row.chat)
        row = _again(chat, row)
        if content is not None:
            row.content = content
        if file_ids is not None:
            row.files = [str(access.as_uuid(pk)) for pk in file_ids]
        if not row.content.strip() and not row.files:
            raise BadRequest(_("Write something, or attach a file."), param="content")
        row.options = {**row.options, **options}
        if content is not None or file_ids is not None or options:
            row.error, row.changed = None, timezone.now()
        row.save()
        if position is not None:
            _move(chat, row, position)
        sending.tell(chat)
    return row


def drop(row: QueuedMessage) -> None:
    """Take a message away. Raises NotFound when it was sent meanwhile."""
    with transaction.atomic():
        chat = services.locked(row.chat)
        _again(chat, row).delete()
        sending.tell(chat)


def send_now(row: QueuedMessage, cookies: Mapping[str, str]) -> QueuedMessage:
    """Send a message before the others, at once: an answer that runs is stopped, and its text stays.

    Raises NotFound when it was sent meanwhile. What refuses it is kept with it.
    """
    with transaction.atomic():
        chat = services.locked(row.chat)
        row = _again(chat, row)
        row.is_urgent, row.is_held, row.error, row.changed = True, False, None, timezone.now()
        row.save()
        _move(chat, row, 0)
        # Read in the lock: what begins afterwards is this message's own answer.
        running = list(chat.messages.filter(status__in=Message.RUNNING).values_list("pk", flat=True))
        sending.tell(chat)
    sending.send_after(chat, running, cookies=cookies)
    return row


def shown(chat: Chat) -> list[dict[str, Any]]:
    """The queue of a chat as JSON, in order, with those of the files that are still there."""
    sending.look(chat)
    return shapes(chat, list(chat.queued.all()))


def shapes(chat: Chat, rows: Sequence[QueuedMessage]) -> list[dict[str, Any]]:
    """Queued messages as JSON. One query for all their files."""
    present = files.present({chat.user_id}, [pk for row in rows for pk in row.files])
    return [
        {
            "id": str(row.pk),
            "content": row.content,
            "files": [present[pk] for pk in row.files if pk in present],
            **{name: row.options.get(name, usual) for name, usual in OPTIONS.items()},
            "is_held": row.is_held,
            "is_urgent": row.is_urgent,
            "error": stored_errors.for_owner(row.error, lambda: chat.user),
            "created": row.created.isoformat(),
        }
        for row in rows
    ]


def _check(chat: Chat, caller: Any, models: Sequence[str], file_ids: Sequence[str]) -> None:
    """Raise NotFound for a model or a file that its person may not use."""
    for model in filter(None, models):
        choice.model_for(caller, model)
    for file_id in file_ids:
        access.own_file_for(chat.user, file_id)


def _again(chat: Chat, row: QueuedMessage) -> QueuedMessage:
    """The row as it is now, in the lock of its chat. Raises NotFound."""
    return queued_for(chat, row.pk)


def _move(chat: Chat, row: QueuedMessage, position: int) -> None:
    rows = list(chat.queued.exclude(pk=row.pk))
    rows.insert(position, row)
    for number, other in enumerate(rows):
        other.position = number
    QueuedMessage.objects.bulk_update(rows, ["position"])


def _gone() -> NotFound:
    return NotFound(_("This message waits no more: it was sent, or taken away."), code="queued_not_found")
