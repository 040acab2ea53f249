"""The documents of the sandboxed frames: no origin, no fetches, no cookies."""

import pytest

from tests.webui.layers.test_middleware import directives

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["drawing", "page"])
def test_a_frame_has_no_origin_no_network_and_nothing_of_anybody(client, alice, name):
    client.force_login(alice)
    answer = client.get(f"/sandbox/{name}")
    policy = directives(answer["Content-Security-Policy"])
    assert policy["sandbox"] == "allow-scripts allow-forms"
    assert policy["default-src"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert {name for name, value in policy.items() if "http" in value or "*" in value} == set()
    assert "connect-src" not in policy
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "microphone=()" in answer["Permissions-Policy"]
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
    assert alice.email not in answer.text


def test_no_script_is_fetched_for_a_page_and_only_ours_for_a_drawing(client):
    scripts = {
        name: directives(client.get(f"/sandbox/{name}")["Content-Security-Policy"])["script-src"]
        for name in ("drawing", "page")
    }
    assert scripts == {"drawing": "'self'", "page": "'unsafe-inline' 'unsafe-eval'"}
