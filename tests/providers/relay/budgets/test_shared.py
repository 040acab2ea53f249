"""Budgets that processes share through Redis: never passed by more than the calls under way."""

import asyncio
import time
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.facts import BudgetFacts, Caller
from providers.relay.budgets import shared
from providers.relay.budgets.accounts import accounts_for
from providers.relay.budgets.counters import SLOTS, Ask, Count, is_over
from providers.relay.budgets.shared import SharedAccounts

CALLER = Caller(7, "a@example.com", "A", "user")
FORGIVING = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def account_of(amount):
    row = BudgetFacts(1, "", "everyone", None, "tokens", amount, "day", None)
    return accounts_for(CALLER, [row], time.time(), "m1")[0]


async def close(*processes):
    for process in processes:
        for client in process.clients.values():
            await client.aclose()


@pytest.fixture
def shared_redis(settings, redis_url, monkeypatch):
    settings.REDIS_URL = redis_url
    monkeypatch.setattr(shared, "SECONDS", 30)  # a busy machine is no outage
    return settings


@pytest.mark.redis
@FORGIVING
@given(
    amount=st.integers(0, 200),
    calls=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 60), st.integers(0, 60)), max_size=25),
    width=st.integers(1, 8),
)
def test_a_budget_is_passed_by_no_more_than_the_calls_under_way(shared_redis, amount, calls, width):
    """`calls`: (process, estimate, really used); `width` of them run at once."""
    shared_redis.REDIS_PREFIX = f"budgets-{uuid.uuid4()}"

    async def run():
        processes, account = (SharedAccounts(), SharedAccounts()), account_of(amount)
        await processes[0].begin({account.key: 0}, [account], time.time())
        gate, used = asyncio.Semaphore(width), []

        async def call(which, estimate, real):
            async with gate:
                ask = Ask(account, reserve=estimate, need=1)
                answer = await processes[which].reserve([ask], 1000)
                if not is_over(ask, answer.counts[0]):
                    await asyncio.sleep(0)
                    used.append(real)
                    await processes[1 - which].end({account.key: real}, {account.key: estimate}, 1000)

        await asyncio.gather(*(call(*one) for one in calls))
        counts = await processes[1].counts([account.key], 1000)
        await close(*processes)
        return used, counts

    used, counts = asyncio.run(run())
    assert counts == [Count(sum(used), 0)]
    assert sum(used) <= amount + sum(sorted(used)[-width:])


@pytest.mark.redis
async def test_what_a_dead_process_reserved_is_free_again(shared_redis):
    shared_redis.REDIS_PREFIX = f"budgets-{uuid.uuid4()}"
    process, account = SharedAccounts(), account_of(10)
    ask = Ask(account, reserve=10, need=1)
    assert (await process.reserve([ask], 5)).counts == [None]  # not begun: nothing is reserved
    await process.begin({account.key: 2}, [account], time.time())
    await process.begin({account.key: 9}, [account], time.time())  # another process was first
    assert (await process.reserve([ask], 5)).counts == [Count(2, 0)]
    assert (await process.reserve([ask], 5 + SLOTS - 1)).counts == [Count(2, 10)]
    assert (await process.reserve([ask], 5 + SLOTS)).counts == [Count(2, 0)]
    await close(process)


@pytest.mark.redis
async def test_what_was_used_while_redis_was_away_is_added_later(shared_redis):
    shared_redis.REDIS_PREFIX = f"budgets-{uuid.uuid4()}"
    process, account = SharedAccounts(), account_of(100)
    await process.begin({account.key: 1}, [account], time.time())
    await process.reserve([Ask(account, 50, 1)], 5)
    process.paused_until, process.was_away = time.monotonic() + 60, True
    assert await process.reserve([Ask(account, 5, 1)], 5) is None
    assert await process.end({account.key: 7}, {account.key: 50}, 5) is None
    process.paused_until = 0.0
    assert (await process.reserve([Ask(account, 5, 1)], 5)).counts == [Count(8, 0)]
    await process.end({}, {account.key: 50}, 5)  # once more, by a process that was taken for dead
    assert (await process.reserve([Ask(account, 5, 1)], 5)).counts == [Count(8, 0)]
    await close(process)
