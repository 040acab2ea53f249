"""A model that was called too often rests at its connection, which is well otherwise."""

import time
from email.utils import formatdate

import pytest

from providers.catalogue import health
from providers.models import Connection
from providers.upstream.error_bodies import rest_after
from tests import people
from tests.upstream import openai

BODY = {"model": "m1", "messages": [{"role": "user", "content": "hello"}]}
SOON = time.time() + 3600


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "Retry-After": "7"}, 1.5),
        ({"Retry-After": formatdate(SOON, usegmt=True)}, 3600),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, 360),
        ({"x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"X-RateLimit-Reset-Tokens": "2m59.56s", "X-RateLimit-Remaining-Tokens": "0"}, 179.56),
        ({"x-ratelimit-reset-requests": "1h2m3s", "x-ratelimit-remaining-requests": "12"}, None),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "9s"}, 9),
        ({"x-ratelimit-reset-requests": "33"}, 33),
        ({"X-RateLimit-Reset": str(int(SOON * 1000)), "X-RateLimit-Remaining": "0"}, 3600),
        ({"x-ratelimit-reset": str(int(SOON))}, 3600),
        ({"anthropic-ratelimit-tokens-reset": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(SOON)),
          "anthropic-ratelimit-tokens-remaining": "0"}, 3600),
        ({"Retry-After": "soon", "x-ratelimit-reset": "later"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_rate_limit_says_when_it_is_over(headers, seconds):
    wait = rest_after(headers)
    assert wait == (seconds if seconds is None else pytest.approx(seconds, abs=900 if seconds == 3600 else 0.01))


@pytest.fixture
def two(upstream, start_upstream, db):
    """Two connections with the same models; the servers, the first one first."""
    second = start_upstream()
    first = people.make_connection(upstream.url, "m1", "m2", name="first", position=1)
    people.make_connection(second.url, "m1", "m2", name="second", position=2)
    return first, upstream, second


@pytest.mark.parametrize("views", [False, True], ids=["lane", "views"])
def test_a_rate_limit_rests_the_model_and_not_the_connection(site, two, api_key, views):
    connection, upstream, second = two
    upstream.always(openai.error(429, "slow down", headers={"Retry-After": "40"}), path="/chat/completions")
    session, url = site.session(key=api_key), f"{site.views_url if views else site.url}/v1/chat/completions"
    for _ in range(3):
        assert session.post(url, json=BODY).status_code == 200
    assert (len(upstream.chats), len(second.chats)) == (1, 3)
    assert session.post(url, json={**BODY, "model": "m2"}).status_code == 200
    assert len(upstream.chats) == 2  # another model of the same connection
    assert not health.is_resting(connection.pk)
    connection.refresh_from_db()
    assert (connection.failures, connection.last_error) == (0, "")


def test_the_only_source_of_a_model_is_called_all_the_same(site, upstream, connection, api_key):
    upstream.script(openai.error(429, "slow down", headers={"Retry-After": "40"}))
    session, url = site.session(key=api_key), f"{site.url}/v1/chat/completions"
    assert session.post(url, json=BODY).headers["Retry-After"] == "40"
    assert session.post(url, json=BODY).status_code == 200


def test_no_rest_is_longer_than_that_of_a_connection(db, connection):
    health.rest_source(connection.pk, "m1", 86_400)
    assert health.is_source_resting(connection.pk, "m1")
    until = health.runtime.state(health.Circuits).resting_sources[connection.pk, "m1"]
    assert until <= time.monotonic() + health.LONGEST_PAUSE
    health.reopen(Connection.objects.get().pk)
    assert not health.is_source_resting(connection.pk, "m1")
