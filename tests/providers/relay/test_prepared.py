"""What a source's calls share: only what no request changes."""

import gc
import json
from typing import Any

import pytest

from providers import callers, catalogue
from providers.relay import prepared
from tests import people

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture
def ask(site, connection, upstream):
    """Sends a call of a person, with these cookies and metadata, and returns what the provider received."""

    def send(key: str, cookies: Any = None, **more: Any) -> Any:
        body = json.dumps({"model": "m1", "messages": MESSAGES, **more})
        session = site.session(key=key)
        assert session.post(f"{site.url}/v1/chat/completions", data=body, cookies=cookies).status_code == 200
        return upstream.last

    return send


@pytest.fixture
def bob(db):
    return people.make_user("bob")


@pytest.fixture
def keys(alice, bob):
    return people.make_key(alice), people.make_key(bob)


def change(connection: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(connection, name, value)
    connection.save()


def test_a_constant_call_is_prepared_once(ask, keys, connection, monkeypatch):
    made = []
    original = prepared.headers_for

    async def counted(*args: Any, **purpose: Any) -> Any:
        made.append(purpose["caller"].user_id)
        return await original(*args, **purpose)

    monkeypatch.setattr(prepared, "headers_for", counted)
    first, second, third = (ask(key) for key in (keys[0], keys[1], keys[0]))
    assert first.headers == second.headers == third.headers
    assert len(made) == 1


def test_another_key_is_used_from_the_next_call_on(ask, keys, connection):
    ask(keys[0])
    change(connection, secret="sk-another")
    assert ask(keys[0]).headers["Authorization"] == "Bearer sk-another"


@pytest.mark.parametrize("template", ["{{USER_ID}}", "person {{USER_ID}}"])
def test_a_header_with_a_variable_is_made_for_each_call(ask, keys, connection, alice, bob, template):
    change(connection, headers={"X-Who": template})
    received = [ask(key).headers["X-Who"] for key in keys]
    assert received == [template.replace("{{USER_ID}}", str(user.pk)) for user in (alice, bob)]


def test_facts_about_the_caller_are_those_of_each_call(ask, keys, settings, alice, bob):
    ask(keys[0])
    settings.ENABLE_FORWARD_USER_INFO_HEADERS = True
    received = [ask(key, metadata={"chat_id": f"c{number}"}).headers for number, key in enumerate(keys)]
    assert [row["X-OpenWebUI-User-Id"] for row in received] == [str(alice.pk), str(bob.pk)]
    assert [row["X-OpenWebUI-Chat-Id"] for row in received] == ["c0", "c1"]


def test_cookies_are_those_of_each_call(ask, keys, connection):
    change(connection, forward_cookies="others")
    assert "Cookie" not in ask(keys[0]).headers
    assert ask(keys[0], cookies={"team": "a"}).headers["Cookie"] == "team=a"
    assert ask(keys[0], cookies={"team": "b"}).headers["Cookie"] == "team=b"
    assert "Cookie" not in ask(keys[0]).headers


def test_a_callers_own_credential_is_that_of_each_call(ask, keys, connection):
    change(connection, auth_type="session", secret="")
    tokens = [ask(key).headers["Authorization"].removeprefix("Bearer ") for key in keys]
    people_of = [callers.caller_for_key_blocking(token).user_id for token in tokens]
    assert people_of == [callers.caller_for_key_blocking(key).user_id for key in keys]


def texts_in(value: Any) -> set[str]:
    """Every text that is kept as long as this value is."""
    texts, seen, left = set(), set(), [value]
    while left:
        for held in gc.get_referents(left.pop()):
            if isinstance(held, str):
                texts.add(held)
            elif id(held) not in seen and gc.is_tracked(held) and not isinstance(held, type):
                seen.add(id(held))
                left.append(held)
    return texts


def test_models_that_nobody_lists_leave_nothing_behind(site, connection, upstream, keys):
    session, body = site.session(key=keys[0]), {"input": "Good morning.", "voice": "alloy"}
    for number in range(3):
        session.post(f"{site.url}/v1/audio/speech", json={"model": f"unlisted-{number}", **body})
    assert len(upstream.asked("/audio/speech")) == 3
    kept = texts_in(catalogue.snapshot_blocking())
    assert "m1" in kept
    assert not [text for text in kept if text.startswith("unlisted")]
