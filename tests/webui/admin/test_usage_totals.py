"""The administration's usage totals: by everything, beside the period before, as CSV, for whoever may see the calls."""

import csv
import io
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Permission
from django.utils import timezone

from providers.admin.usage import export, report, totals_page
from providers.admin.usage.report import DIMENSIONS, ReportPeriod
from providers.models import ClientKey, GatewaySettings, UsageRecord
from providers.relay.usage import roll_up
from tests import people
from tests.queries import assert_queries_do_not_grow

pytestmark = pytest.mark.django_db
PAGE = "/admin/providers/usagerecord/totals/"
MARCH = "from=2026-03-01&to=2026-03-31"


def moment(month, day):
    return datetime(2026, month, day, 12, tzinfo=timezone.get_default_timezone())


def record(when, **values):
    return UsageRecord.objects.create(when=when, **{"kind": "chat", "status": 200, "model": "m1", **values})


@pytest.fixture
def root(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def calls(alice, bob):
    GatewaySettings.objects.update_or_create(pk=1, defaults={"currency": "EUR", "currency_rate": "0.5"})
    row = people.make_connection("http://one.invalid/v1", "m1")
    people.make_key(alice, name="=cmd()")
    key = ClientKey.objects.get()
    for day in (3, 20):
        record(moment(3, day), user=alice, connection=row, cost=4, tokens_in=100, groups="Red\nBlue")
        record(moment(3, day), user=alice, connection=row, key=key, cost=1, groups="Red\nBlue", model="+m2")
        record(moment(3, day), user=bob, connection=row, tokens_out=50, model="local")
    record(moment(2, 3), user=alice, connection=row, cost=5, groups="Red")
    record(moment(2, 1), user=bob, connection=row, tokens_out=50, status=502)
    record(moment(1, 31), user=bob, cost=99)
    record(moment(4, 1), user=bob, cost=99)


def table(client, query):
    page = client.get(f"{PAGE}?{query}")
    assert page.status_code == 200
    return {row["name"]: row for row in page.context["rows"]}


async def whole(answer):
    return b"".join([piece async for piece in answer.streaming_content])


def rows_of(answer):
    text = async_to_sync(whole)(answer).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:])))


EXPECTED = {
    "person": {"Alice": ("5.00", "2.50", "+100.0 %"), "Bob": ("unknown", "–", "–")},
    "group": {"Red": ("5.00", "2.50", "+100.0 %"), "Blue": ("5.00", "–", "new"), "No group": ("unknown", "–", "–")},
    "key": {"Without an API key": ("4.00", "2.50", "+60.0 %"), "=cmd() (KEY…)": ("1.00", "–", "new")},
    "model": {"m1": ("4.00", "2.50", "+60.0 %"), "+m2": ("1.00", "–", "new"), "local": ("unknown", "–", "–")},
    "connection": {"Scripted": ("5.00", "2.50", "+100.0 %")},
}


def test_every_way_to_tell_totals_is_expected_here():
    assert list(EXPECTED) == list(DIMENSIONS)


@pytest.mark.parametrize("old", [0, 4], ids=["records", "rolled up in the middle"])
def test_totals_by_everything_stand_beside_the_month_before(root, calls, old):
    roll_up.roll_up(moment(3, old) if old else moment(1, 1))
    prefix = ClientKey.objects.get().prefix
    for by, lines in EXPECTED.items():
        shown = table(root, f"{MARCH}&by={by}")
        numbers = {name: (row["cost"], row["cost_before"], row["cost_change"]) for name, row in shown.items()}
        assert list(numbers.items()) == [(name.replace("KEY", prefix), values) for name, values in lines.items()]
    page = root.get(f"{PAGE}?{MARCH}")
    sums = {row["label"]: (row["value"], row["change"]) for row in page.context["sums"]}
    assert (sums["Cost (EUR)"], sums["Calls"], sums["Failed"]) == (
        ("5.00", "+100.0 %"),
        ("6", "+200.0 %"),
        ("0", "-100.0 %"),
    )
    assert page.context["unpriced"] == [("local", 2)]
    assert [bar.height for bar in page.context["chart"].bars if bar.height] == [100, 100]
    assert len(page.context["chart"].bars) == 31


def test_deleted_people_and_keys_stay_with_their_groups(root, calls, alice):
    roll_up.roll_up(moment(3, 4))
    alice.delete()
    shown = root.get(f"{PAGE}?{MARCH}&by=person").context["rows"]
    deleted = {row["detail"]: (row["cost"], row["cost_before"]) for row in shown if row["name"] == "Deleted user"}
    assert deleted == {"Red, Blue": ("5.00", "–"), "Red": ("–", "2.50")}
    [name] = [name for name in table(root, f"{MARCH}&by=key") if name.startswith("=cmd()")]
    assert table(root, f"{MARCH}&by=key")[name]["detail"] == "deleted"
    [csv_row] = [row for row in rows_of(root.get(f"{PAGE}csv/?{MARCH}&by=person")) if row["detail"] == "Red, Blue"]
    assert (csv_row["person"], csv_row["cost"]) == ("Deleted user", "5")


def test_the_table_as_csv_has_plain_numbers_and_no_formulas(root, calls):
    answer = root.get(f"{PAGE}csv/?{MARCH}&by=model")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "usage-model-2026-03-01-2026-03-31.csv" in answer["Content-Disposition"]
    rows = {row["model"]: row for row in rows_of(answer)}
    assert list(rows) == ["m1", "'+m2", "local"]
    assert {name: rows["m1"][name] for name in ("cost", "currency", "calls", "tokens_in", "cost_before")} == {
        "cost": "4", "currency": "EUR", "calls": "2", "tokens_in": "200", "cost_before": "2.5",
    }  # fmt: skip
    assert rows["m1"]["cost_change_percent"] == "60.0"
    assert (rows["local"]["cost"], rows["local"]["calls_of_unknown_cost"]) == ("", "2")


def test_each_day_as_csv_adds_up_to_all_calls_and_is_bounded(root, calls, monkeypatch):
    roll_up.roll_up(moment(3, 4))
    rows = rows_of(root.get(f"{PAGE}csv/?{MARCH}&each=day"))
    assert sum(int(row["calls"]) for row in rows) == 6
    assert sum(Decimal(row["cost"] or 0) for row in rows) == 5
    key = ClientKey.objects.get().prefix
    assert {"day": "2026-03-20", "person": "Alice", "groups": "Red; Blue", "key": f"'=cmd() ({key}…)"}.items() <= next(
        row.items() for row in rows if row["model"] == "'+m2" and row["day"] == "2026-03-20"
    )
    monkeypatch.setattr(export, "MOST_ROWS", 2)
    *_two, last = rows_of(root.get(f"{PAGE}csv/?{MARCH}&each=day"))
    assert "Only the first 2 rows" in last["day"]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_no_cell_begins_as_a_formula(value):
    assert export.text(value) == f"'{value}"
    assert export.text(f"a{value}") == f"a{value}"


def test_only_who_may_see_the_calls_sees_totals(client, alice, calls):
    alice.is_staff = True
    alice.save()
    client.force_login(alice)
    for address in (PAGE, f"{PAGE}csv/"):
        assert client.get(address).status_code == 403
    assert "Usage totals" not in client.get("/admin/").text
    alice.user_permissions.add(Permission.objects.get(codename="view_usagerecord"))
    assert PAGE in client.get("/admin/").text
    for address in (PAGE, f"{PAGE}csv/"):
        assert client.get(address).status_code == 200
    assert "/admin/providers/price/" not in client.get(f"{PAGE}?{MARCH}").text


@pytest.mark.parametrize("query", ["from=tomorrow", "from=2026-03-02&to=2026-03-01", "from=1999-01-01&to=1999-01-02"])
def test_days_that_are_none_are_said_and_nothing_breaks(root, query):
    page = root.get(f"{PAGE}?{query}&by=nobody&measure=nothing")
    assert page.status_code == 200
    assert page.context["failure"]
    assert root.get(f"{PAGE}csv/?{query}", follow=True).context["failure"]


def test_more_rows_are_no_more_queries_and_the_rest_is_one_line(root, monkeypatch):
    monkeypatch.setattr(totals_page, "MOST_LINES", 3)

    def grow():
        for number in range(5):
            user = people.make_user(f"U{UsageRecord.objects.count()}")
            people.make_key(user)
            record(timezone.now(), user=user, key=ClientKey.objects.first(), cost=number, model=f"m{number}")

    grow()
    for by in DIMENSIONS:
        assert_queries_do_not_grow(lambda by=by: root.get(f"{PAGE}?by={by}"), grow)
    page = root.get(f"{PAGE}?by=person")
    assert len(page.context["rows"]) == 3
    assert page.context["others"]["count"] > 3
    shown = sum(row["total"].calls for row in (*page.context["rows"], page.context["others"]))
    assert shown == UsageRecord.objects.count()


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        ((2026, 3, 1), (2026, 3, 31), ((2026, 2, 1), (2026, 2, 28))),
        ((2026, 1, 1), (2026, 12, 31), ((2025, 1, 1), (2025, 12, 31))),
        ((2026, 3, 10), (2026, 3, 16), ((2026, 3, 3), (2026, 3, 9))),
    ],
)
def test_the_period_before_is_as_long_or_made_of_whole_months(first, last, before):
    assert ReportPeriod(date(*first), date(*last)).before() == ReportPeriod(*(date(*day) for day in before))


def test_every_quick_choice_ends_today_or_with_the_last_month(root):
    today = timezone.localdate()
    ends = {choice.end for _words, choice in report.quick_choices()}
    assert ends == {today, today.replace(day=1) - timedelta(days=1)}
