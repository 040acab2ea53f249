"""The middleware on the event loop: it checks and saves as Django's does."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.test import AsyncClient
from django.utils.module_loading import import_string

from tests import people
from webui.layers import onloop
from webui.layers.handler import RequestThreads

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery"


def test_every_middleware_of_djangos_is_there(settings):
    wanted = {onloop.Security, onloop.Session, onloop.Locale, onloop.Common, onloop.Csrf, onloop.Authentication}
    assert wanted <= {import_string(path) for path in settings.MIDDLEWARE}


def test_a_form_without_its_token_is_refused():
    client = AsyncClient(enforce_csrf_checks=True)

    answer = async_to_sync(client.post)("/accounts/login/", {"login": "a@example.com", "password": PASSWORD})

    assert answer.status_code == 403


def test_a_form_with_its_token_signs_in_and_the_session_is_saved():
    alice = people.make_user("Alice")
    alice.set_password(PASSWORD)
    alice.save()
    client = AsyncClient(enforce_csrf_checks=True)
    async_to_sync(client.get)("/accounts/login/")
    form = {
        "login": alice.email,
        "password": PASSWORD,
        "csrfmiddlewaretoken": client.cookies["csrftoken"].value,
    }

    answer = async_to_sync(client.post)("/accounts/login/", form)

    assert answer.status_code == 302
    assert Session.objects.filter(session_key=client.cookies["sessionid"].value).exists()
    assert async_to_sync(client.get)("/").status_code == 200


def test_a_call_with_a_session_needs_the_token():
    client = AsyncClient(enforce_csrf_checks=True)
    client.force_login(people.make_user("Alice"))

    answer = async_to_sync(client.post)("/openai/chat/completions", {"model": "m"}, content_type="application/json")

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "permission_denied"


def test_requests_give_their_threads_back():
    threads = RequestThreads()
    with threads.borrowed() as one, threads.borrowed() as other:
        assert one is not other

    with threads.borrowed() as again:
        assert again is one
