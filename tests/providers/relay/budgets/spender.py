"""A process that spends budgets, for tests of several: a JSON object a line on stdin, its answer a line on stdout."""

import asyncio
import json
import sys

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402

from providers import runtime  # noqa: E402
from providers.catalogue.snapshot_loader import budget_facts  # noqa: E402
from providers.facts import Caller, GatewayFacts, Snapshot  # noqa: E402
from providers.models import Budget  # noqa: E402
from providers.process import background  # noqa: E402
from providers.relay import budgets  # noqa: E402
from providers.relay.budgets import shared  # noqa: E402
from providers.relay.usage import CallUsage  # noqa: E402

shared.SECONDS = 60  # a busy machine is no outage


def rows(order):
    """A person, and a budget of tokens for each person."""
    person, _new = get_user_model().objects.get_or_create(email=order["email"], defaults={"name": "Alice"})
    budget = Budget.objects.create(everybody=True, unit="tokens", period="month", **order["budget"])
    return {"person": person.pk, "budget": budget.pk}


async def spend(order):
    """Calls, `width` at once: (estimate, really used) each. Answers what the admitted ones used."""
    settings.REDIS_PREFIX = order["prefix"]
    row = Budget(
        pk=order["budget"], everybody=True, unit="tokens", period="month", amount=order["amount"],
        warn_at=order.get("warn_at"),
    )  # fmt: skip
    snapshot = Snapshot(0, {}, {}, GatewayFacts(), budgets=(budget_facts(row),))
    caller = Caller(order["person"], order["email"], "", "user")
    gate, used = asyncio.Semaphore(order["width"]), []

    async def call(estimate, real):
        async with gate:
            try:
                hold = await budgets.reserve(caller, snapshot, "m1", budgets.Used(tokens=estimate))
            except Exception as error:
                if error.status != 429:
                    raise
                return
            used.append(real)
            hold.settle(CallUsage("chat", model="m1", tokens_in=real))
            await asyncio.gather(*runtime.state(shared.SharedAccounts).tasks)

    await asyncio.gather(*(call(*one) for one in order["calls"]))
    await asyncio.get_running_loop().run_in_executor(None, background.drain)  # the note of a warning is written
    return {"used": used}


async def main():
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        answer = await spend(order) if "calls" in order else await loop.run_in_executor(None, rows, order)
        print(json.dumps(answer), flush=True)


asyncio.run(main())
runtime.close()
