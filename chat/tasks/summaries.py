"""Summaries of the beginnings of long chats: models read them instead, so that the conversation can go on."""

import logging
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat import chat_settings, events, history, tree
from chat.loop import in_thread
from chat.models import Chat, Message, Summary
from chat.tasks.ask import ask, task_route
from providers import catalogue, stored_errors
from providers.errors import BadRequest, Conflict, GatewayError, ProviderError
from providers.facts import Caller
from providers.sentences import sentence as _

FULL = 0.8  # of what a model reads at once: then a chat is summarised
STAYING = 4  # messages at the end that are sent as they are: two questions with their answers
FEWEST = 4  # messages that are worth a summary
MOST_CHARACTERS = 400_000  # of the conversation, sent to the task model
CHARACTERS = 1  # for a token, at least: Chinese has about as many tokens as characters
RETRY_AFTER = timedelta(hours=1)  # a summary that failed is not tried again by itself before
SHARE = 0.6  # of what the task model reads at once
MOST_SUMMARY = 20_000  # characters of a summary
SECONDS = 300.0  # for the task model
LOST = timedelta(seconds=SECONDS + 60)  # after which a pending summary has lost its process

PROMPT = """Summarise the conversation below, so that it can go on without its messages. Keep what later messages may \
need: what the user wants and has decided, facts, names, numbers, open questions, what was tried and what came of it; \
short pieces of code or text that are still being worked on word for word. Leave out greetings and repetition. Write \
in the language of the conversation, in the third person, with short headings where they help, in at most 800 words. \
Answer with the summary alone.

<conversation>
{conversation}
</conversation>"""

logger = logging.getLogger(__name__)


def begin(chat: Chat, *, is_automatic: bool = False) -> Summary:
    """A pending summary of the shown branch; `write` does the rest. Blocking.

    Raises Conflict (`summary_running`; `summary_failed` for an automatic one soon after another has failed),
    BadRequest (`nothing_to_summarise`) for a chat that is too short.
    """
    with transaction.atomic():
        chat = Chat.objects.select_for_update().get(pk=chat.pk)
        pending = Summary.objects.filter(chat=chat, status=Summary.SummaryStatus.PENDING)
        pending.filter(created__lt=timezone.now() - LOST).update(status=Summary.SummaryStatus.FAILED)
        if pending.exists():
            raise Conflict(_("This chat is being summarised already."), code="summary_running")
        failed = Summary.objects.filter(chat=chat, status=Summary.SummaryStatus.FAILED)
        if is_automatic and failed.filter(created__gte=timezone.now() - RETRY_AFTER).exists():
            raise Conflict(_("This chat could not be summarised a short time ago."), code="summary_failed")
        branch = tree.finished(tree.branch_to(tree.outline(chat.pk), chat.leaf_id))
        earlier = history.summary_of(chat.pk, branch)
        start = next((number + 1 for number, row in enumerate(branch) if earlier and row.pk == earlier.upto_id), 0)
        covered = range(start, len(branch) - STAYING)
        last = max((number for number in covered if branch[number].role == Message.Role.ASSISTANT), default=-1)
        if last + 1 - start < FEWEST:
            raise BadRequest(
                _("There is too little to summarise: the last messages are always sent as they are."),
                code="nothing_to_summarise",
            )
        return Summary.objects.create(
            chat=chat, upto_id=branch[last].pk, messages=last + 1, is_automatic=is_automatic, model=chat.model
        )


async def write(summary_id: int, caller: Caller) -> None:
    """Let the task model write a pending summary, and tell the person's tabs. Never raises GatewayError."""
    read = await in_thread(_read, summary_id)
    if read is None:
        return
    chat, earlier, messages = read
    try:
        text, model = await _written(caller, chat.model, earlier, messages)
        values: dict[str, Any] = {"status": Summary.SummaryStatus.DONE, "text": text, "model": model}
    except GatewayError as error:
        logger.warning("No summary of chat %s: %s %s", chat.pk, error.code, error.message)
        values = {"status": Summary.SummaryStatus.FAILED, "error": events.plain(error.message_body())}
    if not await in_thread(_save, summary_id, values):
        return
    shown = stored_errors.worded(values.get("error"), for_admin=caller.is_admin)
    data = {"id": summary_id, "status": str(values["status"]), "error": shown}
    await events.emit(chat.user_id, type="chat:summary", data=data, chat_id=chat.pk)
    await events.emit(chat.user_id, type="chat:messages", data={"chat_id": str(chat.pk)}, chat_id=chat.pk)


async def summarise_when_full(message_id: uuid.UUID, caller: Caller) -> None:
    """Summarise a chat whose last answer nearly filled what its model reads at once, where that is left on."""
    if not (await chat_settings.current()).summaries:
        return
    answer = await in_thread(_last_answer, message_id)
    if answer is None or not answer.context_tokens:
        return
    try:
        route = (await catalogue.snapshot()).route_for(caller, answer.model)
        if not route.context_length or answer.context_tokens < FULL * route.context_length:
            return
        summary = await in_thread(lambda: begin(answer.chat, is_automatic=True))
    except GatewayError as error:
        logger.info("Chat %s is not summarised by itself: %s", answer.chat_id, error.code)
        return
    await write(summary.pk, caller)


async def _written(caller: Caller, model: str, earlier: str, messages: Sequence[Message]) -> tuple[str, str]:
    route = task_route(await catalogue.snapshot(), caller, model)
    room = MOST_CHARACTERS
    if route.context_length:
        room = min(room, int(CHARACTERS * SHARE * route.context_length))
    prompt = PROMPT.format(conversation=conversation(earlier, messages, room))
    text = await ask(caller, model, [{"role": "user", "content": prompt}], seconds=SECONDS)
    if not text:
        raise ProviderError(_("The model wrote no summary."), code="empty_summary", retryable=True)
    return text[:MOST_SUMMARY].replace("</summary>", "< /summary>"), route.public_id


def conversation(earlier: str, messages: Sequence[Message], room: int) -> str:
    """The conversation as text. Where there is too little room, long messages are cut in their middle."""
    texts = [f"{message.role}: {message.content}" for message in messages]
    if earlier:
        texts.insert(0, f"summary of what was before: {earlier}")
    most = room
    while texts and sum(min(len(text), most) for text in texts) > room and most > room // len(texts):
        most = max(room // len(texts), most // 2)
    return "\n\n".join(
        text if len(text) <= most else f"{text[: most // 2]} […] {text[-(most // 2) :]}" for text in texts
    )


def _read(summary_id: int) -> tuple[Chat, str, list[Message]] | None:
    summary = Summary.objects.select_related("chat", "upto").filter(pk=summary_id).first()
    if summary is None:
        return None
    branch = [*history.branch_above(summary.upto), summary.upto]
    earlier = history.summary_of(summary.chat_id, branch)
    if earlier is None:
        return summary.chat, "", branch
    start = next(number for number, row in enumerate(branch) if row.pk == earlier.upto_id) + 1
    return summary.chat, earlier.text, branch[start:]


def _save(summary_id: int, values: dict[str, Any]) -> bool:
    """False when somebody has taken it back meanwhile."""
    return bool(Summary.objects.filter(pk=summary_id, status=Summary.SummaryStatus.PENDING).update(**values))


def _last_answer(message_id: uuid.UUID) -> Message | None:
    answers = Message.objects.select_related("chat").only("context_tokens", "model", "chat")
    return answers.filter(pk=message_id, chat__leaf_id=message_id, chat__deleted_at=None).first()
