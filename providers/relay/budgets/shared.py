"""The counters of budgets in Redis, which all processes share.

A counter is a hash: `s` is what is spent, `h` and the number of a slot what was reserved in it. Each step is one
script, so two processes cannot both take the last of a budget. While Redis is away, each process counts by itself, and
what it counts meanwhile is added when Redis is back.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings

from providers import runtime
from providers.relay.budgets.accounts import Account
from providers.relay.budgets.counters import SLOTS, Ask, Count, ProcessAccounts

SECONDS = 0.25  # the timeout of a call to Redis
PAUSE = 5.0  # seconds without Redis after a failure
MOST_UNRELEASED = 10_000  # reservations that are remembered while Redis is away; others end with their slot
KEPT_SECONDS = 3600  # how long a counter stays after its period

# ARGV: the slot, the number of slots, then for each key: limit, reserve, need. Answers whether the call may begin, then
# for each key what was spent and reserved before it; -1 for a key that is missing.
RESERVE = """
local slot, slots = tonumber(ARGV[1]), tonumber(ARGV[2])
local answer, refused = {1}, false
for i, key in ipairs(KEYS) do
  local fields = redis.call('HGETALL', key)
  local spent, held = -1, 0
  for f = 1, #fields, 2 do
    local name, value = fields[f], tonumber(fields[f + 1])
    if name == 's' then
      spent = value
    else
      local number = tonumber(string.sub(name, 2))
      if number <= slot - slots then redis.call('HDEL', key, name) else held = held + value end
    end
  end
  local at = 3 + (i - 1) * 3
  if spent < 0 or spent + held + tonumber(ARGV[at + 2]) > tonumber(ARGV[at]) then refused = true end
  answer[#answer + 1] = string.format('%.0f', spent)
  answer[#answer + 1] = string.format('%.0f', held)
end
if refused then
  answer[1] = 0
else
  for i, key in ipairs(KEYS) do
    redis.call('HINCRBY', key, 'h' .. ARGV[1], ARGV[4 + (i - 1) * 3])
  end
end
return answer
"""
# ARGV: for each key a field and what to add to it. Adds to fields that are there; answers their new values, else -1.
# What is reserved is never less than nothing: a process that was taken for dead may give back once more.
ADD = """
local answer = {}
for i, key in ipairs(KEYS) do
  local field, amount = ARGV[i * 2 - 1], ARGV[i * 2]
  if redis.call('HEXISTS', key, field) == 1 then
    local value = redis.call('HINCRBY', key, field, amount)
    if value < 0 then redis.call('HSET', key, field, '0') end
    answer[i] = string.format('%.0f', value)
  else
    answer[i] = '-1'
  end
end
return answer
"""
# ARGV: for each key its total and the seconds that it stays. A counter that another process began stays as it is.
BEGIN = """
for i, key in ipairs(KEYS) do
  if redis.call('HSETNX', key, 's', ARGV[i * 2 - 1]) == 1 then redis.call('EXPIRE', key, ARGV[i * 2]) end
end
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reservation:
    """The answer of `reserve`: the counters before the call, None for those that are missing."""

    counts: list[Count | None]


class SharedAccounts:
    """The counters, with one client per event loop."""

    def __init__(self) -> None:
        self.clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self.paused_until = 0.0
        self.was_away = False
        self.owed: dict[str, int] = {}  # what was spent while Redis was away
        self.unreleased: list[tuple[str, str, int]] = []  # what was to be given back: counter, field, amount
        self.lock = threading.Lock()
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self.paused_until

    async def reserve(self, asks: list[Ask], slot: int) -> Reservation | None:
        """As `ProcessAccounts.reserve`. Nothing is reserved where a counter is missing. None without Redis."""
        numbers: list[Any] = [slot, SLOTS]
        for ask in asks:
            numbers += [ask.account.budget.amount, ask.reserve, ask.need]
        await self._pay_back()
        answer = await self._run(RESERVE, [ask.account.key for ask in asks], numbers)
        if answer is None:
            return None
        values = [int(value) for value in answer[1:]]
        pairs = zip(values[::2], values[1::2], strict=True)
        return Reservation([None if spent < 0 else Count(spent, held) for spent, held in pairs])

    async def counts(self, keys: list[str], slot: int) -> list[Count | None] | None:
        """The state of counters; None for those that are missing. None as a whole without Redis."""
        answer = await self._run(RESERVE, keys, [slot, SLOTS, *([-1, 0, 0] * len(keys))])
        if answer is None:
            return None
        values = [int(value) for value in answer[1:]]
        return [
            None if spent < 0 else Count(spent, held) for spent, held in zip(values[::2], values[1::2], strict=True)
        ]

    async def begin(self, totals: Mapping[str, int], accounts: list[Account], now: float) -> None:
        """Start counters with their totals by key, unless another process has."""
        numbers: list[int] = []
        for account in accounts:
            numbers += [totals[account.key], int(account.period.end - now) + KEPT_SECONDS]
        await self._run(BEGIN, [account.key for account in accounts], numbers)

    async def end(self, spent: Mapping[str, int], reserved: Mapping[str, int], slot: int) -> dict[str, int] | None:
        """Count what was used by key, and take reservations of this slot back, in one step; returns the new totals.

        None without Redis: what was used is added later.
        """
        released = [(key, f"h{slot}", -amount) for key, amount in reserved.items()]
        answer = await self._add([*((key, "s", amount) for key, amount in spent.items()), *released])
        if answer is None:
            with self.lock:
                for key, amount in spent.items():
                    self.owed[key] = self.owed.get(key, 0) + amount
                self.unreleased = [*self.unreleased, *released][-MOST_UNRELEASED:]
            return None
        return {key: total for key, value in zip(spent, answer, strict=False) if (total := int(value)) >= 0}

    async def _add(self, steps: list[tuple[str, str, int]]) -> Any:
        """Add to fields of counters: (key, field, amount)."""
        numbers = [number for _key, name, amount in steps for number in (name, amount)]
        return await self._run(ADD, [key for key, _name, _amount in steps], numbers)

    async def _pay_back(self) -> None:
        """Add what was spent while Redis was away, and give back what ended meanwhile. The counters of this process
        begin anew at the next outage.
        """
        if not self.was_away or self.is_away:
            return
        with self.lock:
            owed, self.owed, self.was_away = self.owed, {}, False
            unreleased, self.unreleased = self.unreleased, []
        runtime.state(ProcessAccounts).forget()
        if unreleased:
            await self._add(unreleased)
        if owed:
            await self.end(owed, {}, 0)

    async def _run(self, script: str, keys: list[str], numbers: list[Any]) -> Any:
        """The answer of a script; None without Redis."""
        if self.is_away:
            return None
        try:
            async with asyncio.timeout(SECONDS):
                client = self._client()
                names = [f"{settings.REDIS_PREFIX}:{key}" for key in keys]
                return await client.register_script(script)(keys=names, args=numbers) or []
        except Exception as error:
            logger.warning("Each process counts budgets by itself for now: %s", error.__class__.__name__)
            self.paused_until, self.was_away = time.monotonic() + PAUSE, True
            return None

    def _client(self) -> Any:
        from redis import asyncio as redis

        loop = asyncio.get_running_loop()
        if loop not in self.clients:
            self.clients[loop] = redis.from_url(settings.REDIS_URL)
        return self.clients[loop]
