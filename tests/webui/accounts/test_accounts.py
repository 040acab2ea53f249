"""Accounts: sign-in, sign-out, passwords, sign-up, language."""

import re
import threading

import pytest
import requests
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from tests.people import PASSWORD
from webui.accounts import links
from webui.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_counted_attempts(settings):
    cache.clear()
    settings.ALLOWED_HOSTS = ["testserver"]


def sign_in(client, email="alice@example.com", password=PASSWORD, **more):
    return client.post("/accounts/login/", {"login": email, "password": password, **more})


def test_the_right_password_signs_in(client, alice):
    answer = sign_in(client)
    assert answer.status_code == 302
    assert answer["Location"] == "/"
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_the_address_may_be_written_in_capitals(client, alice):
    assert sign_in(client, "Alice@Example.COM").status_code == 302


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_address_are_answered_alike(client, alice, email):
    answer = sign_in(client, email, "wrong")
    assert answer.status_code == 200
    assert "not correct" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_an_account_that_is_switched_off_cannot_sign_in(client, alice):
    alice.is_active = False
    alice.save()
    answer = sign_in(client)
    assert "_auth_user_id" not in client.session
    assert answer.status_code in (200, 302)


def test_too_many_wrong_passwords_are_refused_even_with_the_right_one(client, alice):
    for _ in range(10):
        sign_in(client, password="wrong")
    answer = sign_in(client)
    assert "Too many" in answer.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_next_leads_nowhere_else(client, alice, target):
    assert sign_in(client, next=target)["Location"] == "/"


def test_next_leads_back_to_the_page_that_was_wanted(client, alice):
    assert sign_in(client, next="/settings/keys")["Location"] == "/settings/keys"


def test_signing_out_asks_first_and_then_does(client, alice):
    client.force_login(alice)
    assert client.get("/accounts/logout/").status_code == 200
    assert "_auth_user_id" in client.session
    client.post("/accounts/logout/")
    assert "_auth_user_id" not in client.session


def test_sign_up_is_closed(client):
    assert "Sign-up is closed" in client.get("/accounts/signup/").content.decode()
    client.post("/accounts/signup/", {"email": "eve@example.com", "password1": PASSWORD, "password2": PASSWORD})
    assert not User.objects.exists()
    assert "/accounts/signup/" not in client.get("/accounts/login/").content.decode()


def test_sign_up_can_be_opened_and_makes_an_ordinary_user(client, settings):
    settings.ENABLE_SIGNUP = True
    assert "/accounts/signup/" in client.get("/accounts/login/").content.decode()
    answer = client.post(
        "/accounts/signup/", {"email": "Eve@example.com", "password1": PASSWORD, "password2": PASSWORD}
    )
    assert answer.status_code == 302
    user = User.objects.get()
    assert (user.email, user.is_superuser, user.is_staff) == ("eve@example.com", False, False)


def test_a_new_password_signs_other_browsers_out(client, alice):
    other = Client()
    other.force_login(alice)
    client.force_login(alice)
    answer = client.post(
        "/settings/password",
        {"oldpassword": PASSWORD, "password1": "a new horse battery", "password2": "a new horse battery"},
    )
    assert answer.status_code == 302
    assert client.get("/settings").status_code == 200
    assert other.get("/settings").status_code == 302


def test_a_password_is_not_changed_without_the_old_one(client, alice):
    client.force_login(alice)
    answer = client.post(
        "/settings/password", {"oldpassword": "wrong", "password1": "a new horse", "password2": "a new horse"}
    )
    assert answer.status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_without_e_mail_a_forgotten_password_is_the_administrators_matter(client, alice, settings):
    settings.EMAIL_ENABLED = False
    assert "administrator" in client.get("/accounts/password/reset/").content.decode()
    client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    assert mail.outbox == []


def test_a_forgotten_password_is_set_anew_through_the_link_in_the_mail(client, alice, settings):
    settings.EMAIL_ENABLED = True
    client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    link = re.search(r"http://testserver(/\S+)", mail.outbox[0].body)[1]
    choose_password(client, link)
    alice.refresh_from_db()
    assert alice.check_password("a new horse battery")


def test_an_unknown_address_is_answered_like_a_known_one(client, alice, settings):
    settings.EMAIL_ENABLED = True
    answers = [
        client.post("/accounts/password/reset/", {"email": email})
        for email in ("alice@example.com", "nobody@example.com")
    ]
    assert len({(answer.status_code, answer["Location"]) for answer in answers}) == 1


def test_the_link_in_the_mail_leads_to_the_sites_own_address(client, alice, settings):
    settings.EMAIL_ENABLED = True
    settings.SITE_URL = "https://chat.example.com"
    client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    assert "https://chat.example.com/accounts/password/reset/key/" in mail.outbox[0].body


def choose_password(client, link, password="a new horse battery"):
    page = client.get(link, follow=True)
    assert "Choose a password" in page.content.decode()
    return client.post(page.redirect_chain[-1][0], {"password1": password, "password2": password})


def test_a_set_password_link_signs_in_and_works_once(client, alice):
    alice.set_unusable_password()
    alice.save()
    link = links.password_path(alice)
    assert choose_password(client, link).status_code == 302
    assert client.session["_auth_user_id"] == str(alice.pk)
    client.logout()
    assert "This link has expired" in client.get(link, follow=True).content.decode()


def test_a_set_password_link_that_is_used_at_once_works_once(site, alice, settings):
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    alice.set_unusable_password()
    alice.save()
    link = links.password_path(alice)
    browsers, gate, answers = [], threading.Barrier(6), []
    for _number in range(6):
        browser = requests.Session()
        page = browser.get(f"{site.url}{link}", timeout=20)
        browsers.append((browser, page.url, browser.cookies["csrftoken"]))

    def use(number, browser, address, token):
        password = f"a new horse battery {number}"
        form = {"password1": password, "password2": password, "csrfmiddlewaretoken": token}
        gate.wait(20)
        answer = browser.post(address, data=form, headers={"Referer": site.url}, allow_redirects=False, timeout=30)
        answers.append((answer.status_code, password))

    threads = [threading.Thread(target=use, args=(number, *one)) for number, one in enumerate(browsers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used = [password for status, password in answers if status == 302]
    assert len(used) == 1
    alice.refresh_from_db()
    assert alice.check_password(used[0])


def test_what_libraries_send_is_in_no_log_at_any_level(settings):
    """These write headers, addresses with keys or parameters at their finest level."""
    loggers = settings.LOGGING["loggers"]
    talkative = ("azure", "botocore", "django.db.backends", "google", "msal", "urllib3", "websockets")
    assert [name for name in talkative if loggers[name]["level"] not in ("INFO", "WARNING", "ERROR")] == []


@pytest.mark.parametrize("name", ["account_email", "account_reauthenticate"])
def test_what_the_site_does_not_use_does_not_exist(name):
    from django.urls import NoReverseMatch

    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_the_language_is_switched_and_remembered(client, alice):
    client.force_login(alice)
    client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/settings"})
    alice.refresh_from_db()
    assert alice.preferences["language"] == "zh-hans"
    assert client.cookies["django_language"].value == "zh-hans"


def test_the_language_follows_the_person_to_another_browser(client, alice):
    alice.preferences = {"language": "zh-hans", "theme": "dark"}
    alice.save()
    sign_in(client)
    assert client.cookies["django_language"].value == "zh-hans"
    assert client.cookies["theme"].value == "dark"


def test_a_language_that_does_not_exist_is_not_remembered(client, alice):
    client.force_login(alice)
    client.post("/i18n/setlang/", {"language": "xx", "next": "/"})
    alice.refresh_from_db()
    assert "language" not in alice.preferences


def test_the_console_says_that_a_link_lacks_the_sites_own_address(db, capsys, settings):
    call_command("create_user", "eve@example.com")
    assert "SITE_URL is not set" in capsys.readouterr().out
    settings.SITE_URL = "https://chat.example.com"
    call_command("create_user", "kim@example.com")
    assert "SITE_URL" not in capsys.readouterr().out


def test_an_openid_provider_that_is_away_is_said_and_nothing_crashes(server_process):
    from tests.upstream import unused_port

    provider = f"http://127.0.0.1:{unused_port()}"
    env = {"OPENID_PROVIDER_URL": provider, "OAUTH_CLIENT_ID": "webui", "OAUTH_PROVIDER_NAME": "Example"}
    site = server_process(env={**env, "WEBUI_DEMO": "false"}).start()
    with requests.Session() as browser:
        page = browser.get(f"{site.url}/accounts/login/", timeout=10)
        assert "Continue with Example" in page.text
        assert f"form-action 'self' {provider}" in page.headers["Content-Security-Policy"]
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        answer = browser.post(f"{site.url}/accounts/oidc/oidc/login/", data={"csrfmiddlewaretoken": token}, timeout=20)
    assert answer.status_code == 502
    assert "does not answer" in answer.text


@pytest.mark.parametrize("with_mail", [True, False])
def test_sign_up_does_not_say_who_has_an_account(client, alice, settings, with_mail):
    settings.ENABLE_SIGNUP = True
    settings.EMAIL_ENABLED = with_mail
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory" if with_mail else "none"
    before = alice.password
    answers = []
    for email in ("alice@example.com", "Alice@Example.com", "nobody@example.com"):
        browser = Client()
        answer = browser.post("/accounts/signup/", {"email": email, "password1": PASSWORD, "password2": PASSWORD})
        page = browser.get(answer["Location"]).content.decode()
        answers.append((answer.status_code, answer["Location"], "_auth_user_id" in browser.session, len(page)))
    assert len(set(answers)) == 1
    assert User.objects.count() == 2
    alice.refresh_from_db()
    assert alice.password == before


def test_a_password_is_hashed_whether_there_is_an_account_or_not(client, alice, settings, monkeypatch):
    settings.ENABLE_SIGNUP = True
    hashed = []
    real = User.set_password
    monkeypatch.setattr(User, "set_password", lambda self, raw: (hashed.append(raw), real(self, raw))[1])
    counts = []
    for email in ("alice@example.com", "nobody@example.com"):
        hashed.clear()
        Client().post("/accounts/signup/", {"email": email, "password1": PASSWORD, "password2": PASSWORD})
        counts.append(len([raw for raw in hashed if raw]))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_attempts_count_for_the_address_that_was_typed(client, alice, settings, email):
    """Known or not, in capitals or not, whatever host is named."""
    settings.ALLOWED_HOSTS = ["*"]
    for number in range(5):
        browser = Client(headers={"host": f"host{number}.example.com"}, REMOTE_ADDR=f"192.0.2.{number}")
        typed = email.upper() if number % 2 else email
        assert "not correct" in sign_in(browser, typed, "wrong").content.decode()
    answer = sign_in(Client(REMOTE_ADDR="192.0.2.99"), email)
    assert "Too many" in answer.content.decode()
    assert answer.status_code == 200


def test_a_sign_in_that_works_is_not_counted(client, alice):
    for _ in range(8):
        assert sign_in(Client()).status_code == 302
