"""Rate limited models: the model rests at its connection, and the connection's other models do not."""

import time
from email.utils import formatdate

import pytest

from providers import catalogue
from providers.catalogue import health
from providers.fields import UNREADABLE
from providers.models import Connection
from providers.process import background
from providers.upstream.error_bodies import error_of, rest_after
from tests import people
from tests.upstream import openai

BODY = {"model": "m1", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "Retry-After": "7"}, 1.5),
        ({"Retry-After": "{date}"}, 3600),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, 360),
        ({"x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"X-RateLimit-Reset-Tokens": "2m59.56s", "X-RateLimit-Remaining-Tokens": "0"}, 179.56),
        ({"x-ratelimit-reset-requests": "1h2m3s", "x-ratelimit-remaining-requests": "12"}, None),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "9s"}, 9),
        ({"x-ratelimit-reset-requests": "33"}, 33),
        ({"X-RateLimit-Reset": "{seconds}000", "X-RateLimit-Remaining": "0"}, 3600),
        ({"x-ratelimit-reset": "{seconds}"}, 3600),
        ({"anthropic-ratelimit-tokens-reset": "{iso}", "anthropic-ratelimit-tokens-remaining": "0"}, 3600),
        ({"Retry-After": "soon", "x-ratelimit-reset": "later"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_rate_limit_says_when_it_is_over(headers, seconds):
    soon = time.time() + 3600
    iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(soon))
    moments = {"date": formatdate(soon, usegmt=True), "seconds": int(soon), "iso": iso}
    wait = rest_after({name: value.format(**moments) for name, value in headers.items()})
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


def test_a_rate_limit_is_neither_a_success_nor_a_failure(site, upstream, connection, api_key):
    session, url = site.session(key=api_key), f"{site.url}/v1/chat/completions"
    for answer in (openai.error(500, "down"), openai.error(429, "slow down")):
        upstream.script(answer)
        assert session.post(url, json=BODY).status_code == answer.status
    background.submit(lambda: None).result(10)
    connection.refresh_from_db()
    assert (connection.failures, connection.last_ok) == (1, None)
    assert "problem" in connection.last_error
    assert health.is_resting(connection.pk)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "answer", "told"),
    [
        ({}, openai.error(402, "Pay."), "no credit left"),
        ({}, openai.error(402, "Later.", headers={"Retry-After": "5"}), ""),
        ({"auth_type": "session"}, openai.error(401, "Who?"), ""),
        ({"auth_type": "session", "headers": {UNREADABLE: ""}}, None, "headers cannot be decrypted"),
        ({"auth_type": "system_oauth"}, None, ""),
    ],
    ids=["bill", "later", "theirs", "settings", "no token"],
)
def test_what_administrators_mend_is_told_and_nothing_else(site, upstream, connection, api_key, fields, answer, told):
    Connection.objects.filter(pk=connection.pk).update(**fields)
    catalogue.forget()
    if answer:
        upstream.always(answer, path="/chat/completions")
    assert site.session(key=api_key).post(f"{site.url}/v1/chat/completions", json=BODY).status_code >= 400
    background.submit(lambda: None).result(10)
    connection.refresh_from_db()
    assert (told in connection.last_error, bool(connection.last_error)) == (True, bool(told))
    assert not health.is_resting(connection.pk)


def test_refusals_among_answers_are_written_now_and_then(connection, monkeypatch):
    writes = []
    monkeypatch.setattr(background, "write", lambda job, *, what: writes.append(what))
    for _ in range(10):
        health.refused(connection.pk, error_of(401, b"No.", {}))
        health.answered(connection.pk, 1)
    assert writes == ["a provider's refusal", "a connection's health"]


def test_no_rest_is_longer_than_that_of_a_connection(db, connection):
    health.rest_source(connection.pk, "m1", 86_400)
    assert health.is_source_resting(connection.pk, "m1")
    until = health.runtime.state(health.Circuits).resting_sources[connection.pk, "m1"]
    assert until <= time.monotonic() + health.LONGEST_PAUSE
    health.reopen(Connection.objects.get().pk)
    assert not health.is_source_resting(connection.pk, "m1")
