"""Tasks of the task model. People see their results; failures go to the log alone.

ask.py         which model runs them, and how it is called
templates.py   `{{MESSAGES:END:6}}`, `{{prompt}}` and other placeholders in its prompts
titles.py      the title of a chat
follow_ups.py  suggestions of what to ask next
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
    """Run after a finished answer was sent and saved: nobody waits for it."""
    await asyncio.gather(name_chat(chat_id, caller), suggest_follow_ups(message_id, caller))
