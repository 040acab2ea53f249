"""Comparisons as the thread shows them: answers side by side, or a note beside the one that was picked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from chat.models import ComparedAnswer


@dataclass(frozen=True, slots=True)
class Compared:
    """The comparison that a question began; `rows` are its answers that are still there, by id, in their order."""

    pk: int
    is_open: bool  # nothing is picked: the answers stand side by side
    rows: Mapping[UUID, ComparedAnswer]


def by_question(question_ids: Iterable[UUID | None]) -> dict[UUID | None, Compared]:
    """The comparisons of these questions that have two answers or more. One query, none without questions."""
    wanted = {pk for pk in question_ids if pk is not None}
    if not wanted:
        return {}
    rows = ComparedAnswer.objects.filter(comparison__question_id__in=wanted, answer__isnull=False)
    comparisons: dict[UUID | None, Compared] = {}
    for comparison, among in groupby(
        rows.select_related("comparison").order_by("comparison_id", "pk"), key=lambda row: row.comparison
    ):
        answers = {row.answer_id: row for row in among if row.answer_id is not None}
        if len(answers) > 1:
            comparisons[comparison.question_id] = Compared(comparison.pk, comparison.picked_at is None, answers)
    return comparisons
