"""No page sends a browser to another site: wherever an address to go to may be named, it stays here.

The pages come from the URL conf: each is asked for with a page of this site as target, and those that lead there are
then asked with targets elsewhere.
"""

import re
from urllib.parse import unquote, urlencode, urljoin, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client

from tests.people import PASSWORD
from tests.webui.accounts.sign_in import come_in, signed_in
from tests.webui.schema import routes

pytestmark = pytest.mark.django_db
NAMES = ("next", "return_to", "back", "redirect", "redirect_to", "redirect_uri", "url", "to", "process", "continue")
HERE = "/somewhere/here"
ELSEWHERE = [
    "//evil.example",
    "https:evil.example",
    "/\\evil.example",
    "\t//evil.example",
    "http:///evil.example",
    "///evil.example",
    "/\t/evil.example",
    "https://testserver@evil.example/",
    "https://evil.example/",
    "javascript:alert(1)",
]
FORM = {"login": "alice@example.com", "password": PASSWORD, "language": "en"}


def stays(location):
    """Whether browsers, which leave tabs and line ends out and take `\\` for `/`, stay on this site."""
    text = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text) and not text.startswith("http://testserver/"):
        return False
    return not text.startswith("///") and urlsplit(urljoin("http://testserver/page", text)).netloc == "testserver"


def browser(user):
    cache.clear()
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def ask(client, method, path, target):
    named = dict.fromkeys(NAMES, target)
    if method == "GET":
        return client.get(f"{path}?{urlencode(named)}")
    return client.post(f"{path}?{urlencode(named)}", {**FORM, **named}, headers={"referer": target})


def pages():
    """The pages that need nothing to be asked for."""
    paths = [*(route.template for route in routes.of_the_site()), "/admin/", "/admin/login/", "/admin/logout/"]
    return sorted({path for path in paths if "{" not in path and not path.startswith(("/api/", "/v1", "/openai"))})


@pytest.fixture
def leading(alice, settings):
    """Who asks how for which page that leads to the address it is given: the way to each."""
    settings.ENABLE_SIGNUP = True
    found = []
    for path in pages():
        for user in (None, alice):
            for method in ("GET", "POST"):
                answer = ask(browser(user), method, path, HERE)
                location = unquote(answer.headers.get("Location", ""))
                if HERE in location and f"next={path}" not in location:  # a page that asks to sign in first
                    found.append((path, user, method))
    return found


def test_every_page_that_leads_somewhere_stays_on_the_site(leading):
    assert {path for path, _user, _method in leading} >= {
        "/accounts/login/", "/accounts/logout/", "/i18n/setlang/", "/admin/login/",
    }  # fmt: skip
    for path, user, method in leading:
        for target in ELSEWHERE:
            answer = ask(browser(user), method, path, target)
            location = answer.headers.get("Location", "/")
            assert stays(location), (method, path, target, location)


@pytest.mark.parametrize("target", ELSEWHERE)
def test_the_sign_in_of_the_administration_leads_nowhere_else(admin, target):
    client = browser(None)
    page = client.get(f"/admin/login/?{urlencode({'next': target})}")
    shown = client.get(page["Location"])
    named = re.search(r'name="next" value="([^"]*)"', shown.content.decode())
    form = {"login": admin.email, "password": PASSWORD, **({"next": named[1]} if named else {})}
    assert stays(client.post(page["Location"], form)["Location"])
    assert signed_in(client) == admin


@pytest.mark.parametrize("target", ELSEWHERE)
@pytest.mark.parametrize("in_query", [True, False], ids=["query", "form"])
def test_single_sign_on_leads_nowhere_else(client, openid, target, in_query):
    if in_query:
        away = client.post(f"/accounts/oidc/oidc/login/?{urlencode({'next': target})}")
        back = client.get(openid.authorize(away["Location"]))
    else:
        back = come_in(client, openid, next=target)
    assert stays(back["Location"])
    assert signed_in(client) is not None


def test_single_sign_on_leads_back_to_the_page_that_was_wanted(client, openid):
    assert come_in(client, openid, next=HERE)["Location"] == HERE


@pytest.mark.parametrize("location", ELSEWHERE)
def test_what_leads_elsewhere_is_known(location):
    assert not stays(location)
    assert stays("/settings")
    assert stays("http://testserver/settings")
