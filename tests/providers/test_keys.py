"""API keys with rules of their own: models, addresses, a former secret, and keys of groups."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from django.utils import timezone

from chat.models import Chat
from providers import callers, services
from providers.errors import Conflict, Forbidden, Unauthenticated
from providers.matching import networks, patterns
from providers.models import ClientKey
from providers.process import background, client_address
from tests import people
from webui.accounts import services as accounts
from webui.models import User

CHAT = {"model": "m1", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize(
    ("text", "allowed", "refused"),
    [
        ("gpt-6", ["gpt-6"], ["gpt-60", "GPT-6", "my-gpt-6"]),
        ("gpt-*", ["gpt-", "gpt-6-mini"], ["o3", "x-gpt-6"]),
        ("*/llama-*\n  claude  \n", ["meta/llama-4", "claude"], ["llama-4", "claude-2"]),
        ("a?c\n[ab]", ["a?c", "[ab]"], ["abc", "a"]),
        ("*", ["anything", ""], []),
        ("gpt.6", ["gpt.6"], ["gpt-6"]),
    ],
)
def test_a_pattern_is_an_id_in_which_a_star_is_any_text(text, allowed, refused):
    pattern = patterns.compiled(patterns.checked(text))
    assert all(pattern.match(name) for name in allowed)
    assert not any(pattern.match(name) for name in refused)


def test_no_lines_are_no_rule():
    assert patterns.compiled(" \n") is None


@pytest.mark.parametrize("check", [patterns.checked, networks.checked])
@pytest.mark.parametrize("text", ["a b", "x" * 256, "\n".join(map(str, range(101)))])
def test_lines_that_cannot_be_meant_are_refused(check, text):
    with pytest.raises(ValidationError):
        check(text)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("192.0.2.7/32\n192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
    ],
)
def test_networks_are_stored_in_their_usual_spelling(text, stored):
    assert networks.checked(text) == stored


@pytest.mark.parametrize(
    ("text", "address", "is_allowed"),
    [
        ("10.0.0.0/8", "10.9.8.7", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "::ffff:10.9.8.7", True),
        ("10.0.0.0/8", "10.9.8.7:5123", True),
        ("2001:db8::/32", "2001:db8::5", True),
        ("2001:db8::/32", "[2001:db8::5]:443", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("10.0.0.0/8", "", False),
        ("0.0.0.0/0", "unknown", False),
        ("nonsense", "10.0.0.1", False),
    ],
)
def test_an_address_is_looked_for_in_the_networks(text, address, is_allowed):
    assert networks.are_around(networks.networks_of(text), address) is is_allowed


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "198.51.100.1"),
        (1, "10.1.1.1, 203.0.113.9", "203.0.113.9"),
        (2, "10.1.1.1, 203.0.113.9, 198.51.100.7", "203.0.113.9"),
        (2, "203.0.113.9", "203.0.113.9"),
        (1, "", "198.51.100.1"),
    ],
)
def test_the_clients_address_is_what_the_outermost_proxy_saw(settings, proxies, forwarded, address):
    settings.TRUSTED_PROXY_COUNT = proxies
    headers = [(b"x-forwarded-for", part.encode()) for part in forwarded.split(", ") if part]
    assert client_address.of_scope({"client": ("198.51.100.1", 5), "headers": headers}) == address
    more = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client_address.of_request(RequestFactory().get("/", REMOTE_ADDR="198.51.100.1", **more)) == address


def test_a_key_with_models_lists_and_calls_no_others(site, upstream, alice):
    people.make_connection(upstream.url, "m1", "gpt-6")
    upstream.answer("Hi.")
    session = site.session(key=people.make_key(alice, models="gpt-*"))
    assert [row["id"] for row in session.get(f"{site.url}/v1/models").json()["data"]] == ["gpt-6"]
    assert session.get(f"{site.url}/v1/models/m1").status_code == 404
    answer = session.post(f"{site.url}/v1/chat/completions", json=CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert session.post(f"{site.url}/v1/chat/completions", json={**CHAT, "model": "gpt-6"}).status_code == 200


def test_the_models_of_a_key_bind_administrators_and_unlisted_speech_too(site, upstream, admin):
    people.make_connection(upstream.url, "m1")
    session = site.session(key=people.make_key(admin, models="gpt-*"))
    speech = {"model": "tts-9", "input": "Hello", "voice": "alloy"}
    for path, body in (("chat/completions", CHAT), ("audio/speech", speech)):
        answer = session.post(f"{site.url}/v1/{path}", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert upstream.history == []


def test_an_address_that_is_not_allowed_gets_a_403_everywhere(site, connection, alice):
    session = site.session(key=people.make_key(alice, addresses="192.0.2.0/24"))
    for answer in (
        session.get(f"{site.url}/v1/models"),
        session.get(f"{site.url}/api/v1/chats"),
        session.post(f"{site.url}/v1/chat/completions", json=CHAT),
        session.post(f"{site.views_url}/v1/chat/completions", json=CHAT),
    ):
        assert answer.status_code == 403
        error = answer.json()
        assert (error.get("error") or error)["code"] == "address_not_allowed"
        assert "127.0.0.1" in answer.text
    ClientKey.objects.update(addresses="127.0.0.0/8\n::1")
    assert session.get(f"{site.url}/v1/models").status_code == 200


def test_a_token_of_a_key_keeps_its_models_and_is_used_from_anywhere(alice):
    key = people.make_key(alice, models="gpt-*", addresses="192.0.2.7")
    caller = callers.caller_for_key_blocking(key, address="192.0.2.7")
    found = callers.caller_for_key_blocking(caller.token(), address="203.0.113.9")
    assert found.may_use("gpt-6")
    assert not found.may_use("m1")


@pytest.mark.django_db(transaction=True)
def test_both_secrets_of_a_rotated_key_work_and_each_shows_its_use(alice):
    row, old = services.issue_key(alice, name="script")
    new = services.rotate_key(row, keep=timedelta(hours=1))
    assert callers.caller_for_key_blocking(old, address="192.0.2.1").key_id == row.pk
    assert callers.caller_for_key_blocking(new, address="192.0.2.2").key_id == row.pk
    background.drain()
    row.refresh_from_db()
    assert (row.former_last_address, row.last_address) == ("192.0.2.1", "192.0.2.2")
    assert row.former_last_used
    assert row.last_used
    assert row.has_former

    token = callers.caller_for_key_blocking(old).token()
    services.end_former_secret(row)
    for secret in (old, token):
        with pytest.raises(Unauthenticated):
            callers.caller_for_key_blocking(secret)
    assert callers.caller_for_key_blocking(new).key_id == row.pk


@pytest.mark.django_db
def test_a_former_secret_ends_at_its_time_and_with_the_key(alice):
    row, old = services.issue_key(alice, expires_at=timezone.now() + timedelta(minutes=5))
    services.rotate_key(row, keep=timedelta(days=3))
    row.refresh_from_db()
    assert row.end_of(row.former_digest) == row.expires_at  # the key ends first
    ClientKey.objects.update(former_until=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        callers.caller_for_key_blocking(old)

    first = services.rotate_key(row, keep=timedelta(days=3))
    second = services.rotate_key(row, keep=timedelta(days=3))
    third = services.rotate_key(row)
    for ended in (first, second):
        with pytest.raises(Unauthenticated):
            callers.caller_for_key_blocking(ended)
    assert callers.caller_for_key_blocking(third)
    services.revoke_key(row)
    with pytest.raises(Conflict):
        services.rotate_key(row)


@pytest.mark.django_db
def test_a_key_of_a_group_belongs_to_an_account_nobody_signs_in_to(alice, client):
    writers, readers = Group.objects.create(name="Writers"), Group.objects.create(name="Readers")
    row, key = services.issue_key(group=writers, name="robot")
    again, _key = services.issue_key(group=writers)
    other, _key = services.issue_key(group=readers)
    assert row.user == again.user != other.user
    caller = callers.caller_for_key_blocking(key)
    assert (caller.group_names, caller.role, caller.name) == (("Writers",), "user", "Writers")
    assert not row.user.has_usable_password()
    assert row.user not in User.objects.people()
    assert accounts.account_with(row.user.email) is None
    answer = client.get("/api/v1/chats/", headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, Chat.objects.count()) == (200, 0)

    writers.delete()
    with pytest.raises(Unauthenticated):
        callers.caller_for_key_blocking(key)
    assert set(User.objects.values_list("pk", flat=True)) == {alice.pk, other.user_id}


@pytest.mark.django_db
def test_a_use_from_another_address_is_refused_before_it_counts_as_one(alice):
    row, key = services.issue_key(alice, addresses="192.0.2.7")
    with pytest.raises(Forbidden):
        callers.caller_for_key_blocking(key, address="192.0.2.8")
    background.drain()
    row.refresh_from_db()
    assert row.last_used is None
