"""Small jobs for the task model. A person sees their results, never their failures: those are in the log.

ask.py         which model does them, and how it is asked
templates.py   `{{MESSAGES:END:6}}`, `{{prompt}}` and their like in what it is told
titles.py      a name for a chat
follow_ups.py  what one might ask next
"""

import asyncio
import uuid

from chat.tasks.ask import ask, ask_in_json, complete, complete_as_json, task_route
from chat.tasks.follow_ups import follow_ups_in, follow_ups_prompt, give_up_follow_ups, suggest_follow_ups
from chat.tasks.titles import clean_title, first_words, name_chat, title_prompt
from providers.facts import Caller

__all__ = [
    "after_reply",
    "ask",
    "ask_in_json",
    "clean_title",
    "complete",
    "complete_as_json",
    "first_words",
    "follow_ups_in",
    "follow_ups_prompt",
    "give_up_follow_ups",
    "name_chat",
    "suggest_follow_ups",
    "task_route",
    "title_prompt",
]


async def after_reply(chat_id: uuid.UUID, message_id: uuid.UUID, caller: Caller) -> None:
    """What is done once an answer is there as a whole: it has been told and saved, so nobody waits for this."""
    await asyncio.gather(name_chat(chat_id, caller), suggest_follow_ups(message_id, caller))
