"""The verbs of feedback: rate an answer, take it back; and what models get over a period."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Q
from django.utils import timezone

from chat.feedback.reasons import REASONS
from chat.models import Feedback, Message
from providers import json_bodies
from providers.errors import BadRequest, NotFound
from providers.sentences import sentence as _

MAX_TEXT = 1000  # characters: the column's length
COUNTED = 20_000  # rows of a period whose reasons are counted, the newest
Rating = Feedback.Rating


@dataclass(slots=True)
class ModelFeedback:
    """What people think of one model's answers."""

    model: str
    up: int = 0
    down: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.up + self.down

    @property
    def share(self) -> int:
        """Thumbs up of a hundred."""
        return round(100 * self.up / self.count) if self.count else 0


def of(message: Message, user_id: int) -> Feedback:
    """The person's feedback on an answer. Raises NotFound."""
    row = Feedback.objects.filter(message=message, user_id=user_id).first()
    if row is None:
        raise NotFound(_("You have not rated this answer."), code="feedback_not_found")
    return row


def rate(message: Message, user_id: int, rating: str, *, reasons: Sequence[str] = (), text: str = "") -> Feedback:
    """Rate an answer, or change the rating. Reasons of the other thumb are left out.

    Raises BadRequest for what is no answer, or for a reason that does not exist.
    """
    if message.role != Message.Role.ASSISTANT or message.is_running:
        raise BadRequest(_("Only finished answers can be rated."), code="not_rateable")
    unknown = [name for name in reasons if not any(name in ready for ready in REASONS.values())]
    if unknown:
        raise BadRequest(_("There is no reason called “%s”.") % unknown[0][:50], code="invalid_reason", param="reasons")
    values = {
        "rating": rating,
        "reasons": [name for name in REASONS[Rating(rating)] if name in reasons],
        "text": str(json_bodies.storable(text)).strip()[:MAX_TEXT],
        "model": message.model,
        "updated": timezone.now(),
    }
    return Feedback.objects.update_or_create(message=message, user_id=user_id, defaults=values)[0]


def take_back(message: Message, user_id: int) -> None:
    """Remove the person's feedback on an answer. Harmless where there is none."""
    Feedback.objects.filter(message=message, user_id=user_id).delete()


def by_model(start: datetime, end: datetime) -> list[ModelFeedback]:
    """What each model got in this time, those with the most feedback first. Two queries."""
    rows = Feedback.objects.filter(updated__gte=start, updated__lt=end).order_by()
    counted = rows.values("model").annotate(up=Count("pk", filter=Q(rating=Rating.UP)), all=Count("pk"))
    models = {row["model"]: ModelFeedback(row["model"], row["up"], row["all"] - row["up"]) for row in counted}
    for model, reasons in rows.order_by("-updated").values_list("model", "reasons")[:COUNTED]:
        if model in models:
            models[model].reasons.update(reasons)
    return sorted(models.values(), key=lambda row: (-row.count, row.model))
