"""Budgets for people, groups and API keys, with what is left of them."""

import time
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from providers import units
from providers.admin.base import EMPTY, Label
from providers.admin.history import HistoryAdmin
from providers.catalogue.snapshot_loader import budget_facts
from providers.facts import Caller
from providers.models import Budget
from providers.relay.budgets.accounts import Account, plain
from providers.relay.budgets.holds import counts_blocking
from providers.relay.budgets.periods import period_at
from providers.relay.budgets.warnings import is_due, share
from providers.relay.targets import counter_of


@admin.register(Budget)
class BudgetAdmin(HistoryAdmin):
    list_display = ("subject", "limit", "pattern", "used", "enabled")
    list_display_links = ("subject",)
    list_filter = (("unit", ChoicesDropdownFilter), ("period", ChoicesDropdownFilter), "enabled")
    list_filter_submit = True
    list_select_related = ("user", "group", "key")
    list_per_page = 50
    search_fields = ("name", "pattern", "user__email", "user__name", "group__name", "key__name")
    autocomplete_fields = ("user", "group", "key")
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
        facts = budget_facts(row)
        caller = Caller(row.user_id or 0, "", "", "user", group_ids=frozenset([row.group_id or 0]), key_id=row.key_id)
        if facts.target == "everyone" or not row.enabled:
            return EMPTY
        account = Account(facts, counter_of(facts, caller), caller, period_at(facts.period, time.time()))
        [count] = counts_blocking([account])
        state = "spent" if count.spent >= facts.amount else "due" if is_due(account, count.spent) else "ok"
        return Label(state, f"{plain(units.amount_of(facts.unit, count.spent))} ({share(account, count.spent)} %)")
