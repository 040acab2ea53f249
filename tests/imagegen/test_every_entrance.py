"""Every entrance for pictures: each applies rate limits and permission, because all call one verb.

The ways are taken from the code: the routes of the URL conf that take a POST, the chat's handlers and tools, the
buttons of the admin. That no other code makes jobs is read off the sources.
"""

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from chat import pipeline, tools
from imagegen import inputs, jobs
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from providers import callers
from providers.models import Budget, ChatModel, RateLimit
from tests import people
from tests.chat.talk import Talker
from tests.fixtures.process import ROOT
from tests.imagegen.drawing import request_images
from tests.upstream.pictures import png

PATIENCE = 20
RED = png(64, 64)
PROMPT = {"prompt": "a red kite"}
EDIT = {**PROMPT, "image": "<picture>"}
NO_PICTURE = None  # the route makes no picture

pytestmark = pytest.mark.django_db(transaction=True)


def routes_of(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The URL patterns of this app, with their view classes."""
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern).removeprefix("^").removesuffix("$")
        if isinstance(entry, URLResolver):
            yield from routes_of(entry, path)
        elif isinstance(entry, URLPattern):
            view = getattr(entry.callback, "view_class", None)
            if view is not None and view.__module__.startswith("imagegen."):
                yield path, view


# What each route is sent; a route that is missing here fails the first test.
ROUTES: dict[str, dict[str, Any] | None] = {
    "api/v1/images/generations": PROMPT,
    "api/v1/images/edit": EDIT,
    "api/v1/images/jobs": PROMPT,
    "api/v1/images/jobs/": EDIT,
    "api/v1/images/jobs/<str:job_id>/retry": {},
    "api/v1/images/jobs/<str:job_id>/cancel": NO_PICTURE,
    "api/v1/images/config/update": NO_PICTURE,
    "api/v1/images/describe": NO_PICTURE,
    "api/v1/images/verify": NO_PICTURE,
    "api/v1/images/pictures/archive": NO_PICTURE,
    "api/v1/images/pictures/bulk": NO_PICTURE,
    "api/v1/tasks/image_prompt/completions": NO_PICTURE,  # a call of the task model
    "v1/images/generations": PROMPT,
    "v1/images/edits": {**PROMPT, "images": [{"image_url": "<picture>"}]},
    "openai/v1/images/generations": PROMPT,
    "openai/v1/images/edits": {**PROMPT, "images": [{"image_url": "<picture>"}]},
    "openai/deployments/(?P<model>.+)/images/generations": PROMPT,
    "openai/deployments/(?P<model>.+)/images/edits": {**PROMPT, "images": [{"image_url": "<picture>"}]},
}
DRAWING = [path for path, body in ROUTES.items() if body is not NO_PICTURE]
HANDLERS = [handler.name for handler in pipeline.handlers() if type(handler).__module__.startswith("imagegen.")]
TOOLS = [tool.name for tool in tools.tools() if type(tool).__module__.startswith("imagegen.")]


@pytest.fixture
def ended(alice, make_engine):
    """A picture of Alice's that was drawn by an engine which takes no time, before any limit."""
    make_engine(kind="placeholder", url="", model="", secret="", options={"step_seconds": 0}, steps=1, size="64x64")
    ImageSettings.objects.update(prompt_generation=False)
    source = inputs.file_from_bytes(alice, RED, name="kite.png")
    return jobs.wait_for(request_images(alice, {"prompt": "a kite"}, images=[source])[0], timeout=PATIENCE)


def post(site: Any, path: str, key: str, job: ImageJob) -> Any:
    url = path.replace("<str:job_id>", str(job.pk)).replace("(?P<model>.+)", "dalle")
    picture = job.files.get().url
    body = {
        name: [{"image_url": picture}] if name == "images" else picture if value == "<picture>" else value
        for name, value in (ROUTES[path] or {}).items()
    }
    return site.session(key=key).post(f"{site.url}/{url}", json=body, timeout=PATIENCE)


def code_of(answer: Any) -> str:
    body = answer.json()
    return str((body.get("error") or body)["code"])


# --- routes -----------------------------------------------------------------------------------------------------------


def test_every_route_that_takes_a_post_has_its_case_here():
    assert {path for path, view in routes_of(get_resolver()) if hasattr(view, "post")} == ROUTES.keys()


@pytest.mark.parametrize("path", DRAWING)
def test_every_route_counts_against_a_limit(site, ended, alice, path):
    key = people.make_key(alice)
    RateLimit.objects.create(requests_minute=1)
    assert post(site, path, key, ended).ok
    assert ImageJob.objects.count() == 2

    refused = post(site, path, key, ended)
    assert (refused.status_code, code_of(refused)) == (429, "rate_limit_exceeded")
    assert int(refused.headers["Retry-After"]) > 0
    assert ImageJob.objects.count() == 2

    RateLimit.objects.all().delete()
    for unit in ("pictures", "money"):
        Budget.objects.update_or_create(everybody=True, defaults={"unit": unit, "amount": 0})
        refused = post(site, path, key, ended)
        assert (refused.status_code, code_of(refused)) == (429, "insufficient_quota")
        assert refused.headers["x-should-retry"] == "false"
        assert ImageJob.objects.count() == 2


@pytest.mark.parametrize("path", DRAWING)
def test_every_route_needs_the_scope_and_the_permission(site, ended, alice, path):
    others = [scope for scope in callers.SCOPES if scope != "images"]
    refused = post(site, path, people.make_key(alice, scopes=others), ended)
    assert (refused.status_code, code_of(refused)) == (403, "insufficient_scope")

    ImageSettings.load().groups.add(Group.objects.create(name="painters"))
    refused = post(site, path, people.make_key(alice), ended)
    assert (refused.status_code, code_of(refused)) == (403, "images_not_permitted")
    assert ImageJob.objects.count() == 1


# --- chats ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def talk(site, alice, connection, ended, upstream):
    """A function that has a handler or a tool draw in a chat and returns the answer."""
    people.set_chat(titles=False)
    ChatModel.objects.update(tools=True)
    picture = {"id": str(ended.files.get().pk)}

    def talk(name: str, *, scopes: list[str] | None = None) -> Any:
        talker = Talker(site, key=people.make_key(alice, scopes=scopes or []))
        if name in TOOLS:
            upstream.answer(None, tool_calls=[{"name": name, "arguments": PROMPT}])
        upstream.answer("Here it is.")
        features = {name: {"mode": "create"}} if name in HANDLERS else {}
        started = talker.start("Draw a kite", features=features, files=[picture])
        return talker.until_over(started["chat"]["id"], started["message"]["id"])

    return talk


def test_the_chats_ways_are_found():
    assert HANDLERS == ["image_generation"]
    assert TOOLS == ["generate_image", "edit_image"]


# With how many calls of the model before the picture; one comes after it.
every = pytest.mark.parametrize(("name", "calls"), [*((name, 0) for name in HANDLERS), *((name, 1) for name in TOOLS)])


@every
def test_every_handler_and_tool_counts_against_a_limit(talk, name, calls):
    RateLimit.objects.create(requests_minute=calls + 1)
    message = talk(name)
    assert ImageJob.objects.count() == 2
    assert message["error"]["code"] == "rate_limit_exceeded"  # the picture took what was left


@every
def test_every_handler_and_tool_says_that_a_limit_is_reached(talk, name, calls):
    RateLimit.objects.create(requests_minute=calls)
    message = talk(name)
    assert ImageJob.objects.count() == 1
    assert "The limit of" in next(status["detail"] for status in message["status_history"] if status.get("error"))


@pytest.mark.parametrize("name", [*HANDLERS, *TOOLS])
def test_every_handler_and_tool_says_that_a_budget_of_money_is_spent(talk, name):
    Budget.objects.create(everybody=True, unit="money", amount=0, pattern="Studio")  # the engine, not the model
    message = talk(name)
    assert ImageJob.objects.count() == 1
    assert "The budget of" in next(status["detail"] for status in message["status_history"] if status.get("error"))


@pytest.mark.parametrize("name", [*HANDLERS, *TOOLS])
def test_every_handler_and_tool_needs_the_scope_and_the_permission(talk, name):
    talk(name, scopes=[scope for scope in callers.SCOPES if scope != "images"])
    assert ImageJob.objects.count() == 1

    ImageSettings.load().groups.add(Group.objects.create(name="painters"))
    talk(name)
    assert ImageJob.objects.count() == 1


# --- the admin --------------------------------------------------------------------------------------------------------


def actions_of(model: type) -> list[str]:
    registered = admin.site._registry[model]
    return [*registered.actions_row, *registered.actions_detail]


OFFICE_ACTIONS = {  # whether each draws
    ImageJob: {"cancel_row": False, "cancel_now": False, "retry_row": True, "retry_now": True},
    ImageEngine: {"test_row": False, "test_now": False, "open_workflow": False},  # `test_now` leads to the page below
}


@pytest.fixture
def office(admin):
    client = Client()
    client.force_login(admin)
    return client


@pytest.mark.parametrize("model", OFFICE_ACTIONS)
def test_every_button_of_the_admin_has_its_case_here(model):
    assert sorted(actions_of(model)) == sorted(OFFICE_ACTIONS[model])


@pytest.mark.parametrize("action", [name for name, draws in OFFICE_ACTIONS[ImageJob].items() if draws])
def test_every_retry_of_the_admin_counts_and_needs_the_persons_permission(office, ended, action):
    address = reverse(f"admin:imagegen_imagejob_{action}", args=[ended.pk])
    limit = RateLimit.objects.create(requests_minute=0)
    assert "The limit of" in office.get(address, follow=True).content.decode()
    limit.delete()
    ImageSettings.objects.update(enabled=False)
    assert "switched off" in office.get(address, follow=True).content.decode()
    assert ImageJob.objects.count() == 1


def test_an_engine_is_tested_by_administrators_alone_and_counts(office, ended, alice):
    ImageSettings.objects.update(enabled=False)  # engines are tried before people may draw
    page = reverse("admin:imagegen_imageengine_draw", args=[ended.engine_id])
    RateLimit.objects.create(requests_minute=1)
    office.post(page, PROMPT)
    assert ImageJob.objects.count() == 2
    assert "The limit of" in office.post(page, PROMPT).content.decode()
    assert ImageJob.objects.count() == 2

    from providers.errors import Forbidden

    with pytest.raises(Forbidden):
        request_images(alice, PROMPT, tested_engine=ended.engine)


# --- nobody else makes jobs -------------------------------------------------------------------------------------------

RULES = {  # what belongs to the verb, and the functions that may call it
    "ImageJob.objects.create": {"imagegen/services.py"},
    "ImageJob.objects.get_or_create": set(),
    "ImageJob.objects.bulk_create": set(),
    "ImageJob": set(),
    "rate_limits.admit_blocking": {"imagegen/services.py"},
    "budgets.reserve_blocking": {"imagegen/services.py"},
    "jobs.submit": {"imagegen/services.py"},
}


def test_the_rules_of_a_job_stand_in_one_verb():
    found: dict[str, set[str]] = {rule: set() for rule in RULES}
    for app in ("providers", "chat", "imagegen", "webui"):
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if called in found:
                    found[called].add(path.relative_to(ROOT).as_posix())
    assert found == RULES
