"""The title of a chat: the first words of its first message, until there is a better one after the answer.

The task model writes it. A title that only repeats how the message begins is asked for once more; where no better one
can be had, the heading that the answer begins with is.
"""

import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from chat import chat_settings, events
from chat.loop import in_thread
from chat.models import Chat, ComparedAnswer, Message
from chat.tasks.ask import Talk, ask
from chat.tasks.templates import excerpts, fill
from providers import catalogue
from providers.errors import GatewayError
from providers.facts import Caller

TITLE_CHARACTERS = 80
FALLBACK_CHARACTERS = 50
FIRST_CHARACTERS = 2000  # of a text that its title is made of
_BEGINNING = re.compile(r"^(?:#{1,6}\s|>\s?|[-*+]\s)+")  # of a heading, a quote or a list
_PAIRS = re.compile(r"(?<![A-Za-z0-9_)])(\*\*|`{1,3})(?=\S)([^*`]{1,500})(?<=\S)\1")  # bold, code
AROUND_A_TITLE = "#*_`\"'“”‘’«»「」《》 "
EXCERPT_CHARACTERS = 2000  # of each side of the conversation, sent to the task model

TITLE_PROMPT = """Write a title for the conversation below: two to six words that say what it is about, in the \
language that the user writes in. Name the subject: do not repeat the words that the user begins with. Answer with the \
title alone: no quotation marks, no full stop, no explanation.

<conversation>
{{MESSAGES:START:2}}
</conversation>"""

AGAIN = "\n\nThis title only repeats the beginning of the message, so write another one: {title}"
FEWEST_WORDS = 3  # of a title that can be said to repeat a message; a shorter one is a subject
HEADING = re.compile(r"\s*#{1,3} +(.+)")
# Scripts that are written without spaces: Thai, Lao, Burmese, Khmer, Japanese, Chinese. Each letter stands alone.
SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
)
WORD = re.compile(f"[{SPACELESS}]|[^\\W{SPACELESS}]+")
LETTERS = 2  # of them count as a word

logger = logging.getLogger(__name__)


async def name_chat(chat_id: uuid.UUID, caller: Caller) -> None:
    """Let the task model write the title of a chat, after its first answer only and never over a person's own title.

    Never raises GatewayError: the chat keeps the title that it has.
    """
    chat = await in_thread(_unnamed, chat_id)
    if chat is None:
        return
    title = await _written(chat, caller) if (await chat_settings.current()).titles else ""
    question, answer = (message["content"] for message in chat.messages)
    heading = HEADING.match(answer)
    if heading and (not title or repeats(title, question)):
        title = clean_title(re.sub(r"\*\*|__|`", "", heading[1])) or title
    if not title:
        return
    saved = await in_thread(_save_title, chat_id, title)
    if saved:
        await events.emit(chat.user_id, type="chat:title", data={"title": title}, chat_id=chat_id)


async def _written(chat: Talk, caller: Caller) -> str:
    """The task model's title; empty where it has none."""
    try:
        route = (await catalogue.snapshot()).route_for(caller, chat.model)
        if route.is_demo:
            return ""
        prompt = title_prompt(chat.messages)
        title = clean_title(await ask(caller, chat.model, [{"role": "user", "content": prompt}]))
        if repeats(title, chat.messages[0]["content"]):
            prompt += AGAIN.format(title=title)
            title = clean_title(await ask(caller, chat.model, [{"role": "user", "content": prompt}])) or title
        return title
    except GatewayError as error:
        logger.warning("No title for chat %s: %s %s", chat.chat_id, error.code, error.message)
        return ""


def repeats(title: str, question: str) -> bool:
    """Whether a title is nothing but the first words of a question."""
    words = WORD.findall(title.casefold())
    letters = sum(re.match(f"[{SPACELESS}]", word) is not None for word in words)
    is_long = len(words) - letters + letters / LETTERS >= FEWEST_WORDS
    return is_long and WORD.findall(question.casefold())[: len(words)] == words


def title_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """The prompt for the title of a conversation."""
    spoken = [message for message in messages if message.get("role") in ("user", "assistant")]
    return fill(TITLE_PROMPT, excerpts(spoken[:2], characters=EXCERPT_CHARACTERS))


def first_words(text: str) -> str:
    """The beginning of a text as a title, without the marks of its Markdown, cut between words where there are any."""
    marked = " ".join(text[:FIRST_CHARACTERS].split())
    line = _PAIRS.sub(r"\2", _BEGINNING.sub("", marked)).strip() or marked
    if len(line) <= FALLBACK_CHARACTERS:
        return line
    start, _space, rest = line[:FALLBACK_CHARACTERS].rpartition(" ")
    return f"{start or rest}…"


def clean_title(answer: str) -> str:
    """One line without the quotation marks, headings and labels that models put around a title."""
    line = next((line.strip() for line in answer.splitlines() if line.strip()), "")
    line = re.sub(r"^(title|标题)\s*[:：]", "", line.strip(AROUND_A_TITLE), flags=re.IGNORECASE)
    return line.strip(AROUND_A_TITLE).rstrip(".。")[:TITLE_CHARACTERS].strip()


def _unnamed(chat_id: uuid.UUID) -> Talk | None:
    """The texts for a title; None for a chat that no longer needs one."""
    chat = Chat.objects.filter(pk=chat_id, title_is_own=False, deleted_at=None).first()
    answers = list(Message.objects.filter(chat_id=chat_id, role=Message.Role.ASSISTANT, status=Message.Status.DONE)[:9])
    questions = {answer.parent_id for answer in answers}
    if len(answers) > 1 and not ComparedAnswer.objects.filter(answer=answers[-1]).exists():
        return None  # answered again, not side by side
    if chat is None or len(questions) != 1 or answers[0].parent is None:
        return None
    messages = [{"role": str(row.role), "content": row.content} for row in (answers[0].parent, answers[0])]
    return Talk(chat_id, chat.user_id, answers[0].model, messages)


def _save_title(chat_id: uuid.UUID, title: str) -> bool:
    return bool(Chat.objects.filter(pk=chat_id, title_is_own=False).update(title=title))
