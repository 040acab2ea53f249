"""Every JSON route, taken from the API's description, with every field wrong in every way: a clear refusal, no fault.

Each member of a body is replaced by each bad value in turn, and so is the whole body. What answers with a 4xx must say
why in the route's own shape.
"""

import json
import uuid
from typing import Any

import pytest
import requests
from django.core.management import call_command

from providers import json_bodies
from providers.responses import error_responses
from tests import people
from tests.imagegen.conftest import make_engine, store  # noqa: F401  fixtures
from tests.webui.schema.test_against_site import _no_thread_outlives_its_tables, things_of  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 30


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class Raw:
    """A member that `json.dumps` would not write."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text[:40]


BAD_VALUES = [
    None,
    -1,
    10**30,
    "a\x00b \ud83d",
    "x" * 20_000,
    [[1], {"a": "\x00\ud83d"}],
    {"id": {"id": []}, "\x00": "\ud83d", "type": 1},
    nested(100),
    Raw("NaN"),
    Raw('{"a":' * 1020 + "1" + "}" * 1020),
]
BAD_BODIES = [b"", b"{", b"null", b"[]", b"[1]", b'"text"', b"NaN", b"\xff\xfe", b"\xef\xbb\xbf{}", b"{}"] + [
    b"[" * depth + b"]" * depth for depth in (json_bodies.MAX_DEPTH + 1, 1020, 5000)
]
# Changes of the configuration come last: what they switch off would shield the routes behind them.
LAST = ("config", "api/v1/images/verify", "openai/verify")


def written(body: dict[str, Any], name: str, value: Any) -> bytes:
    if isinstance(value, Raw):
        mark = uuid.uuid4().hex
        return json.dumps({**body, name: mark}).replace(f'"{mark}"', value.text).encode()
    return json.dumps({**body, name: value}).encode()


class Description:
    """The API's description, as routes with a plausible body each."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def routes(self) -> list[tuple[str, str, dict[str, Any]]]:
        found = []
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                content = operation.get("requestBody", {}).get("content", {})
                if "application/json" in content:
                    found.append((method.upper(), path, self.example(content["application/json"]["schema"])))
        return sorted(found, key=lambda route: any(word in route[1] for word in LAST))

    def example(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            return self.example(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        for several in ("allOf", "oneOf", "anyOf"):
            if several in schema:
                return self.example(schema[several][0])
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object" or "properties" in schema:
            return {name: self.example(member) for name, member in schema.get("properties", {}).items()}
        if kind == "array":
            return [self.example(schema.get("items", {}))]
        if kind == "string":
            return str(uuid.uuid4()) if schema.get("format") == "uuid" else "m1"
        return {"integer": 1, "number": 1, "boolean": False}.get(str(kind))


@pytest.fixture
def description(tmp_path):
    file = tmp_path / "schema.json"
    call_command("spectacular", "--format", "openapi-json", "--file", str(file))
    return Description(json.loads(file.read_text()))


def fault(answer: requests.Response, path: str) -> str:
    """What is wrong with an answer; empty where it is a success or a refusal in the right shape."""
    if answer.status_code < 400:
        return ""
    try:
        body = answer.json()
    except ValueError:
        return f"{answer.status_code} without JSON: {answer.text[:200]}"
    if answer.status_code >= 500:
        code = str((body.get("error") or {}).get("code") if error_responses.is_openai(path) else body.get("code"))
        return "" if code.startswith("upstream_") else f"{answer.status_code} {body}"
    if error_responses.is_openai(path):
        error = body.get("error")
        return (
            "" if isinstance(error, dict) and {"message", "type", "param", "code"} <= set(error) else f"shape: {body}"
        )
    return "" if isinstance(body.get("detail"), str) and body.get("code") else f"shape: {body}"


@pytest.mark.parametrize("entrance", ["session", "key"])
def test_no_body_of_any_route_ends_in_a_fault(site, upstream, description, make_engine, entrance):  # noqa: F811
    boss = people.make_user("Boss", admin=True)
    people.make_connection(upstream.url, "m1")
    make_engine(kind="placeholder", url="", model="", secret="", options={"step_seconds": 0}, steps=1, size="64x64")
    session = site.session(boss) if entrance == "session" else requests.Session()
    if entrance == "key":
        session.headers["Authorization"] = f"Bearer {people.make_key(boss)}"
    wrong, asked = [], 0
    with session:
        for method, template, example in description.routes():
            bodies = [(name, value) for name in example for value in BAD_VALUES]
            if entrance == "key" and not error_responses.is_openai(template):
                bodies = []  # the same views as for a session; the lane is another entrance
            for body, what in [
                *((body, repr(body[:40])) for body in BAD_BODIES),
                *((written(example, name, value), f"{name} = {value!r:.60}") for name, value in bodies),
            ]:
                things = things_of(boss)
                path = template.format_map({**things, "path": "m1"})
                answer = session.request(
                    method, site.url + path, data=body, headers={"Content-Type": "application/json"}, timeout=PATIENCE
                )
                asked += 1
                if found := fault(answer, path):
                    wrong.append(f"{method} {template} with {what}: {found[:300]}")
    assert asked > 500
    assert not wrong, f"{len(wrong)} of {asked}\n" + "\n".join(wrong[:60])


def test_the_routes_of_every_app_are_tried(description):
    paths = {path for _method, path, _body in description.routes()}
    assert {"/v1/chat/completions", "/api/v1/chats/", "/api/v1/images/generations", "/openai/verify"} <= paths
