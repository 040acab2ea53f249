"""Headers of every response: the content security policy, other security headers, the request id."""

import gzip
import logging

import pytest

from webui.layers.middleware import policy_for, strict_policy

pytestmark = pytest.mark.django_db


def directives(policy: str) -> dict[str, str]:
    return dict(part.split(" ", 1) for part in policy.split("; "))


@pytest.mark.parametrize("path", ["/accounts/login/", "/nothing-here", "/settings"])
def test_pages_allow_no_inline_script_or_style(client, path):
    policy = directives(client.get(path)["Content-Security-Policy"])
    assert policy["script-src"] == policy["style-src"] == policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == policy["form-action"] == "'self'"


def test_the_socket_of_the_own_host_may_be_opened():
    assert directives(strict_policy("chat.example.com:8000"))["connect-src"] == (
        "'self' ws://chat.example.com:8000 wss://chat.example.com:8000"
    )


def test_a_host_cannot_write_into_the_policy():
    assert directives(strict_policy("x; script-src *"))["connect-src"] == "'self'"


def test_the_admin_may_evaluate_what_its_own_library_needs_and_nothing_from_elsewhere():
    policy = directives(policy_for("/admin/webui/user/", "h"))
    assert policy["script-src"] == "'self' 'unsafe-inline' 'unsafe-eval'"
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert policy["connect-src"].startswith("'self'")


def test_the_api_page_has_no_inline_script_either():
    assert directives(policy_for("/api/docs", "h"))["script-src"] == "'self'"


def test_a_form_may_lead_to_the_openid_provider(settings):
    settings.OPENID_PROVIDER_URL = "https://id.example.com/realms/x/.well-known/openid-configuration"
    assert directives(strict_policy("h"))["form-action"] == "'self' https://id.example.com"


def test_the_neighbours_are_there(client):
    answer = client.get("/accounts/login/")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=(self)" in answer["Permissions-Policy"]
    assert "geolocation=()" in answer["Permissions-Policy"]


def test_every_request_has_an_id_and_a_sane_one_is_kept(client):
    first, second = (client.get("/healthz")["X-Request-Id"] for _ in range(2))
    assert len(first) >= 8
    assert first != second
    assert client.get("/healthz", headers={"X-Request-Id": "from-the-proxy-1"})["X-Request-Id"] == "from-the-proxy-1"


@pytest.mark.parametrize("given", ["short", "has space in it", "x" * 200, "line\tbreak-in-it"])
def test_an_id_that_could_spoil_the_log_is_replaced(client, given):
    assert client.get("/healthz", headers={"X-Request-Id": given})["X-Request-Id"] != given


def test_log_lines_carry_the_id():
    from webui.request_id import RequestIdFilter, current

    record = logging.LogRecord("n", logging.INFO, "p", 1, "m", None, None)
    token = current.set("abc-123-def")
    try:
        RequestIdFilter().filter(record)
    finally:
        current.reset(token)
    assert record.request_id == "[abc-123-def] "
    RequestIdFilter().filter(record)
    assert record.request_id == ""


@pytest.mark.parametrize("path", ["/nothing-here", "/c/not-a-chat"])
def test_a_missing_page_looks_like_the_site(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/nothing"])
def test_a_missing_api_path_is_json(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/v1/nothing", "/openai/nothing"])
def test_a_missing_path_for_sdks_is_in_their_shape(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_form_without_its_token_is_refused_in_our_look(db, alice):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post("/settings", {"name": "x"})
    assert answer.status_code == 403
    assert "This page has expired" in answer.content.decode()


@pytest.mark.parametrize("charset", ["hex", "unicode_escape", "utf-16", "idna", "no-such-charset"])
@pytest.mark.parametrize("path", ["/accounts/login/", "/settings", "/api/v1/files/"])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=B", "application/x-www-form-urlencoded"])
def test_a_form_in_any_charset_is_read_as_utf_8_or_refused(client, alice, charset, path, kind):
    client.force_login(alice)
    client.raise_request_exception = False
    part = b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\n\\ud83d \xff\r\n--B--\r\n'
    body = part if kind.startswith("multipart") else b"name=%5Cud83d+%FF"
    answer = client.generic("POST", path, body, f"{kind}; charset={charset}")
    assert answer.status_code < 500, getattr(answer, "exc_info", None)


def test_pages_are_compressed_and_streams_and_data_are_not(client):
    page = client.get("/accounts/login/", headers={"accept-encoding": "gzip"})
    assert page["Content-Encoding"] == "gzip"
    assert len(page.content) < len(gzip.decompress(page.content)) / 2
    assert "Accept-Encoding" in page["Vary"]
    assert "Content-Encoding" not in client.get("/accounts/login/")
    assert "Content-Encoding" not in client.get("/api/models", headers={"accept-encoding": "gzip"})
