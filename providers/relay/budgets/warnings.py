"""The soft end of a budget: people are warned once per period and counter, whichever process notices it.

The person gets a mail where the site sends mails; for a group and for all people together, the administrators do. Each
warning is posted to `BUDGET_WEBHOOK_URL` too, where that is set. Pages show warnings by themselves, from the counters.
"""

import logging
from collections.abc import Iterable
from functools import partial
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _

from providers import addresses, http, runtime, units
from providers.models import Budget, BudgetNotice
from providers.process import background, waiting
from providers.relay.budgets.accounts import Account, plain
from providers.relay.budgets.periods import moment

MOST_KNOWN = 10_000  # counters that a process remembers as warned
MOST_MAILED = 20  # administrators
LIMITS = http.Limits(connect=5, first_byte=10, idle=10, total=20)

logger = logging.getLogger(__name__)


class Warned:
    """The counters whose people this process knows to be warned."""

    def __init__(self) -> None:
        self.keys: set[str] = set()


def look(counts: Iterable[tuple[Account, int]]) -> None:
    """Warn where this much (in the smallest units) is enough. Returns at once; never fails."""
    for account, spent in counts:
        if not is_due(account, spent):
            continue
        warned = runtime.state(Warned)
        if account.key not in warned.keys:
            if len(warned.keys) >= MOST_KNOWN:
                warned.keys.clear()
            warned.keys.add(account.key)
            background.write(partial(_tell, account, spent), what="the warning of a budget")


def is_due(account: Account, spent: int) -> bool:
    """Whether people are to be warned when this much is spent."""
    warn_from = account.budget.warn_from
    return warn_from is not None and spent >= warn_from


def _tell(account: Account, spent: int) -> None:
    """Note that people are warned; whoever is first to note it tells them."""
    try:
        is_new = _note(account)
    except Exception:
        runtime.state(Warned).keys.discard(account.key)  # the next call tries again
        raise
    if not is_new:
        return
    # Apart from each other: a webhook that hangs holds no mail up.
    if settings.BUDGET_WEBHOOK_URL:
        waiting.start(partial(_post, account, spent), what="the warning of a budget to BUDGET_WEBHOOK_URL")
    if settings.EMAIL_ENABLED:
        waiting.start(partial(_send_mails, account, spent), what="the warning of a budget")


def _note(account: Account) -> bool:
    """Write that people are warned; whether nobody had."""
    if not Budget.objects.filter(pk=account.budget.id).exists():
        return False
    _row, is_new = BudgetNotice.objects.get_or_create(
        budget_id=account.budget.id, counter=account.key[:100], period_start=moment(account.period.start)
    )
    return is_new


def _send_mails(account: Account, spent: int) -> None:
    people = _people(account)
    waiting.give_back()
    for person in people:
        with translation.override(person.preferences.get("language") or settings.LANGUAGE_CODE):
            subject = _("%(share)d %% of a budget are used up") % {"share": share(account, spent)}
            try:
                send_mail(subject, _mail(account, spent), None, [person.email])
            except (OSError, SMTPException) as error:  # the others get theirs
                logger.warning("The warning of a budget could not be mailed: %s", error)


def _people(account: Account) -> list[Any]:
    people: Any = get_user_model()._default_manager.filter(is_active=True).exclude(email="")
    if account.budget.target in ("group", "site"):
        return list(people.filter(is_superuser=True).order_by("pk")[:MOST_MAILED])
    return list(people.filter(pk=account.caller.user_id))


def share(account: Account, spent: int) -> int:
    """How much of a budget is used, in per cent."""
    return spent * 100 // account.budget.amount if account.budget.amount else 100


def _mail(account: Account, spent: int) -> str:
    values = {
        **{name: str(value) for name, value in account.words().items()},
        "name": account.budget.name or _("Budget"),
        "spent": plain(units.amount_of(account.budget.unit, spent)),
        "site": addresses.site_name(),
    }
    return (
        _(
            "%(site)s, %(name)s: %(spent)s of %(amount)s %(unit)s per %(period)s are used up.\n"
            "When all of it is used, calls are refused. It begins anew on %(when)s."
        )
        % values
    )


def _post(account: Account, spent: int) -> None:
    budget = account.budget
    is_personal = budget.target not in ("group", "site")
    answer = http.request(
        "POST",
        settings.BUDGET_WEBHOOK_URL,  # of the environment, so it may lead into private networks; redirects do not count
        json={
            "event": "budget.warning",
            "text": _mail(account, spent),  # what Slack and Mattermost show
            "budget": {"id": budget.id, "name": budget.name, "for": budget.target, "models": budget.pattern},
            "user": account.caller.email if is_personal else None,
            "unit": budget.unit,
            "amount": plain(units.amount_of(budget.unit, budget.amount)),
            "spent": plain(units.amount_of(budget.unit, spent)),
            "period": budget.period,
            "resets_at": moment(account.period.end).isoformat(),
        },
        limits=LIMITS,
        secrets=http.Secrets([settings.BUDGET_WEBHOOK_URL]),
    )
    if not 200 <= answer.status < 300:
        logger.warning("BUDGET_WEBHOOK_URL answered the warning of a budget with HTTP %s", answer.status)
