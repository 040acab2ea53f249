"""Budgets at the entrances: what is refused and how, who shares one, and what a restart knows."""

from decimal import Decimal

import openai
import pytest
import requests
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError

from providers import runtime
from providers.models import Budget, ClientKey, Price, UsageRecord, key_digest
from providers.relay import usage
from tests import people
from tests.upstream import openai as oai

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20
BODY = {"model": "m1", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 3}
USAGE = {"prompt_tokens": 7, "completion_tokens": 5}


@pytest.fixture(params=["lane", "views"])
def ask(request, site, connection):
    base = site.url if request.param == "lane" else site.views_url

    def post(key, body=BODY):
        with requests.Session() as session:
            headers = {"Authorization": f"Bearer {key}"}
            return session.post(f"{base}/v1/chat/completions", json=body, headers=headers, timeout=PATIENCE)

    return post


def codes(answers):
    return [answer.json().get("error", {}).get("code", answer.status_code) for answer in answers]


def test_a_spent_budget_answers_as_a_used_up_account_does(ask, api_key, upstream):
    upstream.answer("x", usage=USAGE)
    Budget.objects.create(everybody=True, unit="tokens", amount=12, period="month")
    answers = [ask(api_key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    error = answers[1].json()["error"]
    assert error["type"] == error["code"] == "insufficient_quota"
    assert "12 tokens per month" in error["message"]
    assert "begins anew on" in error["message"]
    assert answers[1].headers["x-should-retry"] == "false"
    assert len(upstream.chats) == 1


def test_the_official_sdk_does_not_try_again(site, api_key, connection, upstream):
    Budget.objects.create(everybody=True, unit="tokens", amount=0)
    client = openai.OpenAI(base_url=f"{site.url}/v1", api_key=api_key, max_retries=5)
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(**BODY)
    assert refused.value.code == "insufficient_quota"
    assert not upstream.chats


def test_money_is_counted_with_the_rows_of_prices(ask, api_key, upstream):
    upstream.answer("x", usage=USAGE)
    Price.objects.create(pattern="m*", input=Decimal(1_000), output=Decimal(2_000))
    Budget.objects.create(everybody=True, unit="money", amount=Decimal("0.017"))  # (7 + 2 × 5) / 1000 dollars
    assert codes([ask(api_key) for _ in range(2)]) == [200, "insufficient_quota"]
    usage.flush()
    runtime.replace()
    assert codes([ask(api_key)]) == ["insufficient_quota"]


def test_a_restart_begins_with_what_the_records_say(ask, api_key, alice):
    Budget.objects.create(user=alice, unit="tokens", amount=100, period="day", pattern="m*")
    UsageRecord.objects.create(user=alice, model="m1", kind="chat", tokens_in=60, tokens_out=39)
    UsageRecord.objects.create(user=alice, model="other", kind="chat", tokens_in=600)
    assert ask(api_key).status_code == 200
    usage.flush()
    UsageRecord.objects.create(user=alice, model="m1", kind="chat", tokens_in=1)
    runtime.replace()
    assert codes([ask(api_key)]) == ["insufficient_quota"]


def test_a_key_a_person_and_each_person_replace_each_other(ask, api_key, alice, bob):
    bobs, second = people.make_key(bob), people.make_key(alice)
    Budget.objects.create(everybody=True, unit="tokens", amount=0)
    Budget.objects.create(user=alice, unit="tokens", amount=1000)
    Budget.objects.create(key=ClientKey.objects.get(digest=key_digest(second)), unit="tokens", amount=0)
    assert codes([ask(key) for key in (api_key, second, bobs)]) == [200, "insufficient_quota", "insufficient_quota"]


def test_a_group_and_the_whole_site_count_in_addition(ask, api_key, alice, bob, upstream):
    upstream.answer("x", usage=USAGE)
    bobs, group = people.make_key(bob), Group.objects.create(name="class")
    group.user_set.add(alice, bob)
    Budget.objects.create(user=alice, unit="tokens", amount=1000)
    row = Budget.objects.create(group=group, unit="tokens", amount=12)
    assert codes([ask(key) for key in (api_key, bobs)]) == [200, "insufficient_quota"]
    row.delete()
    Budget.objects.create(unit="tokens", amount=12)
    assert codes([ask(api_key)]) == ["insufficient_quota"]


def test_a_budget_of_a_model_concerns_no_other_model(ask, api_key, upstream, alice):
    Budget.objects.create(everybody=True, unit="tokens", amount=0, pattern="gpt-*")
    assert ask(api_key).status_code == 200


def test_calls_under_way_are_told_from_a_spent_budget(ask, api_key, alice):
    from providers.callers import caller_for_user
    from providers.relay import budgets

    Budget.objects.create(everybody=True, unit="tokens", amount=100)
    hold = budgets.reserve_blocking(caller_for_user(alice), "m1", lambda: budgets.Used(tokens=500))
    refused = ask(api_key)
    assert codes([refused]) == ["rate_limit_exceeded"]
    assert int(refused.headers["Retry-After"]) == 5
    hold.release()
    assert ask(api_key).status_code == 200


def test_a_call_that_fails_gives_back_what_it_reserved(ask, api_key, upstream):
    Budget.objects.create(everybody=True, unit="tokens", amount=20)  # less than two of them reserve
    upstream.script(oai.error(400))
    assert ask(api_key).status_code == 400
    assert ask(api_key).status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        {"amount": -1},
        {"amount": Decimal("NaN")},
        {"amount": 10**13, "unit": "tokens"},
        {"amount": Decimal("0.5"), "unit": "tokens"},
    ],
)
def test_an_amount_that_cannot_be_counted_is_not_saved(values):
    with pytest.raises(ValidationError):
        Budget.objects.create(everybody=True, **values)


def test_a_budget_is_for_one_target(alice):
    with pytest.raises(ValidationError):
        Budget.objects.create(everybody=True, user=alice, amount=1)


def test_people_see_what_they_used_and_what_is_left(site, api_key, alice, bob, connection):
    Price.objects.create(pattern="m*", input=Decimal(1_000_000), output=Decimal(1_000_000))
    Budget.objects.create(user=alice, name="Mine", unit="tokens", amount=100, period="day")
    Budget.objects.create(user=bob, name="Not mine", unit="tokens", amount=100)
    UsageRecord.objects.create(user=alice, model="m1", kind="chat", tokens_in=60, tokens_out=25, cost=Decimal("0.85"))
    UsageRecord.objects.create(user=alice, model="m2", kind="chat", tokens_in=1)
    UsageRecord.objects.create(user=bob, model="m1", kind="chat", tokens_in=999)
    answer = requests.get(
        f"{site.url}/api/v1/usage", headers={"Authorization": f"Bearer {api_key}"}, timeout=PATIENCE
    ).json()
    assert (answer["cost"], answer["currency"]) == (0.85, "USD")
    assert [(row["model"], row["tokens_in"], row["cost"]) for row in answer["models"]] == [
        ("m1", 60, 0.85), ("m2", 1, None),
    ]  # fmt: skip
    [day] = answer["days"]
    assert (day["calls"], day["tokens_out"]) == (2, 25)
    [budget] = answer["budgets"]
    assert (budget["name"], budget["amount"], budget["spent"], budget["unit"]) == ("Mine", 100, 86, "tokens")
    assert budget["warning"]
    assert budget["resets_at"] > answer["to"]

    page = site.session(alice).get(f"{site.url}/settings/usage", timeout=PATIENCE).text
    assert "Mine" in page
    assert "nearly used up" in page
    assert "Not mine" not in page


@pytest.mark.parametrize("query", ["from=tomorrow", "to=99999-1-1", "from=2026-02-01&to=2026-01-01", "from=0001-01-01"])
def test_days_that_cannot_be_meant_are_refused(site, api_key, query):
    headers = {"Authorization": f"Bearer {api_key}"}
    answer = requests.get(f"{site.url}/api/v1/usage?{query}", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 400


def test_the_administration_lists_budgets_with_what_is_used(client, admin, alice):
    UsageRecord.objects.create(user=alice, model="m1", kind="chat", tokens_in=90)
    client.force_login(admin)
    form = {"enabled": "on", "user": str(alice.pk), "unit": "tokens", "amount": "100", "period": "day"}
    client.post("/admin/providers/budget/add/", form)
    assert Budget.objects.get().user == alice
    assert "90 (90 %)" in client.get("/admin/providers/budget/").content.decode()
