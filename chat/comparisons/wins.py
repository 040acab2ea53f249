"""Which model wins comparisons, over a period."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from chat.models import ComparedAnswer


@dataclass(frozen=True, slots=True)
class Wins:
    """How often a model was compared where something was picked, how often it was the one, and how often it merged."""

    model: str
    compared: int
    picked: int
    merged: int = 0

    @property
    def percent(self) -> int:
        return round(100 * self.picked / self.compared) if self.compared else 0


def by_model(since: datetime, until: datetime) -> list[Wins]:
    """Of the comparisons in which somebody picked from `since` to before `until`; a merged answer that is picked is
    nobody's win. The most wins first. One query.
    """
    rows = ComparedAnswer.objects.filter(comparison__picked_at__gte=since, comparison__picked_at__lt=until)
    own = Q(is_merged=False)
    counted = (
        rows.order_by()
        .values("model")
        .annotate(
            compared=Count("pk", filter=own),
            picked=Count("pk", filter=own & Q(is_picked=True)),
            merged=Count("pk", filter=~own),
        )
    )
    wins = [Wins(row["model"], row["compared"], row["picked"], row["merged"]) for row in counted]
    return sorted(wins, key=lambda row: (-row.picked, -row.percent, row.model))
