"""The verbs of comparisons. Another person's is NotFound."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from chat import access, exchanges, services
from chat.models import Chat, ComparedAnswer, Comparison, Message
from chat.pipeline import CompletionRequest
from providers.errors import BadRequest, Conflict, NotFound
from providers.sentences import sentence as _

MOST = 30_000  # characters of each answer that a merge reads

MERGE = """[Several models have answered the message above. Their answers:

{answers}

Write one answer to the message from them: take what is right and best in each, leave out what is wrong or repeated, \
and decide where they contradict each other. Do not mention that there were several answers.]"""


def comparison_for(user: access.Person, chat_id: object, comparison_id: int) -> Comparison:
    """The comparison of a person's chat. Raises NotFound."""
    chat = access.chat_for(user, chat_id)
    rows = Comparison.objects.filter(chat=chat, pk=comparison_id).select_related("question", "chat")
    comparison = rows.first()
    if comparison is None:
        raise NotFound(_("This comparison was not found. It may have been deleted."), code="comparison_not_found")
    return comparison


def answers_of(comparison: Comparison) -> list[ComparedAnswer]:
    """Its answers that are still there, in their order. One query."""
    return list(comparison.answers.filter(answer__isnull=False).select_related("answer"))


@transaction.atomic
def pick(comparison: Comparison, answer: Message) -> None:
    """This answer is the best: the chat goes on with it. Another pick replaces the one before.

    Raises NotFound for an answer that is not compared, Conflict (`reply_running`) while it is being written.
    """
    _lock(comparison)
    rows = comparison.answers.all()
    if not rows.filter(answer=answer).exists():
        raise NotFound(_("This message was not found. It may have been deleted."), code="message_not_found")
    if answer.is_running:
        raise Conflict(_("This message is still being answered. Stop it first, or wait."), code="reply_running")
    rows.exclude(answer=answer).update(is_picked=False)
    rows.filter(answer=answer).update(is_picked=True)
    Comparison.objects.filter(pk=comparison.pk).update(picked_at=timezone.now())
    services.select_branch(answer)
    Chat.objects.filter(pk=answer.chat_id).update(model=answer.model)  # who won answers what comes next
    _tell(answer.chat)


@transaction.atomic
def reopen(comparison: Comparison) -> None:
    """Show the answers side by side again; nothing is picked any more. What was written below them stays."""
    _lock(comparison)
    rows = answers_of(comparison)
    if not rows or comparison.chat is None:
        raise BadRequest(_("The answers of this comparison were deleted."), code="no_answers")
    shown = next((row for row in rows if row.is_picked), rows[0])
    comparison.answers.update(is_picked=False)
    Comparison.objects.filter(pk=comparison.pk).update(picked_at=None)
    Chat.objects.filter(pk=comparison.chat.pk).update(leaf_id=shown.answer_id)
    _tell(comparison.chat)


def merge(comparison: Comparison, request: CompletionRequest) -> Message:
    """Let a model make one answer of the others, which stands beside them.

    Raises BadRequest (`nothing_to_merge`) for fewer than two answers with text, Conflict (`reply_running`).
    """
    rows = [row for row in answers_of(comparison) if not row.is_merged]
    texts = [row.answer.content for row in rows if row.answer is not None and row.answer.content.strip()]
    if len(texts) < 2:
        raise BadRequest(_("There are no two answers that could be merged."), code="nothing_to_merge")
    return exchanges.merge_answers(comparison, request, merge_prompt(texts))


def merge_prompt(texts: Sequence[str]) -> str:
    """What a model is told that merges answers."""
    answers = "\n\n".join(
        f'<answer number="{number}">\n{text[:MOST].replace("</answer>", "< /answer>")}\n</answer>'
        for number, text in enumerate(texts, 1)
    )
    return MERGE.format(answers=answers)


def _lock(comparison: Comparison) -> None:
    """Two picks, or a pick and a reopening, come one after the other."""
    Comparison.objects.select_for_update().get(pk=comparison.pk)


def _tell(chat: Chat) -> None:
    services.tell(chat, "chat:messages", {"chat_id": str(chat.pk)})
