"""The counters of budgets: what is spent, and what calls under way have reserved.

A reservation is kept in a slot of `SLOT_SECONDS`. Slots count for `SLOTS` of these: what a process reserved that has
died since is free again after that time.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from providers.relay.budgets.accounts import Account

SLOT_SECONDS = 300
SLOTS = 7


def slot_at(now: float) -> int:
    return int(now // SLOT_SECONDS)


class Ask(NamedTuple):
    """What a call asks of one counter, in the smallest units."""

    account: Account
    reserve: int  # what the call will use by an estimate
    need: int  # what has to be left for it to begin


class Count(NamedTuple):
    """The state of one counter before a call, in the smallest units."""

    spent: int
    reserved: int


def is_over(ask: Ask, count: Count) -> bool:
    return count.spent + count.reserved + ask.need > ask.account.budget.amount


@dataclass(slots=True)
class _Counter:
    spent: int
    end: int  # of the period
    slots: dict[int, int] = field(default_factory=dict)

    def count(self, slot: int) -> Count:
        for old in [other for other in self.slots if other <= slot - SLOTS]:
            del self.slots[old]
        return Count(self.spent, sum(self.slots.values()))


class ProcessAccounts:
    """The counters of this process. A counter begins with the total of the usage records."""

    def __init__(self) -> None:
        self.counters: dict[str, _Counter] = {}
        self.lock = threading.Lock()

    def missing(self, accounts: Iterable[Account]) -> list[Account]:
        return [account for account in accounts if account.key not in self.counters]

    def begin(self, totals: Mapping[str, int], accounts: Iterable[Account], now: float) -> None:
        """Start the counters whose totals are known, by key, and drop those whose period is over."""
        with self.lock:
            self.counters = {key: counter for key, counter in self.counters.items() if counter.end > now}
            for account in accounts:
                if account.key in totals:
                    self.counters.setdefault(account.key, _Counter(totals[account.key], account.period.end))

    def reserve(self, asks: list[Ask], slot: int) -> list[Count]:
        """The state of the counters; unless one is over, the call reserves what it asks for in each."""
        with self.lock:
            counts = [self._count(ask.account.key, slot) for ask in asks]
            if not any(is_over(ask, count) for ask, count in zip(asks, counts, strict=True)):
                for ask in asks:
                    if counter := self.counters.get(ask.account.key):
                        counter.slots[slot] = counter.slots.get(slot, 0) + ask.reserve
            return counts

    def _count(self, key: str, slot: int) -> Count:
        counter = self.counters.get(key)
        return counter.count(slot) if counter else Count(0, 0)

    def counts(self, keys: Iterable[str], slot: int) -> list[Count | None]:
        """The state of counters; None for those that are missing."""
        with self.lock:
            return [self._count(key, slot) if key in self.counters else None for key in keys]

    def add(self, spent: Mapping[str, int]) -> dict[str, int]:
        """Count what was used by key; returns the new totals. A counter that is missing begins with the records."""
        with self.lock:
            for key, amount in spent.items():
                if counter := self.counters.get(key):
                    counter.spent += amount
            return {key: counter.spent for key in spent if (counter := self.counters.get(key))}

    def forget(self) -> None:
        """Begin anew with the records: all processes count together again."""
        with self.lock:
            self.counters = {}

    def release(self, reserved: Mapping[str, int], slot: int) -> None:
        """Take reservations of this slot back."""
        with self.lock:
            for key, amount in reserved.items():
                counter = self.counters.get(key)
                if counter and slot in counter.slots:
                    counter.slots[slot] = max(0, counter.slots[slot] - amount)
