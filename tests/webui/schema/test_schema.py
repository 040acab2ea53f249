"""The OpenAPI schema: complete, valid, and only for signed-in people."""

import json

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.django_db


def test_the_description_is_valid_and_nothing_is_missing(tmp_path):
    file = tmp_path / "schema.json"
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", "--file", str(file))
    schema = json.loads(file.read_text())
    assert schema["openapi"] == "3.1.0"
    assert {"/v1/chat/completions", "/v1/models", "/api/v1/chats/"} <= set(schema["paths"])
    assert schema["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


@pytest.mark.django_db(transaction=True)  # the uses of keys are written in a thread
def test_it_is_served_to_who_is_signed_in_or_has_a_key(client, alice, api_key):
    assert client.get("/api/schema").status_code == 401
    assert client.get("/api/schema", headers={"Authorization": f"Bearer {api_key}"}).status_code == 200
    client.force_login(alice)
    assert client.get("/api/schema").json()["openapi"] == "3.1.0"


def test_the_page_asks_to_sign_in(client, alice):
    assert client.get("/api/docs").status_code == 302
    client.force_login(alice)
    assert client.get("/api/docs").status_code == 200


def test_the_page_works_in_a_browser_under_its_policy(open_page, alice):
    page = open_page(alice)
    page.goto("/api/docs")
    page.locator(".opblock-tag").first.wait_for()
    assert page.locator(".opblock-tag").count() >= 1
