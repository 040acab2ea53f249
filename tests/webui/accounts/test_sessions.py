"""Tokens of single sign-on: they belong to one browser session and end with it."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from providers import sign_ins
from providers.authentication import caller_of
from providers.models import SignIn
from tests.people import PASSWORD, make_user
from tests.webui.accounts.sign_in import come_in, signed_in
from webui import housekeeping

pytestmark = pytest.mark.django_db


def sign_in_of(client):
    return sign_ins.of_session(client.session)


def left():
    return set(SignIn.objects.values_list("pk", flat=True))


def test_each_session_has_tokens_of_its_own(client, openid):
    second = Client()
    for browser in (client, second):
        come_in(browser, openid)
    assert signed_in(client) == signed_in(second)
    assert left() == {sign_in_of(client), sign_in_of(second)}
    assert len(left()) == 2


def test_a_session_that_began_with_a_password_has_none(client, openid):
    come_in(client, openid)
    browser = Client()
    browser.force_login(signed_in(client))
    assert sign_in_of(browser) is None


def come_in_again(client, openid):
    come_in(client, openid)


def sign_out(client, openid):
    client.post("/accounts/logout/")


def change_the_password_elsewhere(client, openid):
    user = signed_in(client)
    user.set_password("another")
    user.save()
    client.get("/")


def disconnect(client, openid):
    SignIn.objects.get(pk=sign_in_of(client)).account.delete()


def expire(client, openid):
    past = timezone.now() - timedelta(days=1)
    SignIn.objects.filter(pk=sign_in_of(client)).update(session_ends=past)
    housekeeping.run()


@pytest.mark.parametrize("end", [come_in_again, sign_out, change_the_password_elsewhere, disconnect, expire])
def test_tokens_end_with_their_session(client, openid, end):
    come_in(client, openid)
    first = sign_in_of(client)
    end(client, openid)
    assert first not in left()
    assert left() == ({sign_in_of(client)} if end is come_in_again else set())


def test_signing_out_leaves_other_sessions_their_tokens(client, openid):
    other = Client()
    for browser in (client, other):
        come_in(browser, openid)
    sign_out(client, openid)
    assert left() == {sign_in_of(other)}


@pytest.mark.parametrize("is_async", [False, True])
def test_a_new_key_of_the_session_keeps_its_tokens(client, openid, is_async):
    come_in(client, openid)
    session, first = client.session, sign_in_of(client)
    old = session.session_key
    if is_async:
        async_to_sync(session.acycle_key)()
    else:
        session.cycle_key()
    assert session.session_key != old
    assert sign_ins.of_session(type(session)(session.session_key)) == first
    assert left() == {first}


def test_a_new_password_of_ones_own_keeps_the_tokens(client, openid, rf):
    come_in(client, openid)
    first, request = sign_in_of(client), rf.get("/")
    request.session, request.user = client.session, signed_in(client)
    request.user.set_password(PASSWORD)
    request.user.save()
    update_session_auth_hash(request, request.user)
    request.session.save()
    assert left() == {first}
    assert caller_of(request).sign_in == first


def test_a_session_that_is_stored_again_keeps_its_tokens_longer(client, openid):
    come_in(client, openid)
    SignIn.objects.update(session_ends=timezone.now())
    session = client.session
    session["anything"] = 1
    session.save()
    assert SignIn.objects.get().session_ends == pytest.approx(
        Session.objects.get().expire_date, abs=timedelta(minutes=1)
    )


def test_the_link_by_password_keeps_the_tokens(client, openid):
    make_user("Ada")
    come_in(client, openid)
    assert not left()
    client.post("/accounts/link/", {"password": PASSWORD})
    assert left() == {sign_in_of(client)}
