"""The counters that a call counts in: one for each budget that concerns its caller and its model."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from providers import units
from providers.errors import CallerError
from providers.facts import BudgetFacts, Caller
from providers.relay import targets
from providers.relay.budgets.periods import Span, moment, period_at
from providers.sentences import sentence as _

PERIODS = {"day": _("day"), "week": _("week"), "month": _("month")}
UNITS = {units.MONEY: _("US dollars"), units.TOKENS: _("tokens"), units.PICTURES: _("pictures")}


class BudgetSpent(CallerError):
    """As OpenAI answers an account that is used up; docs/upstreams/openai.md, “Errors”."""

    status = 429
    code = "insufficient_quota"
    type = "insufficient_quota"


@dataclass(frozen=True, slots=True)
class Account:
    """One counter of a budget in one period."""

    budget: BudgetFacts
    name: str  # whose counter: see `targets.counter_of`
    caller: Caller
    period: Span

    @property
    def key(self) -> str:
        """The name of the counter. A row that counts something else after an edit has another one."""
        meaning = zlib.crc32(f"{self.budget.unit} {self.budget.pattern}".encode())
        return f"budget:{self.name}:{self.budget.period}:{self.period.start}:{meaning:x}"

    def spent_error(self) -> BudgetSpent:
        return BudgetSpent(_SPENT % self.words(), headers=(("x-should-retry", "false"),))

    def words(self) -> dict[str, Any]:
        return {
            "amount": plain(units.amount_of(self.budget.unit, self.budget.amount)),
            "unit": UNITS[self.budget.unit],
            "period": PERIODS[self.budget.period],
            "when": f"{moment(self.period.end):%Y-%m-%d %H:%M %Z}",
        }


_SPENT = _("The budget of %(amount)s %(unit)s per %(period)s is spent. It begins anew on %(when)s.")


def plain(amount: Any) -> str:
    """A decimal number without an exponent and without zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def accounts_for(caller: Caller, rows: Iterable[BudgetFacts], now: float, model: str | None = None) -> list[Account]:
    """The counters of a caller's call of this model, a public id; without a model, those of all their budgets.

    Budgets that limit the same thing (unit, period and models) replace each other as `providers.relay.targets` says.
    """
    alike: dict[tuple[str, str, str], list[tuple[BudgetFacts, str]]] = {}
    for row, name in targets.concerning(caller, rows):
        if model is None or row.counts(model):
            alike.setdefault((row.unit, row.period, row.pattern), []).append((row, name))
    return [
        Account(row, name, caller, period_at(row.period, now))
        for rows_of in alike.values()
        for row, name in targets.most_specific(rows_of)
    ]
