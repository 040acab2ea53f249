"""The tasks of the task model after a finished answer."""

import asyncio
import uuid

from chat import push
from chat.tasks.follow_ups import suggest_follow_ups
from chat.tasks.summaries import summarise_when_full
from chat.tasks.titles import name_chat
from providers.facts import Caller


async def after_reply(chat_id: uuid.UUID, message_id: uuid.UUID, caller: Caller) -> None:
    """Run after a finished answer was sent and saved: nobody waits for it."""
    await push.answer_ready(message_id)
    await asyncio.gather(
        name_chat(chat_id, caller), suggest_follow_ups(message_id, caller), summarise_when_full(message_id, caller)
    )
