"""Signed links: each opens one file for an hour, without a session or key, and no other file."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from chat import files
from chat.files import links
from tests import people
from tests.upstream.pictures import png

PICTURE = png(64, 64)
PATIENCE = 20

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def row(site, alice):
    return files.accept(alice, PICTURE, name="kite.png")


@pytest.fixture
def ask(site):
    def send(address, method="GET", session=None, **headers):
        return (session or requests).request(method, f"{site.url}{address}", headers=headers, timeout=PATIENCE)

    return send


def test_it_opens_the_content_for_anybody(row, ask, site):
    address = links.signed_address(row)
    for session in (None, site.session(people.make_user("Bob")), site.session(key="sk-nobody")):
        if session is not None and "Authorization" in session.headers:
            continue
        answer = ask(address, session=session)
        assert (answer.status_code, answer.content) == (200, PICTURE)
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_heads_ranges_and_browsers_are_answered(row, ask):
    address = links.signed_address(row)
    head = ask(address, "HEAD")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(PICTURE)))
    part = ask(address, Range="bytes=1-3")
    assert (part.status_code, part.content) == (206, PICTURE[1:4])
    assert ask(address, Accept="image/avif,image/webp,*/*;q=0.8").content == PICTURE


def test_it_cannot_be_bent(row, ask, alice):
    other = files.accept(alice, png(32, 32), name="other.png")
    path, _, query = links.signed_address(row).partition("?")
    expires, signature = (pair.partition("=")[2] for pair in query.split("&"))
    for bent in (
        f"{other.url}?{query}",
        f"{path}?expires={int(expires) + 1}&signature={signature}",
        f"{path}?expires={expires}&signature={signature[:-1]}",
        f"{path}?expires={expires}&signature=",
        f"{path}?expires={expires}&signature=é",
        f"{path}?expires=-1&signature={signature}",
        f"{path}?expires=²&signature={signature}",
        f"{path}?expires={'9' * 400}&signature={signature}",
        path,
        f"/api/v1/files/{row.pk}?{query}",
    ):
        assert ask(bent).status_code == 401, bent
    for method in ("POST", "PUT", "DELETE"):
        assert ask(f"{path}?{query}", method).status_code in (401, 405)
    assert ask(path).json()["code"]


def test_it_ends_after_an_hour(row, ask, monkeypatch):
    address = links.signed_address(row)
    assert ask(address).headers["Cache-Control"] in {f"private, max-age={left}" for left in range(3500, 3601)}
    later = time.time() + links.SECONDS + 1
    monkeypatch.setattr("chat.files.links.time.time", lambda: later)
    assert ask(address).status_code == 401


def test_it_ends_with_the_file_and_with_its_owners_account(row, ask, alice):
    address = links.signed_address(row)
    alice.is_active = False
    alice.save()
    assert ask(address).status_code == 404
    alice.is_active = True
    alice.save()
    assert ask(address).status_code == 200
    row.deleted_at = datetime.now(UTC) - timedelta(seconds=1)
    row.save()
    assert ask(address).status_code == 404
