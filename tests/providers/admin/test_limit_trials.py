"""“Try this limit on last week”, on the forms of rate limits and budgets."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from providers.models import Budget, ClientKey, RateLimit, UsageRecord, key_digest
from providers.relay.trials import calls
from tests import people

pytestmark = pytest.mark.django_db
LIMITS, BUDGETS = "/admin/providers/ratelimit/", "/admin/providers/budget/"


@pytest.fixture
def office(admin):
    client = Client()
    client.force_login(admin)
    return client


def noon(days_ago):
    return (timezone.localtime() - timedelta(days=days_ago)).replace(hour=12, minute=0, second=10, microsecond=0)


def record(user, when, **values):
    return UsageRecord.objects.create(
        **{"user": user, "when": when, "model": "m1", "kind": "chat", "status": 200, **values}
    )


def trial(office, address, form):
    response = office.post(address, form)
    assert response.status_code == 200
    return response.context.get("trial"), response.content.decode()


def limit(**values):
    return {"enabled": "on", "target": "everyone", **values}


def budget(**values):
    return {"enabled": "on", "everybody": "on", "unit": "tokens", "amount": "100", "period": "day", **values}


def lines(trial):
    return [(line.person, line.calls, line.stopped) for line in trial.lines]


def test_the_calls_beyond_a_rate_limit_are_named_by_person_and_key(office, alice, bob):
    key = ClientKey.objects.get(digest=key_digest(people.make_key(alice, name="Script")))
    for second in range(5):
        record(alice, noon(2) + timedelta(seconds=second), key=key)
    record(bob, noon(2))
    record(bob, noon(2) + timedelta(minutes=1))
    record(alice, noon(9))
    found, page = trial(office, f"{LIMITS}try/", limit(requests_minute="3"))
    assert (found.calls, found.stopped, found.people) == (7, 2, 1)
    assert [(line.key, line.calls, line.stopped) for line in found.lines] == [(str(key), 5, 2)]
    assert "2 of 7 calls would have been stopped" in page
    assert "Alice" in page
    assert not RateLimit.objects.exists()


def test_tokens_count_when_a_call_has_ended(office, alice):
    record(alice, noon(1) + timedelta(seconds=30), duration_ms=30_000, tokens_out=50)  # begins with the second one
    record(alice, noon(1) + timedelta(seconds=1), duration_ms=500, tokens_in=1)
    record(alice, noon(1) + timedelta(seconds=40), duration_ms=5_000, tokens_in=1)
    found, _page = trial(office, f"{LIMITS}try/", limit(tokens_minute="50"))
    assert (found.calls, found.stopped) == (3, 1)


def test_a_budget_begins_with_what_was_used_before_the_week(office, alice):
    month = (timezone.localtime() - timedelta(days=6)).replace(day=1, hour=0, minute=0, second=1, microsecond=0)
    before = timezone.now() - timedelta(days=8)
    for moment in (max(month, before - timedelta(hours=1)), noon(6), noon(6) + timedelta(hours=1)):
        record(alice, moment, cost=Decimal("0.5"))
    found, _page = trial(office, f"{BUDGETS}try/", budget(unit="money", amount="0.75", period="month"))
    in_period = month <= before
    assert (found.calls, found.stopped) == ((2, 1) if in_period else (found.calls, 1))


def test_each_day_and_each_person_has_a_counter(office, alice, bob):
    for day in (3, 2):
        record(alice, noon(day), tokens_in=100)
        record(alice, noon(day) + timedelta(hours=1), tokens_in=1)
    record(bob, noon(2), tokens_in=100)
    record(bob, noon(2) + timedelta(hours=1), tokens_in=1, model="other")
    found, _page = trial(office, f"{BUDGETS}try/", budget(pattern="m*"))
    assert (found.calls, lines(found)) == (5, [("Alice", 4, 2)])


def test_all_pictures_of_a_call_have_to_be_left(office, alice):
    for minute in range(3):
        record(alice, noon(1) + timedelta(minutes=minute), images=2, kind="image")
    record(alice, noon(1) + timedelta(minutes=9))
    found, _page = trial(office, f"{BUDGETS}try/", budget(unit="pictures", amount="5"))
    assert (found.calls, found.stopped) == (4, 1)


def test_a_row_that_a_more_specific_one_replaces_stops_nobody_there(office, alice, bob):
    RateLimit.objects.create(target="user", user=alice, requests_minute=100)
    Budget.objects.create(user=alice, unit="tokens", amount=1000, period="day")
    for person in (alice, bob):
        for second in range(3):
            record(person, noon(1) + timedelta(seconds=second), tokens_in=100)
    for address, form in ((LIMITS, limit(requests_minute="1")), (BUDGETS, budget())):
        found, _page = trial(office, f"{address}try/", form)
        assert (found.calls, lines(found)) == (3, [("Bob", 3, 2)])


def test_a_group_and_all_people_count_together(office, alice, bob, admin):
    group = Group.objects.create(name="class")
    group.user_set.add(alice, bob)
    for person in (alice, bob, admin):
        record(person, noon(1), tokens_in=60)
        record(person, noon(1) + timedelta(minutes=1), tokens_in=60)
    form = budget(group=str(group.pk))
    del form["everybody"]
    found, _page = trial(office, f"{BUDGETS}try/", form)
    assert (found.calls, found.stopped) == (4, 2)
    del form["group"]
    found, _page = trial(office, f"{BUDGETS}try/", form)
    assert (found.calls, found.stopped) == (6, 3)


def test_the_form_of_a_stored_row_is_tried_with_its_new_values(office, alice):
    row = RateLimit.objects.create(requests_minute=100)
    for second in range(3):
        record(alice, noon(1) + timedelta(seconds=second))
    page = office.get(f"{LIMITS}{row.pk}/change/").content.decode()
    assert f'data-url="{LIMITS}{row.pk}/try/"' in page
    found, words = trial(office, f"{LIMITS}{row.pk}/try/", limit(requests_minute="1", enabled=""))
    assert found.stopped == 2
    assert "Switched on" in words
    row.refresh_from_db()
    assert (row.requests_minute, row.history.count()) == (100, 1)


def test_values_that_could_not_be_saved_are_told(office):
    found, page = trial(office, f"{BUDGETS}try/", budget(amount="-1"))
    assert found is None
    assert "Amount:" in page


def test_only_the_newest_calls_are_looked_at_and_the_page_says_so(office, alice, monkeypatch):
    monkeypatch.setattr(calls, "MOST_CALLS", 3)
    for second in range(5):
        record(alice, noon(1) + timedelta(seconds=second))
    found, page = trial(office, f"{LIMITS}try/", limit(requests_minute="1"))
    assert (found.calls, found.stopped) == (3, 2)
    assert "only the newest" in page


def test_a_trial_takes_as_many_queries_for_many_people(office, alice):
    for second in range(3):
        record(alice, noon(1) + timedelta(seconds=second), tokens_in=200)
    with CaptureQueriesContext(connection) as of_one:
        office.post(f"{BUDGETS}try/", budget())
    for number in range(30):
        person = people.make_user(f"p{number}@example.com")
        for second in range(3):
            record(person, noon(1) + timedelta(seconds=second), tokens_in=200)
    with CaptureQueriesContext(connection) as of_many:
        found, page = trial(office, f"{BUDGETS}try/", budget())
    assert len(of_many) <= len(of_one)  # the first page of a process reads some rows more
    assert (found.people, len(found.lines), found.more) == (31, 20, 11)
    assert "and 11 more" in page


def test_whoever_may_not_save_may_not_try(alice):
    row = RateLimit.objects.create(requests_minute=1)
    alice.is_staff = True
    alice.save()
    alice.user_permissions.add(Permission.objects.get(codename="view_ratelimit"))
    client = Client()
    client.force_login(alice)
    page = client.get(f"{LIMITS}{row.pk}/change/").content.decode()
    assert "limit-trial" not in page
    assert client.post(f"{LIMITS}{row.pk}/try/", limit(requests_minute="1")).status_code == 403
    assert client.post(f"{LIMITS}try/", limit(requests_minute="1")).status_code == 403


def looked_at(office):
    """The list of budgets, and how many queries read records for it."""
    with CaptureQueriesContext(connection) as captured:
        page = office.get(BUDGETS).content.decode()
    return page, len([query for query in captured if "usagerecord" in query["sql"]])


def test_the_list_of_budgets_reads_counters_with_as_many_queries_for_more(office, alice, bob):
    for person in (alice, bob):
        record(person, timezone.now(), tokens_in=90)
        Budget.objects.create(user=person, unit="tokens", amount=100, period="day")
        Budget.objects.create(user=person, unit="money", amount=100, period="month")
    groups = [Group.objects.create(name=name) for name in ("class", "school")]
    for group in groups:
        group.user_set.add(alice, bob)
        Budget.objects.create(group=group, unit="tokens", amount=1000, period="month")
    Budget.objects.create(unit="pictures", amount=10)
    Budget.objects.create(everybody=True, unit="pictures", amount=10)
    page, queries = looked_at(office)
    assert queries <= 4  # per period and column; on the first of a month, day and month begin together
    for number in range(5):
        person = people.make_user(f"Person {number}")
        Budget.objects.create(user=person, unit="tokens", amount=100, period="day")
        Budget.objects.create(user=person, unit="money", amount=100, period="month")
    assert looked_at(office)[1] <= queries  # some are remembered
    assert page.count("90 (90 %)") == 2
    assert page.count("180 (18 %)") == 2  # each of the groups has both
