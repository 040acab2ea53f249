"""The verbs of a person's facts: keep, change, forget, recall. Another person's fact is NotFound."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from chat import chat_settings, services
from chat.memory import nearness
from chat.models import Memory, ModelInput
from providers import json_bodies
from providers.errors import BadRequest, Conflict, Forbidden, NotFound
from providers.sentences import sentence as _

MAX_FACTS = 500  # of one person: all are compared with each message
MAX_CHARACTERS = 1000  # the column's length
FACTS_PER_MESSAGE = 3  # facts with one message
SOURCE = "memory"  # of what the handler adds to a turn
PREFERENCE = "memory"  # False in a person's preferences: the facts stay stored, and no model gets them


def facts_of(user_id: int) -> QuerySet[Memory]:
    """All facts of this person, the newest first."""
    return Memory.objects.filter(user_id=user_id)


def fact_for(user_id: int, memory_id: object) -> Memory:
    """A fact of this person's own. Raises NotFound."""
    text = str(memory_id)
    fact = facts_of(user_id).filter(pk=int(text)).first() if text.isascii() and text.isdecimal() else None
    if fact is None:
        raise NotFound(_("This memory was not found. It may have been deleted."), code="memory_not_found")
    return fact


def keep(user_id: int, text: str) -> Memory:
    """Store a fact; the same text twice is one fact. Raises Forbidden, BadRequest, or Conflict when full."""
    _check_allowed()
    text = _clean(text)
    same = facts_of(user_id).filter(text=text).first()
    if same is not None:
        same.save(update_fields=["updated"])
        return same
    if facts_of(user_id).count() >= MAX_FACTS:
        raise Conflict(
            _("You have %(n)s memories, which is the maximum. Delete some first.") % {"n": MAX_FACTS},
            code="memories_full",
        )
    return Memory.objects.create(user_id=user_id, text=text)


def change(fact: Memory, text: str) -> None:
    """Change the text of a fact. Raises Forbidden or BadRequest."""
    _check_allowed()
    fact.text = _clean(text)
    with transaction.atomic():
        fact.save(update_fields=["text", "updated"])
        _forget_told([fact.user_id])


def forget(facts: QuerySet[Memory]) -> int:
    """Delete for good; returns how many there were. Allowed while memories are switched off, too."""
    with transaction.atomic():
        owners = list(facts.order_by().values_list("user_id", flat=True).distinct())
        _forget_told(owners)
        return facts.delete()[0]


def is_used(user_id: int) -> bool:
    """Whether this person lets models know their facts."""
    return services.preferences_of(user_id).get(PREFERENCE) is not False


def recall(user_id: int, question: str) -> list[str]:
    """The facts nearest to a question."""
    facts = list(Memory.objects.filter(user_id=user_id).values_list("text", flat=True))
    return nearness.nearest(question, facts, count=FACTS_PER_MESSAGE)


def _forget_told(user_ids: Sequence[int]) -> None:
    """Leave out of later turns what models were told of these people's facts, one of which is not what it was."""
    ModelInput.objects.filter(source=SOURCE, answer__chat__user_id__in=user_ids).delete()


def _check_allowed() -> None:
    if not chat_settings.current_blocking().memory:
        raise Forbidden(_("Memories are switched off here."), code="memories_disabled")


def _clean(text: str) -> str:
    """The text on one line, of characters that can be stored. Raises BadRequest when it is empty or too long."""
    text = " ".join(json_bodies.storable(text).split())
    if not text:
        raise BadRequest(_("Write something to remember."), code="empty", param="text")
    if len(text) > MAX_CHARACTERS:
        message = _("A memory has at most %(n)s characters.") % {"n": MAX_CHARACTERS}
        raise BadRequest(message, code="too_long", param="text")
    return text
