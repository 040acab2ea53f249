"""The set-up link: its holder makes the first administrator; others get a 404."""

import re
from datetime import timedelta

import pytest
import requests
from django.test import Client
from django.utils import timezone

from tests.people import PASSWORD
from webui.accounts import setup
from webui.models import SetupLink, User

FORM = {"name": "Ada", "email": "Ada@Example.com", "password1": PASSWORD, "password2": PASSWORD}
pytestmark = pytest.mark.django_db


def test_the_link_makes_an_administrator_and_signs_them_in(client):
    answer = client.post(setup.new_link(), FORM)
    assert answer.status_code == 302
    assert answer["Location"] == "/"
    user = User.objects.get()
    assert (user.email, user.name, user.is_superuser, user.is_staff) == ("ada@example.com", "Ada", True, True)
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_page_does_not_exist_without_the_right_token(client):
    setup.new_link()
    assert client.get("/setup/wrong").status_code == 404
    assert client.post("/setup/wrong", FORM).status_code == 404
    assert not User.objects.exists()


def test_the_link_ends_when_an_administrator_exists(client, admin):
    link = setup.new_link()
    assert client.get(link).status_code == 404
    assert client.post(link, FORM).status_code == 404


def test_an_ordinary_user_does_not_end_the_link(client, alice):
    assert client.get(setup.new_link()).status_code == 200


def test_the_link_works_once(client):
    link = setup.new_link()
    client.post(link, FORM)
    again = Client().post(link, {**FORM, "email": "eve@example.com"})
    assert again.status_code == 404
    assert User.objects.count() == 1


def test_every_start_makes_a_link_and_the_earlier_one_still_works(client):
    first, second = setup.new_link(), setup.new_link()
    assert first != second
    assert client.get(first).status_code == client.get(second).status_code == 200


def test_a_link_ends_by_itself(client):
    link = setup.new_link()
    SetupLink.objects.update(created=timezone.now() - setup.LINK_LIFETIME - timedelta(seconds=1))
    assert client.get(link).status_code == 404


def test_the_token_is_not_kept(client):
    token = setup.new_link().rpartition("/")[2]
    assert token not in SetupLink.objects.values_list("digest", flat=True)
    assert len(token) >= 40


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password2": "another one"}, "not the same"),
        ({"password1": "12345678", "password2": "12345678"}, "common"),
        ({"email": "nobody"}, "valid email"),
        ({"password1": "ada@example.com", "password2": "ada@example.com"}, "similar"),
    ],
)
def test_a_mistake_is_said_and_nothing_is_made(client, change, words):
    answer = client.post(setup.new_link(), {**FORM, **change})
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not User.objects.exists()


def test_the_sign_in_page_says_where_the_link_is(client):
    assert "one-time link" in client.get("/accounts/login/").content.decode()


def test_the_sign_in_page_says_nothing_once_there_is_an_administrator(client, admin):
    assert "one-time link" not in client.get("/accounts/login/").content.decode()


def test_the_console_shows_the_link_and_a_restart_a_new_one(server_process):
    installation = server_process().start()

    def links() -> list[str]:
        return re.findall(rf"{installation.url}/setup/\S+", installation.log())

    assert len(links()) == 1
    assert requests.get(links()[0], timeout=10).status_code == 200
    installation.stop()
    installation.start()
    assert len(set(links())) == 2
    assert requests.get(links()[1], timeout=10).status_code == 200


def test_two_processes_agree_about_the_link(server_process):
    one = server_process().start()
    other = server_process(data_dir=one.data_dir).start()
    link = re.search(rf"{one.url}(/setup/\S+)", one.log())[1]
    with requests.Session() as browser:
        page = browser.get(other.url + link, timeout=10)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        made = browser.post(other.url + link, {**FORM, "csrfmiddlewaretoken": token}, allow_redirects=False, timeout=10)
    assert made.status_code == 302
    assert requests.get(one.url + link, timeout=10).status_code == 404
