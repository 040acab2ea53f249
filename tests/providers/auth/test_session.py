"""The caller's own credential goes on."""

import pytest

from providers import callers
from providers.auth import AUTH_TYPES, NOBODY, CallerIdentity
from providers.catalogue.snapshot_loader import facts_of
from providers.errors import ConfigurationError
from providers.models import Connection
from providers.upstream.headers import headers_for_blocking
from tests.people import make_connection


def facts(**fields):
    return facts_of(Connection(name="c", base_url="http://up.invalid/v1", auth_type="session", **fields))


def test_a_presented_key_is_sent_on():
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


def test_a_program_that_calls_is_seen_by_the_provider_with_its_own_key(site, upstream, alice, api_key):
    make_connection(upstream.url, "m1", auth_type="session")
    client = site.openai(api_key)
    client.chat.completions.create(model="m1", messages=[{"role": "user", "content": "hello"}])
    assert upstream.last.key == api_key
