"""Budgets for people, groups and API keys, with what is left of them."""

import time
from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from providers import catalogue, units
from providers.admin.base import EMPTY, Label
from providers.admin.limits.trial import TrialAdmin
from providers.catalogue.snapshot_loader import budget_facts
from providers.facts import Caller
from providers.models import Budget
from providers.relay import trials
from providers.relay.budgets.accounts import Account, plain
from providers.relay.budgets.counters import Count
from providers.relay.budgets.holds import counts_blocking
from providers.relay.budgets.periods import period_at
from providers.relay.budgets.warnings import is_due, share
from providers.relay.targets import counter_of


@admin.register(Budget)
class BudgetAdmin(TrialAdmin):
    list_display = ("subject", "limit", "pattern", "used", "enabled")
    list_display_links = ("subject",)
    list_filter = (("unit", ChoicesDropdownFilter), ("period", ChoicesDropdownFilter), "enabled")
    list_filter_submit = True
    list_select_related = ("user", "group", "key")
    list_per_page = 50
    search_fields = ("name", "pattern", "user__email", "user__name", "group__name", "key__name")
    autocomplete_fields = ("user", "group", "key")
    states: Mapping[Any, tuple[Account, Count]] = {}
    fieldsets = (
        (
            gettext_lazy("For whom"),
            {
                "fields": ("name", "enabled", "everybody", "user", "group", "key"),
                "description": gettext_lazy(
                    "Choose each person, one person, one group or one API key; with none of them, the budget is for "
                    "all people together. The budget of a key replaces that of its person, and the budget of a person "
                    "the one for each person, where they count the same thing over the same time: it may be lower or "
                    "higher. What a group or all people may use together counts besides."
                ),
            },
        ),
        (gettext_lazy("How much"), {"fields": ("unit", "amount", "period", "pattern", "warn_at")}),
    )

    @display(description=gettext_lazy("For"), header=True)
    def subject(self, row: Budget) -> list[Any]:
        return [str(row.user or row.group or row.key or row.Subject(row.target).label), row.name]

    @display(description=gettext_lazy("How much"), ordering="amount")
    def limit(self, row: Budget) -> str:
        values = {"amount": plain(row.amount), "unit": row.get_unit_display(), "period": row.get_period_display()}
        return _("%(amount)s %(unit)s per %(period)s") % values

    @display(description=gettext_lazy("Used"), label={"ok": "success", "due": "warning", "spent": "danger"})
    def used(self, row: Budget) -> Any:
        """What is used of a budget with one counter; each person has one of their own."""
        account, count = self.states.get(row.pk, (None, None))
        if account is None or count is None:
            return EMPTY
        facts = account.budget
        state = "spent" if count.spent >= facts.amount else "due" if is_due(account, count.spent) else "ok"
        return Label(state, f"{plain(units.amount_of(facts.unit, count.spent))} ({share(account, count.spent)} %)")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list, with the counters of its page: all that no process has in memory are read by one query."""
        changelist = super().get_changelist_instance(request)
        accounts = {row.pk: account for row in changelist.result_list if (account := _account_of(row)) is not None}
        counts = counts_blocking(list(accounts.values()))
        changelist.model_admin.states = dict(zip(accounts, zip(accounts.values(), counts, strict=True), strict=True))
        return changelist

    def trial_of(self, row: Budget) -> trials.Trial:
        return trials.of_budget(budget_facts(row), catalogue.snapshot_blocking().budgets)


def _account_of(row: Budget) -> Account | None:
    """The counter of a budget that has one and counts; None for others."""
    facts = budget_facts(row)
    if facts.target == "everyone" or not row.enabled:
        return None
    caller = Caller(row.user_id or 0, "", "", "user", group_ids=frozenset([row.group_id or 0]), key_id=row.key_id)
    return Account(facts, counter_of(facts, caller), caller, period_at(facts.period, time.time()))
