"""Money of picture jobs: reserved at their start, counted as it really was at their end, given back otherwise."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.utils import timezone

from imagegen import jobs, services
from imagegen.image_request import ImageRequest
from imagegen.jobs import estimates
from providers import callers, catalogue
from providers.errors import RateLimited
from providers.models import Budget, Price
from providers.relay.budgets.accounts import BudgetSpent, accounts_for
from providers.relay.budgets.holds import counts_blocking
from tests.imagegen.drawing import eventually, request_images
from tests.upstream import Gate, Reply, openai
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 30
BILLION = 10**9


@pytest.fixture
def engine(make_engine, connection):
    return make_engine(connection=connection, url="", secret="")


@pytest.fixture
def by_size(engine):
    """Prices by size and quality; a budget of five dollars for each person."""
    Price.objects.create(pattern="gpt-image*", picture=Decimal(2), pictures={"1024x1536 high": 3})
    Budget.objects.create(everybody=True, unit="money", amount=5)


def counters(alice):
    caller = callers.caller_for_user(alice)
    return counts_blocking(accounts_for(caller, catalogue.snapshot_blocking().budgets, timezone.now().timestamp()))


def draw(alice, **values):
    return request_images(alice, {"prompt": "a red kite", **values})[0]


def test_the_estimate_is_by_size_and_quality_or_by_token(engine, by_size):
    def cost(**values):
        return estimates.of_request(engine, ImageRequest(prompt="a kite", model="gpt-image-2", **values)).cost

    assert cost(n=2) == 4
    assert cost(size="1024x1536", params={"quality": "high"}) == 3
    Price.objects.all().delete()
    Price.objects.create(pattern="gpt-image*", input=Decimal(0), picture_output=Decimal(1_000_000))
    assert cost(size="1024x1024", params={"quality": "high"}, n=2) == 8320
    assert cost(size="1024x1536", params={"quality": "low"}) == 408
    Price.objects.all().delete()
    assert cost() is None


def test_money_is_reserved_at_the_start_and_counted_at_the_end(alice, by_size, upstream):
    gate = Gate()
    upstream.script(replace(drawn(png(8, 8)), before=[gate]), path="/images/generations")
    upstream.always(drawn(png(8, 8)), path="/images/generations")
    first = draw(alice, n=2)
    assert [count.reserved for count in counters(alice)] == [4 * BILLION]
    second = draw(alice)  # one dollar is left: it may begin
    with pytest.raises(RateLimited, match="under way"):
        draw(alice)
    services.cancel_job(first)
    jobs.wait_for(first, timeout=PATIENCE)
    gate.open()
    jobs.wait_for(second, timeout=PATIENCE)
    eventually(lambda: counters(alice)[0].reserved == 0)
    assert counters(alice)[0].spent == 2 * BILLION
    jobs.wait_for(draw(alice), timeout=PATIENCE)
    jobs.wait_for(draw(alice), timeout=PATIENCE)
    eventually(lambda: counters(alice)[0].spent == 6 * BILLION)
    with pytest.raises(BudgetSpent):
        draw(alice)


def test_a_job_that_fails_or_waits_in_vain_gives_its_money_back(alice, by_size, engine, upstream):
    upstream.always(openai.error(400), path="/images/generations")
    jobs.wait_for(draw(alice), timeout=PATIENCE)
    eventually(lambda: [(count.spent, count.reserved) for count in counters(alice)] == [(0, 0)])
    gate = Gate()
    upstream.script(Reply(before=[gate]), path="/images/generations")
    engine.concurrency = 1
    engine.save()
    running, waiting = draw(alice), draw(alice)
    services.cancel_job(waiting)
    services.cancel_job(running)
    jobs.wait_for(running, timeout=PATIENCE)
    gate.open()
    eventually(lambda: [(count.spent, count.reserved) for count in counters(alice)] == [(0, 0)])
