"""Links in mails: they lead to the site, whatever Host header a visitor sends."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.cache import cache
from django.test import Client, RequestFactory

from providers import runtime
from providers.catalogue import snapshot_loader
from providers.errors import ConfigurationError
from providers.models import Connection
from tests.people import PASSWORD
from webui import address
from webui.models import SiteAddress, SiteSettings, User

pytestmark = pytest.mark.django_db
EVIL = "evil.example"
SIGN_UP = {"email": "eve@example.com", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture(autouse=True)
def _any_host(settings):
    cache.clear()
    settings.ALLOWED_HOSTS = ["*"]
    settings.EMAIL_ENABLED = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ENABLE_SIGNUP = True


def ask_for_a_password(host=EVIL, email="alice@example.com"):
    return Client(headers={"host": host}).post("/accounts/password/reset/", {"email": email})


def sign_up(host=EVIL, email="eve@example.com"):
    return Client(headers={"host": host}).post("/accounts/signup/", {**SIGN_UP, "email": email})


def sign_in(host, **options):
    browser = Client(headers={"host": host})
    answer = browser.post("/accounts/login/", {"login": "admin@example.com", "password": PASSWORD}, **options)
    assert answer.status_code == 302
    return browser


WAYS = [ask_for_a_password, sign_up, lambda: sign_up(email="alice@example.com")]
every_way = pytest.mark.parametrize("ask", WAYS, ids=["a password", "a new account", "an account that is there"])


@every_way
def test_a_mail_leads_to_where_an_administrator_was_last(admin, alice, ask):
    sign_in("chat.example.com")
    ask()
    assert re.findall(r"https?://[^/\s]+", mail.outbox[-1].body) == ["http://chat.example.com"]


@every_way
def test_a_mail_leads_to_site_url(alice, settings, ask):
    settings.SITE_URL = "https://chat.example.com"
    ask()
    assert re.findall(r"https?://[^/\s]+", mail.outbox[-1].body) == ["https://chat.example.com"]


@every_way
def test_no_mail_is_sent_while_nobody_knows_where_the_site_is(alice, ask):
    answer = ask()
    assert answer.status_code == 503
    assert "does not know its own address" in answer.content.decode()
    assert mail.outbox == []
    assert User.objects.count() == 1


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_the_refusal_does_not_say_who_has_an_account(alice, email):
    assert ask_for_a_password(email=email).status_code == 503


def test_a_page_of_the_administration_renews_the_address(admin):
    browser = sign_in("old.example.com")
    browser.get("/admin/", headers={"host": "new.example.com"})
    assert SiteAddress.objects.get().origin == "http://new.example.com"


def test_nobody_else_renews_it(admin, alice):
    sign_in("chat.example.com")
    alice.is_staff = True
    alice.save()
    browser = Client(headers={"host": EVIL})
    browser.force_login(alice)
    browser.get("/admin/")
    browser.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
    assert SiteAddress.objects.get().origin == "http://chat.example.com"


def test_an_address_that_the_site_no_longer_answers_to_is_forgotten(admin, settings):
    sign_in("chat.example.com")
    settings.ALLOWED_HOSTS = ["new.example.com", "other.example.com"]
    with pytest.raises(ConfigurationError):
        address.origin_for(RequestFactory().get("/", headers={"host": "new.example.com"}))


def test_the_address_is_that_behind_the_proxy(admin, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    sign_in("chat.example.com", headers={"x-forwarded-proto": "https"})
    assert SiteAddress.objects.get().origin == "https://chat.example.com"


@pytest.mark.parametrize(
    ("hosts", "asked", "origin"),
    [
        (["chat.example.com"], "chat.example.com", "http://chat.example.com"),
        (["localhost", "127.0.0.1", "[::1]"], "127.0.0.1:8000", "http://127.0.0.1:8000"),
        (["chat.example.com", "localhost"], "chat.example.com", None),
        ([".example.com"], "chat.example.com", None),
        (["*"], "localhost", None),
    ],
)
def test_a_host_header_counts_only_where_it_can_mean_nothing_else(settings, hosts, asked, origin):
    settings.ALLOWED_HOSTS = hosts
    request = RequestFactory().get("/", headers={"host": asked})
    if origin is None:
        with pytest.raises(ConfigurationError):
            address.origin_for(request)
    else:
        assert address.origin_for(request) == origin


def test_a_helper_hands_out_links_to_where_the_administrator_was(admin, alice, bob):
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    browser = Client(headers={"host": EVIL})
    browser.force_login(alice)
    path = f"/admin/webui/user/{bob.pk}/password-link"
    assert "does not know its own address" in browser.get(path, follow=True).content.decode()
    sign_in("chat.example.com")
    page = browser.get(path, follow=True).content.decode()
    assert "http://chat.example.com/accounts/password/reset/key/" in page
    assert f"{EVIL}/accounts" not in page


def test_one_look_of_an_administrator_writes_once(admin, django_assert_num_queries):
    request = RequestFactory().get("/", headers={"host": "chat.example.com"})
    address.remember(request)
    with django_assert_num_queries(0):
        address.remember(request)
    runtime.replace()
    address.remember(request)
    assert SiteAddress.objects.count() == 1


@pytest.mark.parametrize(("hosts", "warns"), [("*", True), ("a.example.com,b.example.com", True), ("", False)])
def test_the_start_warns(server_process, hosts, warns):
    server = server_process(env={"ALLOWED_HOSTS": hosts, "WEBUI_DEMO": "false"}).start()
    assert ("SITE_URL is not set" in server.log()) is warns


def test_an_administrators_address_is_told_to_providers_at_once(admin, settings):
    settings.SITE_URL = ""
    request = RequestFactory().get("/admin/", headers={"host": "chat.example.com"})
    before = snapshot_loader.load_version()
    address.remember(request)
    after = snapshot_loader.load_version()
    runtime.close()
    address.remember(request)  # another process, the same address
    assert before < after == snapshot_loader.load_version()
    row = Connection(name="c", kind="openrouter", base_url="https://openrouter.ai/api/v1")
    assert snapshot_loader.facts_of(row).site_url == "http://chat.example.com"
    assert snapshot_loader.facts_of(row).site_name == "WebUI"
    SiteSettings.objects.create(pk=1, name="Harbour")
    assert snapshot_loader.facts_of(row).site_name == "Harbour"
    other = snapshot_loader.facts_of(Connection(name="c", base_url="https://api.openai.com/v1"))
    assert (other.site_url, other.site_name) == ("", "")
