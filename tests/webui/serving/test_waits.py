"""Waiting requests hold no database connection: more callers than connections, on every route."""

import base64
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import requests
from django.urls import get_resolver

from providers.relay.made.table import OPERATIONS_ON_MADE
from providers.relay.operations import OPERATIONS, RESPONSES
from providers.relay.serializers import JSON
from tests.upstream import Gate
from tests.upstream.pictures import png

EMAIL, PASSWORD = "admin@example.com", "correct horse battery"
POOL = 3
CALLERS = 4 * POOL
PATIENCE = 60

# Every route of the site that may wait for an upstream; the test below fails for one that stands in neither list.
SAID = [{"role": "user", "content": "hi"}]
BODY = {"model": "m1", "messages": SAID, "input": "hi", "prompt": "a boat", "voice": "alloy"}
OLLAMA_MODEL = "local.m1"  # of a connection that speaks Ollama's protocol
OLLAMA_SERVER = """
from providers.models import Connection
Connection.objects.create(name="Ollama", kind="ollama", base_url="{url}", prefix_id="local", position=9)
"""
# A response of the administrator's, which is read and cancelled.
MADE_RESPONSE = """
from django.contrib.auth import get_user_model
from providers.models import Connection, MadeResponse
user, connection = get_user_model().objects.get(), Connection.objects.exclude(kind="ollama").get()
MadeResponse.objects.create(response_id="resp_made", user=user, connection=connection, model="m1", upstream_id="m1")
"""
SHORTLY = (200, 504)  # servers are asked for a few seconds, however long the others wait
ENDS_OF_MADE = {row.behind for row in OPERATIONS_ON_MADE.values()}
PICTURE = f"data:image/png;base64,{base64.b64encode(png(8, 8)).decode()}"


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    body: dict | None = None
    session: bool = False  # with a browser's session instead of a key
    ends: tuple[int, ...] = (200, 201)
    counted: bool = True  # each caller's request reaches the upstream while the others wait

    def __str__(self) -> str:
        who = "session" if self.session else "key"
        return f"{self.method} {self.path} {'streamed ' if (self.body or {}).get('stream') else ''}({who})"


def _calls_of_operations():
    for operation in OPERATIONS.values():
        by_session = operation.paths[min(1, len(operation.paths) - 1)]  # that of the site's own pages, if there is one
        body = BODY if operation.has_deployments else {**BODY, "model": OLLAMA_MODEL}
        counted = operation.estimate is None  # else the answer is made here: the connection has another form
        if operation.media_type == JSON and operation.cache is None:
            yield Call("POST", operation.paths[0], body, counted=counted)
            yield Call("POST", by_session, {**body, "stream": True}, session=True, counted=counted)
        elif operation.media_type == JSON:
            yield Call("POST", by_session, body, session=True)


CALLS = [
    *_calls_of_operations(),
    Call("GET", "/v1/responses/resp_made"),
    Call("POST", "/openai/responses/resp_made/cancel", session=True),
    Call("POST", "/api/chat/completions", {"model": "m1", "messages": SAID}),
    Call("POST", "/api/chat/completions", {"model": "m1", "messages": SAID, "stream": True}, session=True),
    Call("POST", "/api/v1/tasks/title/completions", {"model": "m1", "messages": SAID}, session=True),
    Call("POST", "/api/v1/tasks/follow_ups/completions", {"model": "m1", "messages": SAID}),
    Call("POST", "/api/v1/tasks/image_prompt/completions", {"model": "m1", "messages": SAID}),
    Call("POST", "/api/v1/images/generations", {"prompt": "a boat"}, counted=False),
    Call("POST", "/api/v1/images/edit", {"prompt": "a boat", "image": PICTURE}, session=True, counted=False),
    Call("POST", "/v1/images/generations", {"prompt": "a boat"}, counted=False),
    Call("POST", "/v1/images/edits", {"prompt": "b", "images": [PICTURE], "stream": True}, counted=False),
    Call("GET", "/ollama/api/ps", counted=False, ends=SHORTLY),
    Call("GET", "/ollama/api/version", session=True, counted=False, ends=SHORTLY),
    Call("GET", "/api/v1/images/models", session=True, counted=False),
    Call("GET", "/api/v1/images/parameters", session=True, counted=False, ends=SHORTLY),
    Call("GET", "/api/v1/images/config/url/verify", session=True),
    Call("POST", "/api/v1/images/verify", {"engine": "openai"}, session=True),
    Call("POST", "/openai/verify", {"key": "k"}, session=True),
    Call("POST", "/api/v1/chats/", {"content": "hi", "model": "m1"}, session=True),
]
# Beginnings of routes that wait for nothing but the database and the files. (`?refresh=1` of a list gives its
# connection back as the others do; the buttons of the administration, and grants at tool servers, ask through the same
# doors.)
QUICK = (
    *("admin/", "accounts/", "setup", "api/schema", "api/docs", "healthz", "readyz", "metrics", "settings", "sidebar"),
    "budget-warning",
    *("v1/models", "openai/models", "openai/v1/models", "api/models", "models", "openai/config"),
    *("api/v1/images/config", "api/v1/images/config/update", "api/v1/images/engines", "api/v1/images/estimate"),
    *("api/v1/images/jobs", "api/v1/images/pictures"),
    "api/v1/images/describe",  # asks as the tasks do
    *(f"api/v1/chats/{name}" for name in ("<", "keep", "bulk", "trash")),
    *("api/v1/imports", "api/v1/exports", "api/v1/erasures", "api/v1/belongings", "api/v1/feedback", "api/v1/drafts"),
    *("api/v1/folders", "api/v1/shared", "api/v1/shares", "api/v1/preferences", "api/v1/memories", "api/v1/files"),
    *("api/v1/search", "chats", "folders", "api/v1/tools", "api/v1/tool-servers"),
    *("api/v1/assistants", "api/v1/prompts", "assistants/", "prompts", "rules", "welcome"),
    *("api/tasks", "temporary", "c/", "images", "shared", "search", "memories", "preferences", "language", "theme"),
    *("api/v1/push", "sandbox/", "worker.js", "offline", "share"),
    *("i18n/", "s/", "site/", "openai/explain", "api/v1/receipts", "api/v1/usage"),
    *("ollama/v1", "ollama/api/tags", "^ollama/api/(?:pull"),
    *("^openai/deployments", "openai/v1/images"),  # the same views as those of the operations and of pictures
)


def patterns(resolver, prefix=""):
    for one in resolver.url_patterns:
        path = prefix + str(one.pattern)
        if hasattr(one, "url_patterns"):
            yield from patterns(one, path)
        else:
            yield path


def test_every_route_is_known_to_wait_or_not():
    waiting = {call.path.lstrip("/") for call in CALLS} | {"v1", "ollama", "ollama/"}  # these only say where things are
    waiting |= {path.lstrip("/") for operation in OPERATIONS.values() for path in operation.paths}
    waiting |= {f"{path.lstrip('/')}/<str:response_id>{end}" for path in RESPONSES.paths for end in ENDS_OF_MADE}
    unknown = [path for path in patterns(get_resolver()) if path and path not in waiting and not path.startswith(QUICK)]
    assert unknown == []


class Held:
    """An upstream whose answers all wait at a gate once it is closed."""

    def __init__(self, upstream):
        self.upstream, self.gate = upstream, Gate()
        self.arrived = 0

    def close(self):
        def answer(received):
            self.arrived += 1
            protocol = "ollama" if received.path.startswith("/api/") else "openai"
            handler, params = self.upstream.protocols[protocol].handler_for(received.method, received.path)
            received.params.update(params)
            reply = handler(received)
            return reply.with_(before=[self.gate])

        self.upstream.always(answer, method="POST")
        self.upstream.always(answer, method="GET")


def signed_in(url):
    session = requests.Session()
    page = session.get(f"{url}/accounts/login/", timeout=PATIENCE)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    form = {"login": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token}
    session.headers["Referer"] = url
    session.post(f"{url}/accounts/login/", data=form, allow_redirects=False, timeout=PATIENCE)
    session.headers["X-CSRFToken"] = session.cookies["csrftoken"]
    session.get(f"{url}/api/models?refresh=1", timeout=PATIENCE).raise_for_status()
    return session


@pytest.fixture
def database_url(request):
    """DATABASE_URL with all tables: of PostgreSQL, or empty for the SQLite file of the installation."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.mark.parametrize(
    ("database_url", "server", "lane"),
    [("postgresql", "daphne", "true")],
    indirect=["database_url"],
)
def test_who_waits_keeps_nobody_out(server_process, upstream, database_url, server, lane):
    """`tests/soak/test_waits.py` has the other pairs."""
    keep_nobody_out(server_process, upstream, database_url, server, lane)


def keep_nobody_out(server_process, upstream, database_url, server, lane):
    env = {
        "WEBUI_DEMO": "false",
        "OPENAI_API_BASE_URLS": upstream.url,
        "OPENAI_API_KEYS": "upstream-key",
        "WEBUI_ADMIN_EMAIL": EMAIL,
        "WEBUI_ADMIN_PASSWORD": PASSWORD,
        "ENABLE_IMAGE_GENERATION": "true",
        "ENABLE_IMAGE_EDIT": "true",
        "IMAGE_GENERATION_ENGINE": "openai",
        "IMAGES_OPENAI_API_BASE_URL": upstream.url,
        "IMAGE_EDIT_ENGINE": "openai",
        "IMAGES_EDIT_OPENAI_API_BASE_URL": upstream.url,
        "AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST": str(PATIENCE),
        "GATEWAY_LANE": lane,
        "DATABASE_POOL_SIZE": str(POOL),
        **({"DATABASE_URL": database_url} if database_url else {}),
    }
    site = server_process(server=server, env=env).start()
    site.manage("shell", "-c", OLLAMA_SERVER.format(url=upstream.url))  # no variable says this kind
    site.manage("shell", "-c", MADE_RESPONSE)
    browser, key = signed_in(site.url), site.create_api_key(EMAIL)
    held = Held(upstream)
    held.close()
    answers: dict[str, list[str]] = {str(call): [] for call in CALLS}

    def ask(call: Call, number: int) -> None:
        body = call.body and {
            name: f"{value} {number}" if value == "hi" else value for name, value in call.body.items()
        }
        if "verify" in call.path and body:
            body["url"] = upstream.url
        headers = {} if call.session else {"Authorization": f"Bearer {key}"}
        with requests.Session() as client:
            if call.session:
                client.cookies.update(browser.cookies)
                headers = {"X-CSRFToken": browser.cookies["csrftoken"], "Referer": site.url}
            try:
                done = client.request(call.method, site.url + call.path, json=body, headers=headers, timeout=PATIENCE)
            except requests.RequestException as error:
                answers[str(call)].append(type(error).__name__)
            else:
                fine = done.status_code in call.ends and not re.search(r'"error": ?\{', done.text)
                answers[str(call)].append("fine" if fine else f"{done.status_code} {done.text[:300]}")

    expected = CALLERS * sum(call.counted for call in CALLS)
    with ThreadPoolExecutor(CALLERS * len(CALLS)) as callers:
        for number in range(CALLERS):
            for call in CALLS:
                callers.submit(ask, call, number)
        until = time.monotonic() + PATIENCE
        pause = threading.Event()
        try:
            while held.arrived < expected and time.monotonic() < until:
                pause.wait(0.1)
            assert held.arrived >= expected, Counter(one.path for one in upstream.history)
            pages = {
                path: browser.get(site.url + path, timeout=PATIENCE).status_code
                for path in ("/", "/settings", "/readyz", "/api/v1/images/jobs?state=open", "/admin/")
            }
        finally:
            held.gate.open()
    assert set(pages.values()) == {200}, pages
    wrong = {call: [one for one in given if one != "fine"][:2] for call, given in answers.items()}
    wrong = {call: words for call, words in wrong.items() if words}
    assert wrong == {}
    assert "A wait begins" not in site.log()
