"""How full a model's context is with a chat, and the verbs of summaries."""

from dataclasses import dataclass
from functools import partial

from django.db import transaction
from django.db.models.functions import Length

from chat import access, history, loop, services, tree
from chat.models import Chat, Summary
from chat.tasks import summaries
from providers import catalogue
from providers.errors import GatewayError, NotFound
from providers.facts import Caller
from providers.sentences import sentence as _

CHARACTERS = 3  # for a token, about: four of English, one or two of Chinese
NEAR, FULL = summaries.FULL, 0.95


@dataclass(frozen=True, slots=True)
class ContextState:
    """How many tokens a model reads for the next message, and of how many; None: not known."""

    tokens: int
    is_estimate: bool
    length: int | None
    summary: Summary | None

    @property
    def share(self) -> float | None:
        return round(self.tokens / self.length, 4) if self.length else None

    @property
    def state(self) -> str:
        share = self.share
        if share is None:
            return "unknown"
        return "full" if share >= FULL else "near" if share >= NEAR else "ok"


def state_of(chat: Chat, caller: Caller, model: str = "") -> ContextState:
    """How full the context of a model (default: the chat's) is with the shown branch. Three queries.

    The tokens are those that the provider told with the last answer; what came since is estimated.
    """
    try:
        length = catalogue.snapshot_blocking().route_for(caller, model or chat.model).context_length
    except GatewayError:
        length = None
    outline = chat.messages.only("pk", "chat", "parent", "role", "created", "context_tokens")
    branch = tree.branch_to(outline.annotate(characters=Length("content")), chat.leaf_id)
    summary = history.summary_of(chat.pk, branch)
    start = next((number + 1 for number, row in enumerate(branch) if summary and row.pk == summary.upto_id), 0)
    characters = len(summary.text) if summary else 0
    reported = 0
    for row in branch[start:]:
        is_newer = summary is None or row.created > summary.created
        if row.context_tokens and is_newer:
            reported, characters = row.context_tokens, 0
        else:
            characters += getattr(row, "characters", None) or 0
    return ContextState(reported + characters // CHARACTERS, not reported or characters > 0, length, summary)


def summarise(chat: Chat, caller: Caller) -> Summary:
    """Begin a summary of the shown branch's beginning, which the task model writes; it is told by an event.

    Raises as `chat.tasks.summaries.begin`.
    """
    summary = summaries.begin(chat)
    transaction.on_commit(
        partial(loop.spawn, partial(summaries.write, summary.pk, caller), name=f"summary {summary.pk}")
    )
    return summary


def summary_for(user: access.Person, chat_id: object, summary_id: int) -> Summary:
    """The summary of a person's chat. Raises NotFound."""
    chat = access.chat_for(user, chat_id)
    summary = Summary.objects.filter(chat=chat, pk=summary_id).first()
    if summary is None:
        raise NotFound(_("This summary was not found. It may have been taken back."), code="summary_not_found")
    return summary


@transaction.atomic
def take_back(summary: Summary) -> None:
    """Models read the messages themselves again."""
    chat = summary.chat
    summary.delete()
    services.tell(chat, "chat:messages", {"chat_id": str(chat.pk)})
