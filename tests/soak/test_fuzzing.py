"""Every route of the URL conf with wrong fields, queries and ids: no 500.

Each member of a body is replaced by each bad value in turn, and so is the whole body; examples of bodies come from the
API's description. What answers with a 4xx must say why in the route's own shape.
"""

import json
import re
import uuid
from typing import Any

import pytest
import requests
from django.core.management import call_command

from providers import json_bodies
from providers.responses import error_responses
from tests import people
from tests.imagegen.conftest import make_engine, store  # noqa: F401  fixtures
from tests.webui.schema import routes
from tests.webui.schema.test_against_site import things_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("jobs_end")]
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
# In a path or a query, as a client writes them: percent-encoded.
BAD_TEXTS = [
    "nonsense",
    "0",
    "-1",
    "1.5",
    "NaN",
    "9" * 40,
    "%00",
    "%ED%A0%80",  # half of a surrogate pair
    "%FF",
    "x" * 3000,
    "%5B%5D",
    "..%2F..",
    "00000000-0000-0000-0000-000000000000",
    "%C2%B2",  # a digit, and no number
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


API = ("/api/", "/v1", "/openai/")  # elsewhere are pages
PAGES = ("/api/docs",)


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
    """The fault of a response; empty for a success or a refusal in the right shape."""
    if answer.status_code < 400 or (answer.status_code < 500 and (not path.startswith(API) or path in PAGES)):
        return ""
    if answer.request.method == "HEAD" or answer.status_code == 416:
        return ""
    try:
        body = answer.json()
    except ValueError:
        return f"{answer.status_code} without JSON: {answer.text[:200]}"
    if answer.status_code >= 500:
        code = str(
            (body.get("error") or {}).get("code")
            if f"{path}/".startswith(error_responses.OPENAI_PATHS)
            else body.get("code")
        )
        return "" if code.startswith("upstream_") else f"{answer.status_code} {body}"
    if f"{path}/".startswith(error_responses.OPENAI_PATHS):
        error = body.get("error")
        return (
            "" if isinstance(error, dict) and {"message", "type", "param", "code"} <= set(error) else f"shape: {body}"
        )
    return "" if isinstance(body.get("detail"), str) and body.get("code") else f"shape: {body}"


FORMS = ("/accounts/", "/settings/password", "/i18n/", "/setup/")  # Django's and allauth's, some end the session


def all_bodies(description: Description) -> list[tuple[str, str, dict[str, Any]]]:
    """The routes that take a body, each with a plausible one: described, or that of the same operation elsewhere."""
    described = {(method, path): body for method, path, body in description.routes()}
    found = []
    for route in routes.of_the_site():
        plain = re.sub(r"^/openai/(?:v1|deployments/{model})/", "/v1/", route.template)
        for method in set(route.methods) - {"GET"} if not route.template.startswith(FORMS) else ():
            body = described.get((method, route.template)) or described.get((method, plain)) or {"id": "m1"}
            found.append((method, route.template, body))
    return sorted(found, key=lambda one: (any(word in one[1] for word in LAST), one[1]))


ANYTHING = {"path": "m1", "model": "m1", "key_id": 1, "uidb36": "1", "key": "k", "token": "t"}


class Asking:
    """Sends requests and collects their faults."""

    def __init__(self, site: Any, user: Any, session: requests.Session) -> None:
        self.site, self.user, self.session = site, user, session
        self.asked = 0
        self.wrong: list[str] = []

    @property
    def things(self) -> dict[str, Any]:
        return {**ANYTHING, **things_of(self.user)}

    def send(self, method: str, path: str, what: str, **more: Any) -> None:
        answer = self.session.request(
            method, self.site.url + path, timeout=PATIENCE, allow_redirects=False, **{"headers": JSON, **more}
        )
        self.asked += 1
        if found := fault(answer, path):
            self.wrong.append(f"{method} {path:.120} with {what}: {found[:300]}")

    @property
    def has_key(self) -> bool:
        return "Authorization" in self.session.headers

    def report(self) -> None:
        assert self.asked > 50
        assert not self.wrong, f"{len(self.wrong)} of {self.asked}\n" + "\n".join(self.wrong[:60])


JSON = {"Content-Type": "application/json"}


@pytest.fixture
def boss(upstream, make_engine):  # noqa: F811
    person = people.make_user("Boss", admin=True)
    people.make_connection(upstream.url, "m1")
    make_engine(kind="placeholder", url="", model="", secret="", options={"step_seconds": 0}, steps=1, size="64x64")
    return person


@pytest.fixture(params=["session", "key"])
def asking(request, site, boss):
    session = site.session(boss) if request.param == "session" else requests.Session()
    if request.param == "key":
        session.headers["Authorization"] = f"Bearer {people.make_key(boss)}"
    with session:
        yield Asking(site, boss, session)


PARTS = 3  # of the routes: a test that takes minutes counts as one that hangs
each_part = pytest.mark.parametrize("part", range(PARTS))


@each_part
def test_no_body_of_any_route_ends_in_a_fault(asking, description, part):
    for method, template, example in all_bodies(description)[part::PARTS]:
        bodies = [(name, value) for name in example for value in BAD_VALUES]
        if asking.has_key and not f"{template}/".startswith(error_responses.OPENAI_PATHS):
            bodies = []  # the same views as for a session; the lane is another entrance
        for body, what in [
            *((body, repr(body[:40])) for body in BAD_BODIES),
            *((written(example, name, value), f"{name} = {value!r:.60}") for name, value in bodies),
        ]:
            asking.send(method, template.format_map(asking.things), what, data=body)
    asking.report()


@each_part
def test_no_id_in_a_path_and_no_query_ends_in_a_fault(asking, part):
    for route in routes.of_the_site()[part::PARTS]:
        if route.template.startswith(FORMS):
            continue
        if asking.has_key and not f"{route.template}/".startswith(error_responses.OPENAI_PATHS):
            continue
        for method in route.methods:
            for name in route.names:
                for text in BAD_TEXTS:
                    asking.send(method, route.with_one(asking.things, name, text), name, data=b"{}")
            for name in route.queries if method in ("GET", "DELETE") else ():
                for text in BAD_TEXTS:
                    path = route.template.format_map(asking.things)
                    asking.send(method, f"{path}?{name}={text}", f"{name}={text:.20}")
    asking.report()


def test_the_routes_of_every_app_are_tried(description):
    tried = {(method, path) for method, path, _body in all_bodies(description)}
    assert {
        ("POST", "/v1/chat/completions"),
        ("POST", "/openai/deployments/{model}/chat/completions"),
        ("POST", "/openai/v1/images/edits"),
        ("POST", "/api/v1/chats/"),
        ("PATCH", "/api/v1/chats/{chat_id}"),
        ("DELETE", "/api/v1/files/{file_id}"),
        ("PATCH", "/api/v1/preferences"),
        ("POST", "/temporary/messages"),
        ("POST", "/openai/verify"),
    } <= tried
    described = {(method, path) for method, path, _body in description.routes()}
    assert described <= tried
    queries = {name for route in routes.of_the_site() for name in route.queries}
    assert {"limit", "cursor", "refresh", "w", "before"} <= queries
