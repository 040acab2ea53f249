"""Follow-ups: up to three suggestions of what to ask next, below the last answer of a chat."""

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models.functions import Now

from chat import chat_settings, events, history
from chat.answers import json_in_text
from chat.loop import in_thread
from chat.models import Message
from chat.tasks.ask import Talk, ask_in_json, task_route
from chat.tasks.templates import excerpts, fill
from providers import catalogue, runtime
from providers.errors import GatewayError
from providers.facts import Caller

MOST = 3
LONGEST = 200  # characters of a suggestion
EXCERPT_CHARACTERS = 1000  # of each message, sent to the task model

PROMPT = """Suggest what the user might ask next in the conversation below: up to three short questions or requests, \
as the user would write them, in the language that the user writes in. Each leads further; none repeats what was said.

Answer with one JSON object and nothing else: {"follow_ups": ["…", "…", "…"]}

<conversation>
{{MESSAGES:END:6}}
</conversation>"""

logger = logging.getLogger(__name__)


class FollowUpTasks:
    """The running tasks that wait for the task model, by chat."""

    def __init__(self) -> None:
        self.by_chat: dict[uuid.UUID, asyncio.Task[Any]] = {}


async def suggest_follow_ups(message_id: uuid.UUID, caller: Caller) -> None:
    """Let the task model suggest follow-ups to this answer, as long as it is the last one of its chat.

    Never raises GatewayError.
    """
    talk = await in_thread(_read, message_id) if (await chat_settings.current()).follow_ups else None
    task = asyncio.current_task()
    if talk is None or task is None:
        return
    running = runtime.state(FollowUpTasks).by_chat
    running[talk.chat_id] = task
    try:
        texts = await _ask(caller, talk)
    except asyncio.CancelledError:
        if running.get(talk.chat_id) is task:
            raise
        return  # the next question is there
    except GatewayError as error:
        logger.warning("No follow-ups for message %s: %s %s", message_id, error.code, error.message)
        return
    finally:
        if running.get(talk.chat_id) is task:
            del running[talk.chat_id]
    saved: bool = bool(texts) and await in_thread(_save, message_id, texts)
    if saved:
        await events.emit(
            talk.user_id,
            type="chat:message:follow_ups",
            data={"follow_ups": texts},
            chat_id=talk.chat_id,
            message_id=message_id,
        )


def give_up_follow_ups(chat_id: object) -> None:
    """Cancel the task of a chat when its next question is there, which the model is needed for. From any thread."""
    tasks = runtime.state(FollowUpTasks).by_chat
    task = tasks.pop(chat_id, None) if isinstance(chat_id, uuid.UUID) else None
    if task is not None:
        task.get_loop().call_soon_threadsafe(task.cancel)


def follow_ups_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """The prompt for follow-ups to a conversation."""
    spoken = [message for message in messages if message.get("role") in ("user", "assistant")]
    return fill(PROMPT, excerpts(spoken, characters=EXCERPT_CHARACTERS))


def follow_ups_in(answer: str) -> list[str]:
    """The texts in the last JSON list of the answer, plain or as members of objects; empty without a list."""
    items = next((value for value in json_in_text.values(answer) if isinstance(value, list)), [])
    texts: list[str] = []
    for item in items:
        values = item.values() if isinstance(item, dict) else (item,)
        text = next((value for value in values if isinstance(value, str)), "")
        line = " ".join(text.split())
        if line and len(line) <= LONGEST and line not in texts:
            texts.append(line)
    return texts[:MOST]


async def _ask(caller: Caller, talk: Talk) -> list[str]:
    snapshot = await catalogue.snapshot()
    for route in (snapshot.route_for(caller, talk.model), task_route(snapshot, caller, talk.model)):
        if route.is_demo:
            return []  # the demo answers from a script
    prompt = follow_ups_prompt(talk.messages)
    return follow_ups_in(await ask_in_json(caller, talk.model, [{"role": "user", "content": prompt}]))


def _read(message_id: uuid.UUID) -> Talk | None:
    """The conversation, when this is a finished answer without follow-ups and the last message of its chat."""
    answer = Message.objects.select_related("chat").filter(pk=message_id, status=Message.Status.DONE).first()
    if (
        answer is None
        or answer.follow_ups
        or not answer.content.strip()
        or answer.chat.leaf_id != answer.pk
        or answer.chat.deleted_at
    ):
        return None
    branch = (*history.branch_above(answer), answer)
    messages = [{"role": str(row.role), "content": row.content} for row in branch if row.content.strip()]
    return Talk(answer.chat_id, answer.chat.user_id, answer.model, messages)


def _save(message_id: uuid.UUID, texts: list[str]) -> bool:
    """Save the suggestions, and the time `saved`, by which a page notices that a message changed."""
    rows = Message.objects.filter(pk=message_id, chat__leaf_id=message_id, status=Message.Status.DONE)
    return bool(rows.update(follow_ups=texts, saved=Now()))
