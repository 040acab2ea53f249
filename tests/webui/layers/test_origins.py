"""The origin check of WebSockets."""

import pytest
from websockets.exceptions import InvalidStatus

from webui.layers import origins

HOST = "chat.example.com"
# origin, and what differs from a page at https://chat.example.com/ that nothing stands in front of
OWN = [
    ("https://chat.example.com", {}),
    ("https://chat.example.com:443", {}),
    ("HTTPS://Chat.Example.com", {}),
    ("http://chat.example.com", {"scheme": "ws"}),
    ("http://chat.example.com:8000", {"scheme": "ws", "host": f"{HOST}:8000"}),
    ("http://[::1]:8000", {"scheme": "ws", "host": "[::1]:8000"}),
    ("https://chat.example.com", {"scheme": "ws", "forwarded": "https"}),
]
FOREIGN = [
    (None, {}),
    ("null", {}),
    ("", {}),
    ("https://evil.example", {}),
    ("https://chat.example.com.evil.example", {}),
    ("https://evil.example/https://chat.example.com", {}),
    ("https://chat.example.com@evil.example", {}),
    ("https://user@chat.example.com", {}),
    ("https://sub.chat.example.com", {}),
    ("https://chat.example.com:8443", {}),
    ("http://chat.example.com", {}),
    ("https://chat.example.com", {"scheme": "ws"}),
    ("http://chat.example.com", {"scheme": "ws", "forwarded": "https"}),
    ("http://chat.example.com:8001", {"scheme": "ws", "host": f"{HOST}:8000"}),
    ("http://chat.example.com", {"scheme": "ws", "host": f"{HOST}:8000"}),
    ("file://", {}),
    ("https://", {}),
    ("https://chat.example.com:port", {}),
    ("chrome-extension://chat.example.com", {}),
    (["https://chat.example.com", "https://evil.example"], {}),
]


def scope(origin, *, scheme="wss", host=HOST, forwarded=""):
    headers = [(b"host", host.encode())]
    headers += [(b"origin", one.encode()) for one in ([origin] if isinstance(origin, str) else origin or [])]
    if forwarded:
        headers.append((b"x-forwarded-proto", forwarded.encode()))
    return {"type": "websocket", "scheme": scheme, "path": "/ws/events", "query_string": b"", "headers": headers}


@pytest.fixture(params=[[HOST, "[::1]"], ["*"]], ids=["names", "any name"], autouse=True)
def _hosts(request, settings):
    settings.ALLOWED_HOSTS = request.param
    settings.CSRF_TRUSTED_ORIGINS = []


@pytest.mark.parametrize(("origin", "options"), OWN, ids=str)
def test_the_pages_own_origin_may(settings, origin, options):
    if "forwarded" in options:
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert origins.is_allowed(scope(origin, **options))


@pytest.mark.parametrize(("origin", "options"), FOREIGN, ids=str)
def test_no_other_origin_may(settings, origin, options):
    if "forwarded" in options:
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert not origins.is_allowed(scope(origin, **options))


def test_a_header_of_a_proxy_says_nothing_where_there_is_none():
    assert not origins.is_allowed(scope("https://chat.example.com", scheme="ws", forwarded="https"))


def test_a_host_that_the_site_does_not_answer_to_has_no_pages(settings):
    settings.ALLOWED_HOSTS = [HOST]
    assert not origins.is_allowed(scope("https://evil.example", host="evil.example"))


@pytest.mark.parametrize(
    ("trusted", "origin", "allowed"),
    [
        ("https://other.example", "https://other.example", True),
        ("https://other.example", "https://other.example:8443", False),
        ("https://other.example", "http://other.example", False),
        ("https://other.example:8443", "https://other.example:8443", True),
        ("https://*.other.example", "https://sub.other.example", True),
        ("https://*.other.example", "https://a.sub.other.example", True),
        ("https://*.other.example", "https://other.example", False),
        ("https://*.other.example", "https://evilother.example", False),
        ("https://*.other.example", "http://sub.other.example", False),
    ],
)
def test_trusted_origins_may(settings, trusted, origin, allowed):
    settings.CSRF_TRUSTED_ORIGINS = [trusted]
    assert origins.is_allowed(scope(origin)) is allowed


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1"], ids=str)
def test_a_signed_in_browser_gets_no_socket_from_another_page(site, alice, settings, origin):
    settings.ALLOWED_HOSTS = ["*"]
    with pytest.raises(InvalidStatus) as refused:
        site.socket(alice, origin=origin)
    assert refused.value.response.status_code == 403
