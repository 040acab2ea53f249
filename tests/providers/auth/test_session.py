"""The auth type `session`: the caller's own credential is sent."""

import re

import pytest
from django.urls import get_resolver

from providers import callers
from providers.auth import AUTH_TYPES, NOBODY, CallerIdentity
from providers.catalogue.snapshot_loader import facts_of
from providers.errors import ConfigurationError
from providers.models import Connection
from providers.upstream.headers import headers_for_blocking
from tests.people import make_connection


def facts(**fields):
    return facts_of(Connection(name="c", base_url="http://up.invalid/v1", auth_type="session", **fields))


def test_the_credential_of_the_caller_is_sent():
    assert AUTH_TYPES["session"].headers("", {}, CallerIdentity(credential="sk-mine")) == {
        "Authorization": "Bearer sk-mine"
    }


def test_nobody_is_a_clear_error():
    with pytest.raises(ConfigurationError) as caught:
        AUTH_TYPES["session"].headers("", {}, NOBODY)
    assert caught.value.code == "user_needed"


def test_a_browser_is_spoken_for_by_a_token_that_our_own_api_accepts(alice):
    headers = headers_for_blocking(facts(), caller=callers.caller_for_user(alice))
    token = headers["Authorization"].removeprefix("Bearer ")
    assert callers.caller_for_key_blocking(token).user_id == alice.pk


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("auto", "theme=dark"),
        ("others", "theme=dark"),
        ("none", None),
        ("all", "theme=dark"),
    ],
)
def test_cookies_go_along_by_the_connections_rule_and_never_our_own(alice, rule, expected):
    cookies = {"sessionid": "s", "csrftoken": "c", "theme": "dark"}
    caller = callers.caller_for_user(alice)
    headers = headers_for_blocking(facts(forward_cookies=rule), caller=caller, cookies=cookies)
    assert headers.get("Cookie") == expected


def test_other_types_send_no_cookies_unless_the_connection_says_so(alice):
    plain = facts_of(Connection(name="c", base_url="http://up.invalid/v1", auth_type="bearer", secret="k"))
    headers = headers_for_blocking(plain, caller=callers.caller_for_user(alice), cookies={"theme": "dark"})
    assert "Cookie" not in headers


def ask(site, key):
    site.openai(key).chat.completions.create(model="m1", messages=[{"role": "user", "content": "hello"}])


def test_a_programs_key_never_goes_on_but_a_token_that_stands_for_it(site, upstream, alice, api_key):
    make_connection(upstream.url, "m1", auth_type="session")
    ask(site, api_key)
    assert upstream.last.key.startswith("st-")
    assert api_key not in str(upstream.last.headers)


def test_a_token_that_comes_back_goes_on_as_it_is(site, upstream, alice, api_key):
    make_connection(upstream.url, "m1", auth_type="session")
    ask(site, api_key)
    token = upstream.last.key
    ask(site, token)
    assert upstream.last.key == token


def routes(resolver, before=""):
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern, path)
        else:
            yield "/" + re.sub(r"<[^>]*>", "1", path.replace("^", "").replace("$", ""))


def test_no_route_but_those_for_models_takes_the_token(site, alice):
    """Asked of every route that can be asked for without an argument of a certain form."""
    session = site.session(key=callers.session_token(alice))
    taken, asked = set(), 0
    for path in sorted({path for path in routes(get_resolver()) if not re.search(r"[\\(*\[]", path)}):
        if not path.startswith(("/v1/", "/openai/", "/api/")):
            continue
        for method in ("GET", "POST"):
            asked += 1
            status = session.request(method, site.url + path, json={}).status_code
            if status not in (401, 403, 404, 405) and not path.startswith(("/api/schema", "/api/docs")):
                taken.add(path)
    assert asked > 50
    assert {path for path in taken if not path.startswith("/v1/")} == set()
    assert "/v1/models" in taken
