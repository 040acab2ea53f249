"""Error bodies of providers, in every known shape, and the resulting error."""

import email.utils
import time

import orjson
import pytest
from hypothesis import given

from providers.errors import ContentRefused
from providers.upstream.error_bodies import as_error, error_of, of_value, provider_words, read, wait_of
from tests.providers.facts import JSON


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "Bad key", "code": "x"}}', "Bad key"),
        (b'{"error": "model not found"}', "model not found"),
        (b'{"error": {"message": {"text": 1, "detail": "deep"}}}', "deep"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"loc": ["body", "n"], "msg": "Field required"}]}', "n: Field required"),
        (b'{"detail": [{"msg": "One"}, {"msg": "two"}]}', "One; two"),
        (b'{"errors": [{"title": "First"}, "second"]}', "First; second"),
        (b'{"errors": ["first", 2]}', "first"),
        (b'{"title": "Too many", "status": 429}', "Too many"),
        (b'{"statusCode": 401, "message": "Access denied"}', "Access denied"),
        (b'[{"error": {"message": "Google", "status": "INVALID_ARGUMENT"}}]', "Google"),
        (b'{"error": {"message": "Provider", "metadata": {"raw": "{\\"error\\": \\"behind\\"}"}}}', "Provider: behind"),
        (b"<!doctype html><html><head><title>502 &amp; more</title></head><body>x</body></html>", "502 & more"),
        (b"<html>nothing</html>", "nothing"),
        (b"plain   text\nof two lines", "plain text of two lines"),
        (b'"a text"', "a text"),
        (b"", ""),
        (b"[]", ""),
        (b'{"usage": {"total": 7}, "id": "x"}', ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_the_providers_own_words_are_found_in_any_body(body: bytes, words: str) -> None:
    assert provider_words(body) == words


def test_words_are_one_line_of_a_bounded_length_without_paths_and_tracebacks() -> None:
    assert len(provider_words(b"x" * 5000)) == 500
    told = provider_words(b'Traceback (most recent call last)\n  File "/srv/app/x.py"\nValueError: /srv/app/model.bin')
    assert told == "ValueError: …/model.bin"


@given(JSON)
def test_no_body_breaks_the_reading(value: object) -> None:
    for told in (read(orjson.dumps(value)), of_value(value)):
        assert isinstance(told.message, str)
        assert as_error(told).full_message


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 418, 429, 500, 503])
def test_a_refusal_has_a_sentence_with_its_status(status: int) -> None:
    error = error_of(status, b"", {"retry-after": "soon"})
    assert str(status) in error.message
    assert (error.status, error.retry_after) == (status, None)
    assert error.retryable is (status in (408, 429, 500, 503))


def test_a_refusal_keeps_code_parameter_and_words() -> None:
    error = error_of(400, b'{"error": {"message": "No.", "code": "context_length_exceeded", "param": "messages"}}', {})
    assert (error.code, error.param, error.provider) == ("context_length_exceeded", "messages", "No.")
    assert error.full_message == "The provider refused the request (400). No."
    assert error.reason == "No."


def test_a_refused_content_and_a_spent_account_are_not_tried_again() -> None:
    refused = error_of(400, b'{"error": {"code": "content_filter", "message": "Filtered."}}', {}, refused="Not this.")
    assert isinstance(refused, ContentRefused)
    assert refused.full_message == "Not this. Filtered."
    spent = error_of(429, b'{"error": {"code": "insufficient_quota"}}', {"Retry-After": "9"})
    assert (spent.code, spent.retryable) == ("insufficient_quota", False)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "9" * 12}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_when_to_try_again_is_read_from_either_header(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_of(headers) == error_of(503, b"", headers).retry_after == seconds


def test_when_to_try_again_may_be_a_date() -> None:
    date = email.utils.formatdate(time.time() + 60, usegmt=True)
    wait = error_of(429, b"", {"retry-after": date}).retry_after
    assert wait is not None
    assert 55 < wait <= 60
    assert wait_of({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) is None


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<html><head><title>504 Gateway Time-out</title></head><body>x</body></html>", "504 Gateway Time-out"),
        ("<!DOCTYPE html><html><body><h1>Bad gateway</h1><p>The web server is down.</p></body></html>", "Bad gateway"),
        ("<html><title> </title><style>p {}</style><script>var a;</script><p>No &amp; nothing</p></html>", "No & noth"),
        ("<h1>503 Service Unavailable</h1>\nNo server is available.", "503 Service Unavailable No server"),
        ("<Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>", "AccessDenied"),
        ("\ufeff<html>\n<body>Cloudflare says no</body>", "Cloudflare says no"),
    ],
)
def test_of_a_page_the_title_or_the_first_words_are_told(page, words):
    assert read(page.encode()).message.startswith(words)
