"""Proxy headers: whose entries count for a visitor's address and scheme."""

import pytest

from webui.layers.forwarded import as_seen_outside


def seen(settings, count, *headers):
    settings.TRUSTED_PROXY_COUNT = count
    given = [(name.encode(), value.encode()) for name, value in headers]
    return {name.decode(): value.decode() for name, value in as_seen_outside({"headers": given})["headers"]}


@pytest.mark.parametrize(
    ("count", "value", "meant"),
    [
        (1, "https", "https"),
        (1, "https, http", "http"),  # the first word is the visitor's own
        (2, "https, http", "https"),
        (2, "http,https,http", "https"),
        (2, "https", "https"),  # an inner proxy passed it on
        (3, "https, http", "https"),
    ],
)
def test_the_scheme_is_what_the_outermost_proxy_saw(settings, count, value, meant):
    assert seen(settings, count, ("x-forwarded-proto", value))["x-forwarded-proto"] == meant


def test_the_address_is_what_the_outermost_proxy_saw(settings):
    lines = [("x-forwarded-for", "6.6.6.6, 1.1.1.1"), ("host", "a"), ("x-forwarded-for", "10.0.0.2")]
    assert seen(settings, 2, *lines) == {"host": "a", "x-forwarded-for": "1.1.1.1"}
    assert seen(settings, 1, *lines)["x-forwarded-for"] == "10.0.0.2"


def test_without_a_proxy_nothing_is_chosen(settings):
    settings.TRUSTED_PROXY_COUNT = 0
    scope = {"headers": [(b"x-forwarded-for", b"1.1.1.1, 2.2.2.2")]}
    assert as_seen_outside(scope) is scope


@pytest.mark.parametrize("proxies", ["1", "2"])
def test_a_site_behind_proxies_knows_its_scheme_and_signs_people_in(server_process, proxies):
    """A sign-in as a browser sends it through two proxies: over TLS to the outer, plain from there on."""
    import requests

    site = server_process(
        server="uvicorn",
        env={
            "BEHIND_PROXY": "true",
            "TRUSTED_PROXY_COUNT": proxies,
            "ALLOWED_HOSTS": "chat.example.com,127.0.0.1",
            "WEBUI_ADMIN_EMAIL": "admin@example.com",
            "WEBUI_ADMIN_PASSWORD": "correct horse battery",
        },
    ).start()
    browser = requests.Session()
    proto = "https, http" if proxies == "2" else "https"
    chain = "203.0.113.9, 10.0.0.2" if proxies == "2" else "203.0.113.9"
    browser.headers.update({"Host": "chat.example.com", "X-Forwarded-Proto": proto, "X-Forwarded-For": chain})
    page = browser.get(f"{site.url}/accounts/login/")
    token = page.text.partition('csrfmiddlewaretoken" value="')[2].partition('"')[0]
    cookies = "; ".join(f"{one.name}={one.value}" for one in browser.cookies)
    done = browser.post(
        f"{site.url}/accounts/login/",
        data={"login": "admin@example.com", "password": "correct horse battery", "csrfmiddlewaretoken": token},
        headers={"Origin": "https://chat.example.com", "Referer": "https://chat.example.com/", "Cookie": cookies},
        allow_redirects=False,
    )
    assert done.status_code == 302, done.text  # the origin is the page's own: its scheme is known
