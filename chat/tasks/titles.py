"""A name for a chat: by the task model after the first answer, the first words until then."""

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
    """After its first answer, let the task model name a chat; later answers and a person's own title change nothing.

    Until then, and when this fails, it is the first words of the first message. Never raises GatewayError.
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
    """What the task model is told to name a conversation."""
    said = [one for one in messages if one.get("role") in ("user", "assistant")]
    return fill(TITLE_PROMPT, excerpts(said[:2], characters=EXCERPT_CHARACTERS))


def first_words(text: str) -> str:
    """A title until there is a better one: the beginning of a text, cut between words where it has any."""
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
    """What a title is made from, when this chat still wants one."""
    chat = Chat.objects.filter(pk=chat_id, title_is_own=False, deleted_at=None).first()
    answers = list(Message.objects.filter(chat_id=chat_id, role=Message.Role.ASSISTANT, status=Message.Status.DONE)[:2])
    if chat is None or len(answers) != 1 or answers[0].parent is None:
        return None
    said = [{"role": str(one.role), "content": one.content} for one in (answers[0].parent, answers[0])]
    return _Unnamed(chat.user_id, answers[0].model, said)


def _save_title(chat_id: uuid.UUID, title: str) -> bool:
    return bool(Chat.objects.filter(pk=chat_id, title_is_own=False).update(title=title))
