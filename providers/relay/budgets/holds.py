"""The verbs of budgets: a call reserves an estimate at its start, and counts what it used at its end.

A budget is passed by no more than what the calls under way use beyond their estimates: a call begins only while what is
spent and what others have reserved leaves something.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from providers import catalogue, pricing, runtime, units
from providers.errors import RateLimited
from providers.facts import BudgetFacts, Caller, Snapshot
from providers.process import background, waiting
from providers.relay import usage
from providers.relay.budgets import totals, warnings
from providers.relay.budgets.accounts import Account, accounts_for
from providers.relay.budgets.counters import Ask, Count, ProcessAccounts, is_over, slot_at
from providers.relay.budgets.shared import SharedAccounts
from providers.relay.usage import CallUsage
from providers.sentences import sentence as _

BUSY_SECONDS = 5.0  # when to try again while calls under way may use up the rest
LOAD_PAUSE = 5.0  # seconds without reading totals after the database did not answer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Used:
    """What a call uses, by an estimate or in fact. `cost` in US dollars; None where no price is known."""

    tokens: int = 0
    pictures: int = 0
    cost: Decimal | None = None

    def of(self, unit: str) -> int:
        """How much of a unit, in the smallest units."""
        if unit == units.TOKENS:
            return self.tokens
        return self.pictures if unit == units.PICTURES else units.smallest(unit, self.cost or Decimal(0))


@dataclass(slots=True)
class Hold:
    """The reservation of one call. `settle` or `release` ends it; both return at once, from any thread."""

    caller: Caller
    snapshot: Snapshot
    reserved: dict[str, int] = field(default_factory=dict)  # by the key of a counter, in the smallest units
    slot: int = 0
    is_shared: bool = False  # reserved in Redis

    def price(self, call: CallUsage) -> None:
        """Fill in the cost of a call that has ended, before its record is queued, where a budget of money needs it."""
        if call.cost is None and any(row.unit == units.MONEY for row in self.snapshot.budgets):
            usage.read_reported(call)
            call.cost = pricing.cost_of(call, self.snapshot, wait=False)

    def settle(self, call: CallUsage, tokens: int | None = None) -> None:
        """Count what the call used, and give back what was reserved. `tokens` where the provider did not tell them."""
        used = Used(call.tokens_in + call.tokens_out if tokens is None else tokens, call.images, call.cost)
        accounts = accounts_for(self.caller, self.snapshot.budgets, time.time(), call.model)
        spent = {account.key: amount for account in accounts if (amount := used.of(account.budget.unit))}
        reserved, self.reserved = self.reserved, {}
        _end(accounts, spent, reserved, self.slot, is_shared=self.is_shared)

    def as_json(self) -> dict[str, Any] | None:
        """The reservation for a row, for the process that takes the work over; None where no other knows it."""
        if not self.is_shared:
            return None
        return {"reserved": self.reserved, "slot": self.slot, "key": self.caller.key_id}

    def release(self) -> None:
        """Give back what was reserved: the call used nothing, or has counted it."""
        reserved, self.reserved = self.reserved, {}
        if reserved:
            _end([], {}, reserved, self.slot, is_shared=self.is_shared)


async def reserve(caller: Caller, snapshot: Snapshot, model: str, estimate: Used) -> Hold:
    """Reserve an estimate in every budget that concerns this caller and model, a public id.

    Raises BudgetSpent, and RateLimited where only the calls under way use up the rest.
    """
    now = time.time()
    asks = _asks(caller, snapshot, model, estimate, now)
    if not asks:
        return Hold(caller, snapshot)
    slot = slot_at(now)
    counts = await _reserve_shared(asks, slot, now) if settings.REDIS_URL else None
    is_shared = counts is not None
    if counts is None:
        counters = runtime.state(ProcessAccounts)
        if missing := counters.missing(ask.account for ask in asks):
            counters.begin(await runtime.state(Loads).totals(missing), missing, now)
        counts = counters.reserve(asks, slot)
    return _hold(caller, snapshot, asks, counts, slot, is_shared=is_shared)


def reserve_blocking(caller: Caller, model: str, estimate: Callable[[], Used]) -> Hold | None:
    """`reserve` for code in a thread, with the rows of the configuration; None without budgets."""
    snapshot = catalogue.snapshot_blocking()
    if not snapshot.budgets:
        return None
    now = time.time()
    asks = _asks(caller, snapshot, model, estimate(), now)
    slot = slot_at(now)
    counts = waiting.on_loop(_reserve_shared)(asks, slot, now) if asks and settings.REDIS_URL else None
    is_shared = counts is not None
    if counts is None:
        counters = runtime.state(ProcessAccounts)
        if missing := counters.missing(ask.account for ask in asks):
            counters.begin(totals.load(missing), missing, now)
        counts = counters.reserve(asks, slot)
    return _hold(caller, snapshot, asks, counts, slot, is_shared=is_shared)


def taken_over(caller: Callable[[], Caller], stored: Mapping[str, Any] | None) -> Hold | None:
    """The hold of work that another process began, by its `Hold.as_json`; None without budgets.

    What was not reserved in Redis is not known here: such a hold only counts what was used.
    """
    snapshot = catalogue.snapshot_blocking()
    if not stored:
        return Hold(caller(), snapshot) if snapshot.budgets else None
    person = replace(caller(), key_id=stored["key"])
    return Hold(person, snapshot, dict(stored["reserved"]), stored["slot"], is_shared=True)


def check_not_empty(caller: Caller, rows: Iterable[BudgetFacts], model: str) -> None:
    """Raises BudgetSpent where a budget leaves this caller nothing at all: what runs already has to end too."""
    for account in accounts_for(caller, rows, time.time(), model):
        if account.budget.amount == 0:
            raise account.spent_error()


def check_left(caller: Caller, rows: Iterable[BudgetFacts], model: str) -> None:
    """Raises BudgetSpent where nothing is left of a budget for this model. Reserves nothing. For threads."""
    accounts = accounts_for(caller, rows, time.time(), model)
    counts = counts_blocking(accounts)
    limited = [
        account
        for account, count in zip(accounts, counts, strict=True)
        if count.spent >= account.budget.amount and account.budget.unit != units.PICTURES  # an answer may have none
    ]
    if limited:
        raise max(limited, key=lambda account: account.period.end).spent_error()


def _asks(caller: Caller, snapshot: Snapshot, model: str, estimate: Used, now: float) -> list[Ask]:
    """What is asked of each counter. The number of pictures is known beforehand, so all of them have to be left; of
    tokens and money something has to be left.
    """
    asks = []
    for account in accounts_for(caller, snapshot.budgets, now, model):
        amount = estimate.of(account.budget.unit)
        is_exact = account.budget.unit == units.PICTURES
        if not is_exact or amount:  # whoever asks for no picture needs none to be left
            asks.append(Ask(account, reserve=amount, need=amount if is_exact else 1))
    return asks


def _hold(
    caller: Caller, snapshot: Snapshot, asks: list[Ask], counts: list[Count], slot: int, *, is_shared: bool
) -> Hold:
    """The hold of a call whose reservation was tried. Raises as `reserve`."""
    warnings.look([(ask.account, count.spent) for ask, count in zip(asks, counts, strict=True)])
    over = [(ask, count) for ask, count in zip(asks, counts, strict=True) if is_over(ask, count)]
    spent = [ask.account for ask, count in over if is_over(ask, count._replace(reserved=0))]
    if spent:
        raise max(spent, key=lambda account: account.period.end).spent_error()
    if over:
        raise RateLimited(
            _(
                "Calls under way may use up the rest of the budget of %(amount)s %(unit)s per %(period)s. "
                "Try again in a moment."
            )
            % over[0][0].account.words(),
            retry_after=BUSY_SECONDS,
        )
    return Hold(caller, snapshot, {ask.account.key: ask.reserve for ask in asks if ask.reserve}, slot, is_shared)


async def _reserve_shared(asks: list[Ask], slot: int, now: float) -> list[Count] | None:
    """The counters in Redis after a reservation was tried there; None without Redis, or where totals cannot be read."""
    shared = runtime.state(SharedAccounts)
    for _attempt in range(2):
        answer = await shared.reserve(asks, slot)
        if answer is None:
            return None
        counts = [count for count in answer.counts if count is not None]
        if len(counts) == len(asks):
            return counts
        missing = [ask.account for ask, count in zip(asks, answer.counts, strict=True) if count is None]
        loaded = await runtime.state(Loads).totals(missing)
        if not loaded:
            return None
        await shared.begin(loaded, missing, now)
    return None


def _end(
    accounts: list[Account], spent: Mapping[str, int], reserved: Mapping[str, int], slot: int, *, is_shared: bool
) -> None:
    """Count and give back, in Redis where it answers, and else in this process."""
    shared = runtime.state(SharedAccounts)
    if settings.REDIS_URL:
        work = partial(_end_shared, accounts, spent, reserved if is_shared else {}, slot)
        try:
            task = asyncio.get_running_loop().create_task(work())
        except RuntimeError:  # a thread: picture jobs
            waiting.on_loop(work)()
        else:
            shared.tasks.add(task)
            task.add_done_callback(shared.tasks.discard)
    if not (settings.REDIS_URL and is_shared):
        runtime.state(ProcessAccounts).release(reserved, slot)
    if not settings.REDIS_URL:
        _count_here(accounts, spent)


async def _end_shared(
    accounts: list[Account], spent: Mapping[str, int], reserved: Mapping[str, int], slot: int
) -> None:
    shared = runtime.state(SharedAccounts)
    if not spent and not reserved:
        return
    after = await shared.end(spent, reserved, slot)
    if after is None:
        _count_here(accounts, spent)
    else:
        warnings.look([(account, after[account.key]) for account in accounts if account.key in after])


def _count_here(accounts: list[Account], spent: Mapping[str, int]) -> None:
    after = runtime.state(ProcessAccounts).add(spent)
    warnings.look([(account, after[account.key]) for account in accounts if account.key in after])


class Loads:
    """The totals that are being read: calls that need the same one wait for one read."""

    def __init__(self) -> None:
        self.pending: dict[tuple[str, ...], Future[dict[str, int]]] = {}
        self.paused_until = 0.0

    async def totals(self, accounts: list[Account]) -> dict[str, int]:
        """The totals by key; none while the database does not answer, because no call fails for that."""
        keys = tuple(account.key for account in accounts)
        if time.monotonic() >= self.paused_until:
            future = self.pending.get(keys)
            if future is None:
                future = self.pending[keys] = background.submit(partial(totals.load, accounts))
            try:
                return await asyncio.shield(asyncio.wrap_future(future))
            except (DatabaseError, InterfaceError) as error:
                logger.warning("The totals of budgets cannot be read, calls are admitted meanwhile: %s", error)
                self.paused_until = time.monotonic() + LOAD_PAUSE
            finally:
                if future.done():
                    self.pending.pop(keys, None)
        return {}


def counts_blocking(accounts: list[Account]) -> list[Count]:
    """The state of counters, for pages: as the verbs see it.

    A counter that nobody has begun is begun with the total of the records, so the next page makes no query.
    """
    if not accounts:
        return []
    now = time.time()
    slot, keys = slot_at(now), [account.key for account in accounts]
    shared: Any = waiting.on_loop(runtime.state(SharedAccounts).counts)(keys, slot) if settings.REDIS_URL else None
    known = runtime.state(ProcessAccounts).counts(keys, slot) if shared is None else shared
    missing = [account for account, count in zip(accounts, known, strict=True) if count is None]
    loaded = totals.load(missing) if missing else {}
    if missing and shared is not None:
        waiting.on_loop(runtime.state(SharedAccounts).begin)(loaded, missing, now)
    elif missing:
        runtime.state(ProcessAccounts).begin(loaded, missing, now)
    return [count or Count(loaded[key], 0) for key, count in zip(keys, known, strict=True)]
