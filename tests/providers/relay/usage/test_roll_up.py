"""Old usage records become totals of their days: nothing is lost, and nothing is counted twice."""

import subprocess
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from providers.callers import caller_for_user
from providers.facts import BudgetFacts
from providers.models import ClientKey, Connection, UsageRecord, UsageTotal
from providers.relay import own_usage
from providers.relay.budgets import totals as budget_totals
from providers.relay.budgets.accounts import accounts_for
from providers.relay.usage import roll_up, totals
from tests import people
from tests.fixtures.process import ROOT

FIRST = date(2026, 1, 1)
NAMES = (totals.DAY, "user_id", "key_id", "model", "connection_id", "groups")


def record(when, **values):
    known = {"kind": "chat", "status": 200, "tokens_in": 10, "tokens_out": 5, "model": "m1"}
    return UsageRecord.objects.create(when=when, **{**known, **values})


def moment(day, hour=12):
    return datetime(2026, 3, day, hour, tzinfo=timezone.get_default_timezone())


@pytest.fixture
def calls(alice, bob):
    """Calls of three days, with every value that a total has."""
    row = people.make_connection("http://one.invalid/v1", "m1")
    people.make_key(alice, name="notebook")
    key = ClientKey.objects.get()
    for day in (1, 2, 3):
        for hour in (0, 9, 23):
            record(moment(day, hour), user=alice, connection=row, cost=Decimal("0.000000000123"), cached_tokens=3)
            record(moment(day, hour), user=alice, key=key, connection=row, reasoning_tokens=2, groups="Red\nBlue")
            record(moment(day, hour), user=bob, kind="image", images=2, seconds=Decimal("1.5"), characters=7)
            record(moment(day, hour), user=bob, status=499)
            record(moment(day, hour), user=bob, status=502, tokens_in=0, tokens_out=0)
    return totals.grouped(NAMES, FIRST)


@pytest.mark.django_db
def test_totals_are_the_same_before_in_the_middle_and_afterwards(calls):
    whole = totals.summed(calls.values())
    assert (whole.calls, whole.failed, whole.unpriced, whole.pictures) == (45, 9, 9, 18)
    assert (whole.cost, whole.seconds) == (9 * Decimal("0.000000000123"), Decimal("13.5"))
    for end in (moment(2, 10), moment(2, 10), moment(9), moment(9)):  # each twice
        roll_up.roll_up(end)
        assert totals.grouped(NAMES, FIRST) == calls
        assert not UsageRecord.objects.filter(when__lt=end).exists()
    assert not UsageRecord.objects.exists()
    assert UsageTotal.objects.count() == len(calls)
    assert totals.grouped(("model",), date(2026, 3, 2), date(2026, 3, 2))[("m1",)].calls == 15


@pytest.mark.django_db(transaction=True)
def test_whatever_statement_fails_last_no_call_is_lost_or_counted_twice(calls, monkeypatch):
    monkeypatch.setattr("providers.process.deletion.BATCH", 7)

    class Killed(BaseException):
        pass

    class Killer:
        def __init__(self, after):
            self.left = after

        def __call__(self, execute, sql, params, many, context):
            self.left -= 1
            if self.left < 0:
                raise Killed
            return execute(sql, params, many, context)

    tries = 0
    while UsageRecord.objects.exists():
        tries += 1
        try:
            with connection.execute_wrapper(Killer(after=tries)):
                roll_up.roll_up(moment(9))
        except Killed:
            assert totals.grouped(NAMES, FIRST) == calls
    assert tries > 5
    assert totals.grouped(NAMES, FIRST) == calls


@pytest.mark.django_db
def test_deleted_people_keys_and_connections_keep_their_totals(calls, alice, bob):
    roll_up.roll_up(moment(2, 10))  # some are totals by then, others still records
    whole = totals.summed(calls.values())
    ClientKey.objects.get().delete()
    Connection.objects.get().delete()
    alice.delete()
    roll_up.roll_up(moment(3, 10))
    by_key = totals.grouped(("user_id", "key_id", "key_name", "groups"), FIRST)
    [(deleted, total)] = [(names, total) for names, total in by_key.items() if names[2]]
    assert (deleted[0], deleted[1], deleted[3], total.calls) == (None, None, "Red\nBlue", 9)
    assert deleted[2].startswith("notebook (sk-")
    by_connection = totals.grouped(("connection_id", "connection_name"), FIRST)
    assert by_connection[(None, "Scripted")].calls == 18
    assert totals.summed(by_connection.values()) == whole
    assert totals.grouped(("user_id",), FIRST)[(bob.pk,)].calls == 27


@pytest.mark.django_db
def test_own_usage_and_budgets_count_what_was_rolled_up(alice):
    today = timezone.localdate()
    for minutes in range(4):
        when = totals.midnight(today) + timedelta(minutes=minutes)
        record(when, user=alice, cost=Decimal("0.25"), images=1)
    caller = caller_for_user(alice)
    budgets = [BudgetFacts(n, "", "everyone", None, unit, 1, "month", None) for n, unit in enumerate(AMOUNTS)]
    accounts = [accounts_for(caller, [row], when.timestamp(), "m1")[0] for row in budgets]
    for _again in range(2):
        told = own_usage.of_caller(caller, today, today)
        assert (told["cost"], told["models"][0]["calls"], told["models"][0]["tokens_in"]) == (1.0, 4, 40)
        assert list(budget_totals.load(accounts).values()) == list(AMOUNTS.values())
        roll_up.roll_up(when)
    assert UsageRecord.objects.count() == 1


AMOUNTS = {"tokens": 60, "pictures": 4, "money": 10**9}


@pytest.mark.postgres
def test_two_processes_at_once_count_each_call_once(server_process, postgres_url):
    site = server_process(env={"DATABASE_URL": postgres_url})
    site.manage("shell", "-c", FILL)
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", MOVE]
    both = [subprocess.Popen(command, cwd=ROOT, env=site.env, stdout=subprocess.PIPE) for _process in range(2)]
    told = [[int(number) for number in process.communicate(timeout=60)[0].split()] for process in both]
    assert sum(moved for moved, _calls, _tokens, _left in told) == 3000
    assert max(rest for _moved, *rest in told) == [3000, 30000, 0]


FILL = """
from providers.models import UsageRecord as U
from django.utils import timezone as t; from datetime import timedelta as d
U.objects.bulk_create(
    U(kind="chat", model=f"m{n % 5}", tokens_in=10, when=t.now() - d(days=900, minutes=n)) for n in range(3000)
)
"""
MOVE = """
from datetime import date
from django.utils import timezone
from providers.models import UsageRecord
from providers.process import deletion
from providers.relay.usage import roll_up, totals
deletion.BATCH = 20
print(roll_up.roll_up(timezone.now()))
names = (totals.DAY, *roll_up.SAME[1:])
whole = totals.summed(totals.grouped(names, date(2020, 1, 1)).values())
print(whole.calls, whole.tokens_in, UsageRecord.objects.count())
"""
