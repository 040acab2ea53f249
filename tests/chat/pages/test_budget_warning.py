"""The line about budgets that are nearly used up, on the pages of chats and pictures."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from imagegen.models import ImageSettings
from providers import runtime
from providers.models import Budget, UsageRecord
from tests.imagegen.conftest import make_engine, store  # noqa: F401  fixtures

pytestmark = pytest.mark.django_db
PAGES = ("/", "/images")


@pytest.fixture
def alices(client, alice, make_engine):  # noqa: F811
    engine = make_engine(kind="placeholder")
    ImageSettings.objects.update_or_create(pk=1, defaults={"enabled": True, "engine": engine})
    client.force_login(alice)
    return client


def pages(alices):
    return [alices.get(address).content.decode() for address in PAGES]


def test_without_a_budget_pages_hold_nothing_and_ask_for_nothing(alices):
    for page in pages(alices):
        assert "budget-warning" not in page
    assert alices.get("/budget-warning").content.decode().strip() == ""


def test_a_budget_past_its_share_is_told_with_what_is_left_and_until_when(alices, alice, bob):
    Budget.objects.create(user=alice, name="Mine", unit="pictures", amount=10, period="day", pattern="dall*")
    Budget.objects.create(user=bob, name="Not mine", unit="pictures", amount=10)
    UsageRecord.objects.create(user=alice, model="dall-e", kind="image", images=7)
    for page in pages(alices):
        assert 'id="budget-warning"' in page
        assert "Mine" not in page
    UsageRecord.objects.create(user=alice, model="dall-e", kind="image", images=1)
    runtime.replace()
    for page in pages(alices):
        assert "Budget “Mine (dall*)”: 2 of 10 pictures are left until" in page
        assert 'href="/settings/usage"' in page
        assert "Not mine" not in page
    UsageRecord.objects.create(user=alice, model="dall-e", kind="image", images=5)
    runtime.replace()
    assert "all of 10 pictures is used up until" in alices.get("/budget-warning").content.decode()


def test_a_budget_of_all_people_concerns_each_of_them_and_one_that_forbids_is_no_news(alices, bob):
    Budget.objects.create(name="House", unit="tokens", amount=100)
    Budget.objects.create(everybody=True, unit="money", amount=0, pattern="dear*")
    UsageRecord.objects.create(user=bob, model="m1", kind="chat", tokens_in=1085)
    page = alices.get("/").content.decode()
    assert "“House”: all of 100 tokens" in page
    assert "nearly used up" not in page


def test_the_counters_of_a_page_are_read_from_the_records_once(alices, alice):
    Budget.objects.create(user=alice, unit="tokens", amount=100)
    Budget.objects.create(everybody=True, unit="money", amount=100)
    alices.get("/")
    with CaptureQueriesContext(connection) as captured:
        alices.get("/")
    assert [query for query in captured if "usagerecord" in query["sql"]] == []
