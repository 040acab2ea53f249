"""The title of a chat: the first words of its first message, until the task model writes one after the answer."""

import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chat import events, switches
from chat.loop import in_thread
from chat.models import Chat, Message
from chat.tasks.ask import ask
from chat.tasks.templates import excerpts, fill
from providers import catalogue
from providers.errors import GatewayError
from providers.facts import Caller

TITLE_CHARACTERS = 80
FALLBACK_CHARACTERS = 50
AROUND_A_TITLE = "#*_`\"'“”‘’«»「」《》 "
EXCERPT_CHARACTERS = 2000  # of each side of the conversation, sent to the task model

TITLE_PROMPT = """Write a title for the conversation below: two to six words that say what it is about, in the \
language that the user writes in. Answer with the title alone: no quotation marks, no full stop, no explanation.

<conversation>
{{MESSAGES:START:2}}
</conversation>"""

logger = logging.getLogger(__name__)


class _Unnamed(NamedTuple):
    user_id: Any
    model: str
    messages: list[dict[str, Any]]


async def name_chat(chat_id: uuid.UUID, caller: Caller) -> None:
    """Let the task model write the title of a chat, after its first answer only and never over a person's own title.

    Never raises GatewayError: the chat keeps the title that it has.
    """
    chat = await in_thread(_unnamed, chat_id) if (await switches.current()).titles else None
    if chat is None:
        return
    try:
        route = (await catalogue.snapshot()).route_for(caller, chat.model)
        if route.is_demo:
            return
        prompt = title_prompt(chat.messages)
        title = clean_title(await ask(caller, chat.model, [{"role": "user", "content": prompt}]))
    except GatewayError as error:
        logger.warning("No title for chat %s: %s %s", chat_id, error.code, error.message)
        return
    if not title:
        return
    saved = await in_thread(_save_title, chat_id, title)
    if saved:
        await events.emit(chat.user_id, type="chat:title", data={"title": title}, chat_id=chat_id)


def title_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """The prompt for the title of a conversation."""
    spoken = [message for message in messages if message.get("role") in ("user", "assistant")]
    return fill(TITLE_PROMPT, excerpts(spoken[:2], characters=EXCERPT_CHARACTERS))


def first_words(text: str) -> str:
    """The beginning of a text as a title, cut between words where there are any."""
    line = " ".join(text.split())
    if len(line) <= FALLBACK_CHARACTERS:
        return line
    start, _space, rest = line[:FALLBACK_CHARACTERS].rpartition(" ")
    return f"{start or rest}…"


def clean_title(answer: str) -> str:
    """One line without the quotation marks, headings and labels that models put around a title."""
    line = next((line.strip() for line in answer.splitlines() if line.strip()), "")
    line = re.sub(r"^(title|标题)\s*[:：]", "", line.strip(AROUND_A_TITLE), flags=re.IGNORECASE)
    return line.strip(AROUND_A_TITLE).rstrip(".。")[:TITLE_CHARACTERS].strip()


def _unnamed(chat_id: uuid.UUID) -> _Unnamed | None:
    """What a title is made of; None for a chat that needs none any more."""
    chat = Chat.objects.filter(pk=chat_id, title_is_own=False, deleted_at=None).first()
    answers = list(Message.objects.filter(chat_id=chat_id, role=Message.Role.ASSISTANT, status=Message.Status.DONE)[:2])
    if chat is None or len(answers) != 1 or answers[0].parent is None:
        return None
    messages = [{"role": str(row.role), "content": row.content} for row in (answers[0].parent, answers[0])]
    return _Unnamed(chat.user_id, answers[0].model, messages)


def _save_title(chat_id: uuid.UUID, title: str) -> bool:
    return bool(Chat.objects.filter(pk=chat_id, title_is_own=False).update(title=title))
