"""Several keys of one connection: in turn, resting one by one, refused, and never shown."""

import json

import pytest

from providers.catalogue import health
from providers.models import Connection
from providers.process import background
from tests.upstream import openai as oai

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
FIRST, SECOND, THIRD = "first-upstream-key-1111", "second-upstream-key-2222", "third-upstream-key-3333"


@pytest.fixture
def post(site, api_key, connection):
    connection.secret, connection.more_keys = FIRST, {"••••2222": SECOND, "••••3333": THIRD}
    connection.save()
    session = site.session(key=api_key)

    def send():
        body = json.dumps({"model": "m1", "messages": MESSAGES})
        return session.post(f"{site.url}/v1/chat/completions", data=body, timeout=20)

    return send


def keys_of(upstream) -> list[str]:
    return [received.headers["Authorization"].removeprefix("Bearer ") for received in upstream.chats]


def test_calls_take_turns_with_the_keys(post, upstream):
    for _ in range(6):
        assert post().status_code == 200
    assert keys_of(upstream) == [FIRST, SECOND, THIRD] * 2


def test_a_key_that_is_used_up_rests_and_the_next_is_tried(post, connection, upstream):
    upstream.script(oai.error(429, headers={"Retry-After": "60"}))
    for _ in range(3):
        assert post().status_code == 200
    assert keys_of(upstream)[:2] == [FIRST, SECOND]
    assert FIRST not in keys_of(upstream)[1:]
    assert not health.is_source_resting(connection.pk, "m1")


def test_the_source_rests_when_all_its_keys_do(post, connection, upstream):
    upstream.always(oai.error(429, headers={"Retry-After": "60"}), path="/chat/completions")
    assert post().status_code == 429
    assert sorted(keys_of(upstream)) == sorted([FIRST, SECOND, THIRD])
    assert health.is_source_resting(connection.pk, "m1")
    assert post().status_code == 429
    assert len(upstream.chats) == 4  # the one that rests the shortest, and no other


def test_a_refused_key_is_named_by_its_mask_until_it_works_again(post, client, admin, connection, upstream):
    upstream.script(oai.error(401, "Wrong key.", code="invalid_api_key"))
    assert post().status_code == 200
    background.drain()
    connection.refresh_from_db()
    assert list(connection.key_faults) == ["••••1111"]
    assert connection.failures == 0
    client.force_login(admin)
    page = client.get(f"/admin/providers/connection/{connection.pk}/change/").text
    assert "Wrong key." in page
    assert not any(key in page for key in (FIRST, SECOND, THIRD))


def test_faults_of_keys_that_were_replaced_are_not_shown(connection):
    connection.secret = FIRST
    connection.key_faults = {"••••1111": "Wrong key.", "••••9999": "No credit."}
    assert connection.refused_keys == {"••••1111": "Wrong key."}
    connection.secret = "sk-another-key-5555"
    assert connection.refused_keys == {}


def test_keys_are_entered_line_by_line_and_shown_as_masks(client, admin, post, connection):
    client.force_login(admin)
    address = f"/admin/providers/connection/{connection.pk}/change/"
    form = {
        "name": "Scripted", "kind": connection.kind, "base_url": connection.base_url, "enabled": "on", "position": 0,
        "connection_type": "external", "auth_type": "bearer", "access": "public", "forward_cookies": "auto",
        "verify_tls": "on", "retries": 0, "retry_seconds": 5, "more_keys": "••••3333\nfourth-upstream-key-4444",
    }  # fmt: skip
    answer = client.post(address, form)
    assert answer.status_code == 302, answer.context["errors"]
    connection.refresh_from_db()
    assert dict(connection.more_keys) == {"••••3333": THIRD, "••••4444": "fourth-upstream-key-4444"}
    assert "••••2222" in connection.history.first().history_change_reason
    assert "is a mask, but not of a stored key" in client.post(address, form | {"more_keys": "••••9999"}).text

    client.post(address, form | {"base_url": "http://elsewhere.invalid/v1", "more_keys": "••••3333"})
    connection.refresh_from_db()
    assert dict(connection.more_keys) == {}
    stored = (
        Connection.objects.filter(pk=connection.pk).extra(select={"raw": "more_keys"}).values_list("raw", flat=True)
    )
    assert THIRD not in str(list(stored))
