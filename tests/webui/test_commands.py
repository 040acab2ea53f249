"""The commands `create_user` and `bootstrap`."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from chat.models import Chat
from tests.people import make_connection
from webui import bootstrap
from webui.accounts import links
from webui.demo import samples
from webui.models import User

pytestmark = pytest.mark.django_db


def create_user(capsys, *words) -> str:
    call_command("create_user", *words)
    return capsys.readouterr().out


def test_a_user_is_made_with_a_link_to_set_a_password(capsys, settings):
    settings.SITE_URL = "https://chat.example.com"
    out = create_user(capsys, "Eve@Example.com", "--name", "Eve")
    user = User.objects.get()
    assert (user.email, user.name, user.is_superuser, user.has_usable_password()) == (
        "eve@example.com",
        "Eve",
        False,
        False,
    )
    path = re.search(r"^https://chat\.example\.com(/\S+)$", out, re.MULTILINE)[1]
    settings.SECURE_SSL_REDIRECT = False
    assert "Choose a password" in Client().get(path, follow=True).content.decode()


def test_without_a_site_url_the_link_leads_to_this_machine(capsys):
    assert "http://127.0.0.1:8000/accounts/password/reset/key/" in create_user(capsys, "eve@example.com")


def test_without_a_site_url_the_link_leads_where_the_site_was_last_served(capsys, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    links.remember_served("http://127.0.0.1:9000")

    assert "http://127.0.0.1:9000/accounts/password/reset/key/" in create_user(capsys, "eve@example.com")


def test_an_administrator_with_a_password(capsys):
    out = create_user(capsys, "root@example.com", "--admin", "--password", "correct horse battery")
    user = User.objects.get()
    assert user.is_superuser
    assert user.is_staff
    assert user.check_password("correct horse battery")
    assert "http" not in out
    assert "correct horse" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["alice@example.com"], "already"),
        (["ALICE@example.com"], "already"),
        (["not-an-address"], "not an e-mail address"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(alice, words, said):
    with pytest.raises(CommandError, match=said):
        call_command("create_user", *words)
    assert User.objects.count() == 1


def test_a_weak_password_is_said_and_taken(capsys):
    call_command("create_user", "eve@example.com", "--password", "12345678")
    assert "too common" in capsys.readouterr().err
    assert User.objects.get().check_password("12345678")


def test_a_weak_password_of_the_environment_is_said_and_taken(settings):
    settings.WEBUI_ADMIN_EMAIL, settings.WEBUI_ADMIN_PASSWORD = "admin@example.com", "admin"
    bootstrap.create_administrator(out := Lines())
    assert User.objects.get().check_password("admin")
    assert "too short" in "".join(out)


def test_the_administrator_of_the_environment_is_made_once(settings, capsys):
    settings.WEBUI_ADMIN_EMAIL, settings.WEBUI_ADMIN_PASSWORD = "Admin@example.com", "correct horse battery"
    bootstrap.create_administrator(out := Lines())
    user = User.objects.get()
    assert (user.email, user.is_superuser) == ("admin@example.com", True)
    user.set_password("another horse battery")
    user.save()
    bootstrap.create_administrator(out)
    user.refresh_from_db()
    assert user.check_password("another horse battery")
    assert len(out) == 1


def test_an_administrator_whose_address_is_none_stops_the_start(settings):
    settings.WEBUI_ADMIN_EMAIL = "admin"
    with pytest.raises(CommandError, match="WEBUI_ADMIN_EMAIL"):
        bootstrap.create_administrator(Lines())


class Lines(list):
    write = list.append


# --- samples ----------------------------------------------------------------------------------------------------------


def test_samples_are_people_who_can_sign_in_and_look_around(client):
    logins = dict(samples.make())
    assert [email.partition("@")[0] for email in logins] == ["admin", "ada", "ben", "chen"]
    for email, password in logins.items():
        assert client.login(email=email, password=password)
        assert client.get("/").status_code == 200
    ada = User.objects.get(email__startswith="ada@")
    assert not ada.is_superuser
    for chat in ada.chats.all():
        client.force_login(ada)
        assert client.get(f"/c/{chat.pk}").status_code == 200


def test_samples_may_be_made_again():
    first, second = dict(samples.make()), dict(samples.make())
    samples.check_unused()
    assert set(second) == set(first) - {"admin@sample.example.com"}
    assert second["ada@sample.example.com"] != first["ada@sample.example.com"]
    assert User.objects.count() == 4


def test_a_site_in_use_is_recognised(alice, upstream):
    samples.check_unused()
    Chat.objects.create(user=alice)
    with pytest.raises(samples.SiteInUse, match="chats of its own"):
        samples.check_unused()
    make_connection(upstream.url)
    with pytest.raises(samples.SiteInUse, match="connections of its own"):
        samples.check_unused()


def test_the_command_says_who_can_sign_in_and_refuses_where_somebody_works(server_process):
    site = server_process()
    done = site.manage("demo")
    assert re.search(r"ada@sample\.example\.com\s+\S{12}", done.stdout)
    site.manage("shell", "--verbosity", "0", "-c", IN_USE)
    refused = site.manage("demo", check=False)
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert site.manage("demo", "--force").returncode == 0


IN_USE = "from providers.models import Connection; Connection.objects.create(name='Own', base_url='http://x/v1')"


def test_a_command_before_the_first_start_says_what_to_do(server_process):
    done = server_process(fresh=True).manage("rotate_secrets", check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "bootstrap" in done.stderr
