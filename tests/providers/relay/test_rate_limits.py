"""Rate limits: targets, counting, response headers, at both entrances and over several processes."""

import openai
import pytest
import requests
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from providers.facts import Caller, RateLimitFacts
from providers.models import ClientKey, RateLimit
from providers.relay import rate_limits
from tests import people

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20
BODY = {"model": "m1", "messages": [{"role": "user", "content": "hello"}]}


def limits(**numbers):
    """The numbers of a `RateLimit` row; those that are not named have no limit."""
    return dict.fromkeys(RateLimit.numbers()) | numbers


def test_every_number_of_a_rate_limit_has_its_rule():
    assert {rule.name for rule in rate_limits.RULES} == set(RateLimit.numbers())
    assert all(rule.counts in rate_limits.COUNTED for rule in rate_limits.RULES)
    assert all(rule.seconds in rate_limits.WINDOWS for rule in rate_limits.RULES)


@pytest.fixture(params=["lane", "views"])
def ask(request, site, connection):
    base = site.url if request.param == "lane" else site.views_url

    def post(key, body=BODY):
        with requests.Session() as session:
            headers = {"Authorization": f"Bearer {key}"}
            return session.post(f"{base}/v1/chat/completions", json=body, headers=headers, timeout=PATIENCE)

    return post


def test_the_request_beyond_the_limit_is_refused_with_what_clients_read_and_never_reaches_the_provider(
    ask, api_key, upstream
):
    RateLimit.objects.create(requests_minute=2)
    answers = [ask(api_key) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0", "0"]
    refused = answers[2]
    assert refused.headers["x-ratelimit-limit-requests"] == "2"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["x-ratelimit-reset-requests"].endswith("s")
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert len(upstream.chats) == 2


def test_tokens_are_counted_when_the_answer_has_told_them(ask, api_key, upstream):
    RateLimit.objects.create(tokens_minute=10)
    upstream.answer("x", usage={"prompt_tokens": 7, "completion_tokens": 5})

    assert ask(api_key).status_code == 200
    refused = ask(api_key)

    assert refused.status_code == 429
    assert refused.headers["x-ratelimit-limit-tokens"] == "10"
    assert refused.headers["x-ratelimit-remaining-tokens"] == "0"


def test_a_stream_that_tells_no_tokens_is_estimated_rather_than_free(ask, api_key, upstream):
    RateLimit.objects.create(tokens_minute=5)
    assert ask(api_key, {**BODY, "stream": True}).status_code == 200
    assert ask(api_key, {**BODY, "stream": True}).status_code == 429


def test_each_person_has_a_limit_of_their_own_while_a_group_shares_one(ask, api_key, bob, alice):
    bobs = people.make_key(bob)
    RateLimit.objects.create(requests_minute=1)
    assert [ask(key).status_code for key in (api_key, bobs, api_key)] == [200, 200, 429]

    RateLimit.objects.all().delete()
    group = Group.objects.create(name="class")
    group.user_set.add(alice, bob)
    RateLimit.objects.create(target="group", group=group, requests_minute=1)
    assert [ask(key).status_code for key in (api_key, bobs)] == [200, 429]


def test_a_limit_for_one_person_or_one_key_concerns_nobody_else(ask, api_key, alice, bob):
    bobs, second = people.make_key(bob), people.make_key(alice)
    RateLimit.objects.create(target="user", user=bob, requests_day=0)
    key_row = ClientKey.objects.get(digest=limits_digest(second))
    RateLimit.objects.create(target="key", key=key_row, requests_day=0)

    assert [ask(key).status_code for key in (api_key, second, bobs)] == [200, 429, 429]


def limits_digest(key):
    from providers.models import key_digest

    return key_digest(key)


def test_the_tightest_of_several_limits_decides_and_is_the_one_that_is_told(ask, api_key, alice):
    RateLimit.objects.create(requests_minute=50)
    RateLimit.objects.create(target="user", user=alice, requests_day=1)
    assert ask(api_key).headers["x-ratelimit-remaining-requests"] == "0"
    assert ask(api_key).status_code == 429


def test_a_persons_own_limit_replaces_the_one_of_each_person(ask, api_key, alice, bob):
    RateLimit.objects.create(requests_minute=2)
    RateLimit.objects.create(target="user", user=alice, requests_minute=100)
    bobs = people.make_key(bob)
    assert [ask(api_key).status_code for _ in range(4)] == [200] * 4
    assert ask(api_key).headers["x-ratelimit-limit-requests"] == "100"
    assert [ask(bobs).status_code for _ in range(3)] == [200, 200, 429]


def facts(number, target, target_id=None, **numbers):
    return RateLimitFacts(number, target, target_id, limits(**numbers))


CALLER = Caller(7, "a@example.com", "A", "user", group_ids=frozenset({3}), key_id=5)
EACH, PERSON, KEY = "each1:7", "user:7:2", "key:5:4"


@pytest.mark.parametrize(
    ("rows", "counters"),
    [
        ([facts(1, "everyone", requests_minute=2)], [(EACH, 2)]),
        ([facts(1, "everyone", requests_minute=2), facts(2, "user", 7, requests_minute=100)], [(PERSON, 100)]),
        ([facts(1, "everyone", requests_minute=2), facts(2, "user", 7, requests_minute=1)], [(PERSON, 1)]),
        ([facts(1, "everyone", requests_minute=2), facts(2, "user", 8, requests_minute=9)], [(EACH, 2)]),
        ([facts(1, "everyone", requests_minute=2), facts(2, "user", 7, tokens_day=9)], [(EACH, 2), (PERSON, 9)]),
        ([facts(2, "user", 7, requests_minute=5), facts(4, "key", 5, requests_minute=50)], [(KEY, 50)]),
        ([facts(1, "everyone", requests_minute=2), facts(4, "key", 5, requests_minute=50)], [(KEY, 50)]),
        (
            [facts(2, "user", 7, requests_minute=5), facts(6, "group", 3, requests_minute=8)],
            [(PERSON, 5), ("group:3:6", 8)],
        ),
    ],
)
def test_the_most_specific_row_wins_number_by_number(rows, counters):
    found = rate_limits.buckets_for(CALLER, rows)
    assert sorted((bucket.name, bucket.limit) for bucket in found) == sorted(counters)


def test_a_limit_without_any_number_is_not_saved():
    with pytest.raises(ValidationError):
        RateLimit(name="Nothing").full_clean()
    with pytest.raises(ValidationError):
        RateLimit.objects.create(name="Nothing")
    row = RateLimit.objects.create(requests_day=0)  # nothing at all is a number too
    row.requests_day = None
    with pytest.raises(ValidationError):
        row.save()


def test_the_official_sdk_raises_its_own_error_and_finds_the_headers(site, api_key, connection):
    RateLimit.objects.create(requests_minute=0)
    with pytest.raises(openai.RateLimitError) as refused:
        site.openai(api_key).chat.completions.create(**BODY)
    assert refused.value.response.headers["x-ratelimit-limit-requests"] == "0"


def test_without_limits_the_providers_own_headers_pass_and_none_are_added(ask, api_key, upstream):
    assert "x-ratelimit-limit-requests" not in ask(api_key).headers


def test_a_browsers_reply_counts_too(site, alice, connection):
    RateLimit.objects.create(requests_minute=1)
    session = site.session(alice)
    answers = [session.post(f"{site.url}/openai/chat/completions", json=BODY, timeout=PATIENCE) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.redis
async def test_processes_that_share_a_redis_count_together(settings, redis_url):
    settings.REDIS_URL, settings.REDIS_PREFIX = redis_url, "limits-test"
    caller = Caller(7, "a@example.com", "A", "user")
    rules = [RateLimitFacts(1, "everyone", None, limits(requests_minute=3, tokens_minute=100))]
    one, two = rate_limits.RedisCounters(), rate_limits.RedisCounters()
    buckets = rate_limits.buckets_for(caller, rules)
    counts = [await shared.count(buckets, 1_000_000.0) for shared in (one, two, one)]
    assert [count[0] for count in counts] == [1, 2, 3]
    assert (await two.count(buckets, 1_000_000.0))[0] == 4  # one too many: refused, and it uses up nothing
    assert (await two.count(buckets, 1_000_000.0))[0] == 4
    await one._add([buckets[1]], 60, 1_000_000.0)
    assert (await two.count(buckets, 1_000_000.0))[1] == 60
    assert [await shared.read(buckets, 1_000_000.0) for shared in (one, two)] == [[3, 60]] * 2
    for shared in (one, two):
        for client in shared.clients.values():
            await client.aclose()


async def test_a_redis_that_is_away_costs_nobody_a_request(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    caller = Caller(7, "a@example.com", "A", "user")
    admitted = await rate_limits.admit(caller, [RateLimitFacts(1, "everyone", None, limits(requests_minute=3))])
    assert admitted is not None
    assert dict(admitted.headers)["x-ratelimit-remaining-requests"] == "2"


@given(st.floats(0.001, 90_000))
def test_durations_are_written_as_openai_writes_them(seconds):
    import re

    assert re.fullmatch(r"\d+ms|\d+s|\d+m\d+s|\d+h\d+m\d+s", rate_limits.duration(seconds))
