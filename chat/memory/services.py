"""A person's facts: kept, changed, forgotten, found. Strangers' are not there."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from chat import services, switches
from chat.memory import nearness
from chat.models import Memory
from providers.errors import BadRequest, Conflict, Forbidden, NotFound

MAX_FACTS = 500  # of one person: all are looked at for each message
MAX_CHARACTERS = 1000  # the column's length
TOLD = 3  # facts with one message
PREFERENCE = "memory"  # False in a person's preferences: keep the facts, tell no model


def facts_of(user_id: int) -> QuerySet[Memory]:
    """Everything this person wants remembered, the newest first."""
    return Memory.objects.filter(user_id=user_id)


def fact_for(user_id: int, memory_id: object) -> Memory:
    """The person's own. Raises NotFound."""
    text = str(memory_id)
    fact = facts_of(user_id).filter(pk=int(text)).first() if text.isascii() and text.isdecimal() else None
    if fact is None:
        raise NotFound(_("This memory is not there."), code="memory_not_found")
    return fact


def keep(user_id: int, text: str) -> Memory:
    """Remember something; the same words twice are one fact. Raises Forbidden, BadRequest, or Conflict when full."""
    _check_allowed()
    text = _clean(text)
    same = facts_of(user_id).filter(text=text).first()
    if same is not None:
        same.save(update_fields=["updated"])
        return same
    if facts_of(user_id).count() >= MAX_FACTS:
        raise Conflict(
            _("No more than %(n)s memories fit. Delete some first.") % {"n": MAX_FACTS}, code="memories_full"
        )
    return Memory.objects.create(user_id=user_id, text=text)


def change(fact: Memory, text: str) -> None:
    """Other words for a fact. Raises Forbidden or BadRequest."""
    _check_allowed()
    fact.text = _clean(text)
    fact.save(update_fields=["text", "updated"])


def forget(facts: QuerySet[Memory]) -> int:
    """Delete for good; returns how many there were. Possible while memories are switched off, too."""
    return facts.delete()[0]


def is_used(user_id: int) -> bool:
    """Whether this person wants models to be told."""
    return services.preferences_of(user_id).get(PREFERENCE) is not False


def recall(user_id: int, question: str, *, only_if_used: bool = True) -> list[str]:
    """The facts nearest to a question, for a model; with `only_if_used` none when the person does not want that."""
    facts = list(Memory.objects.filter(user_id=user_id).values_list("text", flat=True))
    if not facts or (only_if_used and not is_used(user_id)):
        return []
    return nearness.nearest(question, facts, count=TOLD)


def _check_allowed() -> None:
    if not switches.current_blocking().memory:
        raise Forbidden(_("Memories are switched off here."), code="memories_disabled")


def _clean(text: str) -> str:
    """One line. Raises BadRequest for nothing and for too much."""
    text = " ".join(text.split())
    if not text:
        raise BadRequest(_("Write what is to be remembered."), code="empty", param="text")
    if len(text) > MAX_CHARACTERS:
        words = _("A memory has at most %(n)s characters.") % {"n": MAX_CHARACTERS}
        raise BadRequest(words, code="too_long", param="text")
    return text
