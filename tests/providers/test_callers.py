"""Callers: keys, session tokens, their end, and the cache."""

import asyncio
import time
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core import signing
from django.db import OperationalError
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.request import Request

from providers import callers, catalogue, services
from providers.authentication import BrowserAuthentication, KeyAuthentication, caller_of, presented_key
from providers.errors import BadRequest, Unauthenticated, Unavailable
from providers.models import ClientKey
from providers.process import background
from tests.people import make_user


@pytest.fixture
def key(transactional_db):
    user = make_user("Alice", groups=("red", "blue"))
    return services.issue_key(user, name="script")[1]


async def caller(key):
    return await callers.caller_for_key(key)


async def test_a_key_leads_to_its_person_with_role_and_groups(key):
    found = await caller(key)
    assert (found.email, found.name, found.role) == ("alice@example.com", "Alice", "user")
    assert found.group_names == ("blue", "red")
    assert found.token().startswith("st-")
    assert not found.is_admin
    assert key not in repr(found)


async def test_a_known_key_costs_no_query(key, settings, monkeypatch):
    settings.CONFIG_CHECK_SECONDS = 60
    first = await caller(key)
    monkeypatch.setattr(callers, "_load", None)
    assert await caller(key) is first


async def test_many_calls_with_a_new_key_look_it_up_once(key, monkeypatch):
    await catalogue.snapshot()
    load, looks = callers._load, []
    monkeypatch.setattr(callers, "_load", lambda *args: (looks.append(1), load(*args))[1])
    found = await asyncio.gather(*(caller(key) for _ in range(30)))
    assert len(looks) == 1
    assert len({one.key_id for one in found}) == 1


@pytest.mark.parametrize("wrong", ["", "sk-unknown", "no-prefix", "st-forged", "sk-"])
async def test_what_is_no_key_of_ours_is_refused(transactional_db, wrong):
    with pytest.raises(Unauthenticated) as caught:
        await caller(wrong)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    with pytest.raises(Unauthenticated):
        await sync_to_async(callers.caller_for_key_blocking)(wrong)


async def test_a_revoked_key_ends_at_once(key):
    await caller(key)
    row = await ClientKey.objects.aget()
    await sync_to_async(services.revoke_key)(row)
    with pytest.raises(Unauthenticated, match="revoked"):
        await caller(key)


async def test_a_key_revoked_in_bulk_ends_too(key):
    await caller(key)
    await sync_to_async(ClientKey.objects.update)(revoked_at=timezone.now())
    with pytest.raises(Unauthenticated, match="revoked"):
        await caller(key)


async def test_a_deleted_key_ends(key):
    await caller(key)
    await sync_to_async(ClientKey.objects.all().delete)()
    with pytest.raises(Unauthenticated):
        await caller(key)


async def test_a_key_ends_when_its_time_is_over_without_any_edit(key, monkeypatch):
    row = await ClientKey.objects.aget()
    row.expires_at = timezone.now() + timedelta(hours=1)
    await row.asave()
    await caller(key)
    later = time.time() + 3601
    monkeypatch.setattr(callers.time, "time", lambda: later)
    with pytest.raises(Unauthenticated, match="expired"):
        await caller(key)


async def test_people_made_inactive_in_bulk_are_refused(key, settings):
    settings.CONFIG_CHECK_SECONDS = 0
    await caller(key)
    await get_user_model().objects.filter(name="Alice").aupdate(is_active=False)
    with pytest.raises(Unauthenticated):
        await caller(key)


async def test_a_preference_written_in_bulk_leaves_what_is_remembered(key, settings):
    settings.CONFIG_CHECK_SECONDS = 0
    first = await caller(key)
    await get_user_model().objects.filter(name="Alice").aupdate(preferences={"theme": "dark"})
    assert await caller(key) is first


async def test_an_inactive_person_is_refused(key):
    await caller(key)
    user = (await ClientKey.objects.select_related("user").aget()).user
    user.is_active = False
    await user.asave()
    with pytest.raises(Unauthenticated, match="not active"):
        await caller(key)


async def test_a_new_role_and_a_new_group_are_seen_by_the_next_call(key):
    assert not (await caller(key)).is_admin
    user = (await ClientKey.objects.select_related("user").aget()).user
    user.is_superuser = True
    await user.asave()
    assert (await caller(key)).is_admin
    await sync_to_async(user.groups.add)(await Group.objects.acreate(name="green"))
    assert "green" in (await caller(key)).group_names


async def test_a_database_that_is_away_keeps_known_keys_and_says_so_for_new_ones(key, monkeypatch):
    from providers.catalogue import snapshot_loader

    await caller(key)

    def away(*args):
        raise OperationalError("away")

    monkeypatch.setattr(snapshot_loader, "load_version", away)
    monkeypatch.setattr(callers, "_load_key", away)
    assert (await caller(key)).name == "Alice"
    with pytest.raises(Unavailable) as caught:
        await caller("sk-another")
    assert (caught.value.status, caught.value.code) == (503, "database_unavailable")


async def test_last_use_is_written_behind_once_a_minute_and_changes_no_version(key):
    from providers.catalogue.snapshot_loader import load_version

    before = await sync_to_async(load_version)()
    for _ in range(5):
        await caller(key)
    await sync_to_async(background.drain)()
    row = await ClientKey.objects.aget()
    assert row.last_used is not None
    await ClientKey.objects.quietly().aupdate(last_used=None)
    await caller(key)
    await sync_to_async(background.drain)()

    assert (await ClientKey.objects.aget()).last_used is None
    assert await sync_to_async(load_version)() == before


# --- tokens that stand for a browser's session ---


def test_a_session_token_stands_for_its_person_for_models_only(alice):
    token = callers.session_token(alice)
    found = callers.caller_for_key_blocking(token)
    assert found.user_id == alice.pk
    assert found.may("inference")
    assert not found.may("admin")
    assert callers.caller_for_user(alice).token().startswith("st-")
    assert found.token() == token  # a call that it makes does not prolong it


def test_the_token_of_a_key_ends_with_the_key_and_does_no_more_than_it(key):
    row = ClientKey.objects.get()
    token = callers.caller_for_key_blocking(key).token()
    found = callers.caller_for_key_blocking(token)
    assert (found.key_id, found.scopes) == (row.pk, {"inference"})
    services.revoke_key(row)
    with pytest.raises(Unauthenticated):
        callers.caller_for_key_blocking(token)
    limited = services.issue_key(row.user, scopes=["images"])[1]
    assert callers.caller_for_key_blocking(limited).token is None


def test_a_session_token_ends_by_time_and_with_the_password(alice, monkeypatch):
    token = callers.session_token(alice)
    alice.set_password("another one")
    alice.save()
    with pytest.raises(Unauthenticated):
        callers.caller_for_key_blocking(token)

    token = callers.session_token(alice)
    later = time.time() + callers.TOKEN_SECONDS + 1
    monkeypatch.setattr(signing.time, "time", lambda: later)
    with pytest.raises(Unauthenticated):
        callers.caller_for_key_blocking(token)


# --- keys ---


def test_a_key_has_only_scopes_that_exist(alice):
    row, _key = services.issue_key(alice, scopes=["inference", "images", "images"])
    assert row.scopes == ["images", "inference"]
    with pytest.raises(BadRequest, match="scope"):
        services.issue_key(alice, scopes=["everything"])


def test_a_key_cannot_end_in_the_past(alice):
    with pytest.raises(BadRequest):
        services.issue_key(alice, expires_at=timezone.now() - timedelta(seconds=1))


# --- Django REST framework ---


@pytest.mark.parametrize(
    ("authorization", "api_key", "expected"),
    [
        ("Bearer sk-a", "", "sk-a"),
        ("bearer  sk-a ", "", "sk-a"),
        ("Bearer ", "", ""),
        ("", "sk-a", "sk-a"),
        ("Basic eDp5", "sk-a", "sk-a"),
        ("Bearer sk-a", "sk-b", "sk-a"),
        ("", "", None),
        ("Basic eDp5", "", None),
    ],
)
def test_the_key_is_found_where_openais_and_azures_clients_put_it(authorization, api_key, expected):
    assert presented_key(authorization, api_key) == expected


def request_with(**headers):
    return Request(RequestFactory().get("/", headers=headers))


@pytest.mark.django_db(transaction=True)  # the uses of keys are written in a thread
def test_a_request_with_a_key_carries_its_caller(alice, api_key):
    user, found = KeyAuthentication().authenticate(request_with(authorization=f"Bearer {api_key}"))
    assert user == alice
    assert found.user_id == alice.pk
    assert KeyAuthentication().authenticate(request_with()) is None


@pytest.mark.django_db(transaction=True)  # the uses of keys are written in a thread
def test_the_person_behind_a_key_is_looked_up_when_somebody_asks(alice, api_key, django_assert_num_queries):
    user, _caller = KeyAuthentication().authenticate(request_with(authorization=f"Bearer {api_key}"))
    with django_assert_num_queries(1):
        assert user.email == alice.email

    gone, _caller = KeyAuthentication().authenticate(request_with(authorization=f"Bearer {api_key}"))
    alice.is_active = False
    alice.save()
    with pytest.raises(Unauthenticated):
        _ = gone.email


def test_a_signed_in_browser_is_a_caller_and_needs_the_csrf_token(alice, client):
    client.force_login(alice)
    session = client.cookies["sessionid"].value
    factory = RequestFactory()
    factory.cookies["sessionid"] = session
    get, post = factory.get("/"), factory.post("/")
    for request in (get, post):
        request.user = alice

    assert BrowserAuthentication().authenticate(Request(get))[1].user_id == alice.pk
    from rest_framework.exceptions import PermissionDenied

    with pytest.raises(PermissionDenied, match="CSRF"):
        BrowserAuthentication().authenticate(Request(post))


def test_nobody_is_no_caller(db):
    from django.contrib.auth.models import AnonymousUser

    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with pytest.raises(Unauthenticated):
        caller_of(request)
