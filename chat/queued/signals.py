"""The end of a reply: the next message of the chat's queue is sent, or the queue is held."""

import uuid
from typing import Any

from chat import runs
from chat.pipeline import CompletionRequest
from chat.queued import sending


def connect() -> None:
    runs.ended.connect(_reply_ended, dispatch_uid="chat.queued.reply-ended")


async def _reply_ended(sender: Any, chat_id: uuid.UUID, request: CompletionRequest, **more: Any) -> None:
    await sending.advance(chat_id, after_answer=True, cookies=request.cookies)
