"""Every route with every kind of caller: no 500, and no access to other people's rows.

The routes come from the URL conf. All that a stranger could want of Alice's holds one mark, and no answer may show it.
"""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from chat import files
from chat.models import (
    Assistant,
    Chat,
    ComparedAnswer,
    Comparison,
    Draft,
    Feedback,
    Folder,
    Memory,
    Message,
    Prompt,
    QueuedMessage,
    Share,
    Summary,
    ToolGrant,
    ToolServer,
    Transfer,
)
from imagegen.models import ImageJob
from providers.callers import session_token
from providers.models import ChatModel, ClientKey, Connection, MadeResponse, UsageRecord
from tests import people
from tests.imagegen.conftest import make_engine, store  # noqa: F401  fixtures
from tests.upstream.pictures import png
from tests.variants import some
from tests.webui.serving.test_waits import patterns

pytestmark = pytest.mark.django_db(transaction=True)  # the uses of keys are written in a thread

MARK = "zanzibar-7391"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OF_VARIANTS = ("GET", "POST")  # of those who differ from `nobody` and `stranger` in how they are known
# Who is not signed in reads these, and nothing else; the measurements on the site's own machine.
OPEN = re.compile(
    r"^/(accounts/|setup/|i18n/setlang/|(healthz|readyz|metrics|site/logo|site/icon.svg|site/manifest.json|worker.js|offline|v1|ollama/?|ollama/v1)$|admin/(login|logout|jsi18n)|s/|sandbox/)",
    re.IGNORECASE,
)
# Whoever sends a key is nobody to a page: only the API reads keys. `nobody` asks for all of them.
BY_KEY = ("_key", "_revoked", "_expired", "_for_settings", "_token", "_models_only")
PAGES = ("/admin/", "/accounts/", "/settings/")
REFUSED = {301, 302, 400, 401, 403, 404, 405, 411, 415, 429}


@pytest.fixture
def belongings(alice, upstream, make_engine):  # noqa: F811
    """One row of every kind that belongs to Alice, each with the mark, by the name in the routes' paths."""
    people.make_connection(upstream.url, "m1", name="In house", secret=f"key-{MARK}")
    engine = make_engine(kind="placeholder")
    chat = Chat.objects.create(user=alice, title=f"About {MARK}")
    question = Message.objects.create(chat=chat, role="user", content=f"What is {MARK}?")
    chat.leaf = Message.objects.create(chat=chat, parent=question, role="assistant", content=MARK, model="m1")
    chat.save()
    file = files.accept(alice, MARK.encode(), name=f"{MARK}.txt")
    job = ImageJob.objects.create(user=alice, engine=engine, state="succeeded", prompt=MARK, request={"prompt": MARK})
    server = ToolServer.objects.create(name=MARK, url="http://127.0.0.1:9/mcp", auth="grant", access="private")
    ToolGrant.objects.create(user=alice, server=server, values="{}")
    memory = Memory.objects.create(user=alice, text=f"Lives in {MARK}.")
    folder = Folder.objects.create(user=alice, name=MARK, prompt=f"All is about {MARK}.")
    Feedback.objects.create(message=chat.leaf, user=alice, rating="up", text=MARK, model="m1")
    Draft.objects.create(user=alice, chat=chat, key=str(chat.pk), text=MARK, written=timezone.now())
    transfer = Transfer.objects.create(user=alice, kind="export", state="done", name=f"{MARK}.zip", report={"x": MARK})
    base = ChatModel.objects.create(public_id="base-of-alice")
    model = ChatModel.objects.create(
        public_id="assistants/alice", name=MARK, base=base, needs_base=True, owner=alice, access="private"
    )
    assistant = Assistant.objects.create(model=model, picture=png(4, 4), picture_digest="1")
    prompt = Prompt.objects.create(owner=alice, command="letter", title=MARK, text=MARK)
    people.make_key(alice, name=MARK)
    call = UsageRecord.objects.create(user=alice, model=MARK, kind="chat", status=200, request_id="of-alice")
    connection = Connection.objects.get()
    made = MadeResponse.objects.create(
        response_id="resp_of_alice", user=alice, connection=connection, model="m1", upstream_id="m1"
    )
    Share.objects.create(chat=chat, leaf=chat.leaf).delete()  # its address may be known, the link has ended
    summary = Summary.objects.create(chat=chat, upto=question, status="done", text=f"About {MARK}.")
    comparison = Comparison.objects.create(user=alice, chat=chat, question=question)
    ComparedAnswer.objects.create(comparison=comparison, answer=chat.leaf, model=MARK)
    waiting = QueuedMessage.objects.create(chat=chat, position=0, content=MARK, is_held=True)
    return {
        "queued_id": waiting.pk,
        "comparison_id": comparison.pk,
        "summary_id": summary.pk,
        "chat_id": chat.pk,
        "message_id": chat.leaf_id,
        "task_id": chat.leaf_id,
        "file_id": file.pk,
        "device_id": 1,
        "job_id": job.pk,
        "memory_id": memory.pk,
        "folder_id": folder.pk,
        "transfer_id": transfer.pk,
        "kind": "export",
        "draft_key": chat.pk,
        "server_id": server.pk,
        "assistant_id": assistant.pk,
        "prompt_id": prompt.pk,
        "share_id": "00000000-0000-4000-8000-000000000000",
        "key_id": ClientKey.objects.get(name=MARK).pk,
        "url_idx": 0,
        "model_id": "m1",
        "request_id": call.request_id,
        "response_id": made.response_id,
        "model": "m1",
        "token": "x",
        "uidb36": "1",
        "key": "x-y",
        "app_label": "chat",
        "url": "nothing/",
        "id": 1,
        "content_type_id": 1,
    }


def paths(things: dict[str, Any]) -> list[str]:
    """The address of each route, with Alice's things in it."""

    def thing(match: re.Match[str]) -> str:
        return str(things[match[1] or match[2]])

    found = []
    for pattern in patterns(get_resolver()):
        path = re.sub(r"\(\?P<(\w+)>(?:\([^)]*\)|[^()])*\)|<(?:\w+:)?(\w+)>", thing_of_row(pattern, thing), pattern)
        found.append("/" + path.replace("^", "").replace("$", "").replace("\\", ""))
    return sorted(found, key=lambda path: "logout" in path)  # who has signed out is nobody from then on


def thing_of_row(pattern: str, thing: Any) -> Any:
    """The first row of the model that a path of the administration names, for `object_id`."""
    named = re.match(r"admin/(\w+)/(\w+)/", pattern)

    def choose(match: re.Match[str]) -> str:
        if (match[1] or match[2]) != "object_id":
            return str(thing(match))
        row = apps.get_model(named[1], named[2])._base_manager.first() if named else None
        return str(row.pk if row is not None else 1)

    return choose


# --- who asks ---------------------------------------------------------------------------------------------------------


def nobody(alice):
    return Client()


def with_a_wrong_key(alice):
    return Client(headers={"Authorization": "Bearer sk-nobody-has-this-one-0123456789"})


def with_a_key_that_was_revoked(alice):
    return Client(headers={"Authorization": f"Bearer {people.make_key(alice, revoked_at=timezone.now())}"})


def with_a_key_that_has_expired(alice):
    past = timezone.now() - timedelta(days=1)
    return Client(headers={"Authorization": f"Bearer {people.make_key(alice, expires_at=past)}"})


def switched_off(alice):
    gone = people.make_user("Gone")
    client = Client(headers={"Authorization": f"Bearer {people.make_key(gone)}"})
    client.force_login(gone)
    gone.is_active = False
    gone.save()
    return client


def with_a_session_that_ended(alice):
    other = people.make_user("Other")
    client = Client()
    client.force_login(other)
    other.set_password("a new horse battery")
    other.save()
    return client


def with_a_key_for_models_only(alice):
    return Client(headers={"Authorization": f"Bearer {people.make_key(alice, scopes=['inference'])}"})


def stranger(alice):
    client = Client()
    client.force_login(people.make_user("Bob"))
    return client


def stranger_with_a_key(alice):
    return Client(headers={"Authorization": f"Bearer {people.make_key(people.make_user('Bob'))}"})


def stranger_with_a_key_for_settings(alice):
    return Client(headers={"Authorization": f"Bearer {people.make_key(people.make_user('Bob'), scopes=['admin'])}"})


def stranger_with_a_token(alice):
    return Client(headers={"Authorization": f"Bearer {session_token(people.make_user('Bob'))}"})


def stranger_without_the_forms_token(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.make_user("Bob"))
    return client


def helper_without_rights(alice):
    client = Client()
    client.force_login(people.make_user("Helper", is_staff=True))
    return client


def helper_who_may_view_connections(alice):
    helper = people.make_user("Helper", is_staff=True)
    group = Group.objects.create(name="Connections")
    group.permissions.set(Permission.objects.filter(codename__in=["view_connection", "view_imageengine"]))
    helper.groups.add(group)
    client = Client()
    client.force_login(helper)
    return client


UNKNOWN = [
    nobody,
    with_a_wrong_key,
    with_a_key_that_was_revoked,
    with_a_key_that_has_expired,
    switched_off,
    with_a_session_that_ended,
]
STRANGERS = [
    with_a_key_for_models_only,
    stranger,
    stranger_with_a_key,
    stranger_with_a_key_for_settings,
    stranger_with_a_token,
    stranger_without_the_forms_token,
    helper_without_rights,
    helper_who_may_view_connections,
]


def fault(client: Client, method: str, path: str, *, known: bool) -> str:
    """The fault of a response; empty without one."""
    answer = client.generic(method, path, "{}", content_type="application/json")
    content = b"" if answer.streaming else answer.content
    if answer.status_code >= 500:
        return f"{method} {path}: {answer.status_code} {content[:200]!r}"
    if MARK.encode() in content or MARK in json.dumps(dict(answer.headers)):
        return f"{method} {path}: {answer.status_code} shows what is Alice's"
    if not known and answer.status_code not in REFUSED and method != "OPTIONS" and not OPEN.match(path):
        return f"{method} {path}: {answer.status_code} {content[:100]!r}"
    return ""


def rows_of(alice: Any) -> dict[str, int]:
    owners = {"chat": "user", "file": "owner", "memory": "user", "imagejob": "user", "clientkey": "user"}
    models = {model._meta.model_name: model for model in apps.get_models() if model._meta.model_name in owners}
    found = {name: models[name]._base_manager.filter(**{owners[name]: alice}).count() for name in owners}
    return {**found, "chats not deleted": Chat.objects.filter(user=alice, deleted_at=None).count()}


@pytest.mark.parametrize("caller", UNKNOWN + STRANGERS, ids=lambda caller: caller.__name__)
def test_no_caller_reads_or_changes_what_is_anothers(alice, belongings, caller):
    client = caller(alice)
    client.raise_request_exception = False
    before = rows_of(alice)
    routes = paths(belongings)
    assert len(routes) > 200
    is_whole = caller in (nobody, stranger, with_a_key_for_models_only)
    if not is_whole:
        routes = some(routes, (UNKNOWN + STRANGERS).index(caller), few=len(routes) // 2)
    wrong = []
    for path in routes:
        if caller.__name__.endswith(BY_KEY) and path.startswith(PAGES):
            continue
        for method in METHODS if is_whole else OF_VARIANTS:
            cache.clear()  # no limit of attempts shields what stands behind it
            if found := fault(client, method, path, known=caller in STRANGERS):
                wrong.append(found)
    assert not wrong, "\n".join(wrong)
    assert rows_of(alice) == before


def test_the_mark_shows_where_its_owner_looks(alice, belongings):
    client = Client()
    client.force_login(alice)
    seen = {path for path in paths(belongings) if "shows what is Alice's" in fault(client, "GET", path, known=True)}
    chat, file = belongings["chat_id"], belongings["file_id"]
    assert {f"/c/{chat}", f"/api/v1/chats/{chat}", f"/api/v1/files/{file}", "/settings/keys"} <= seen
    assert f"/api/v1/receipts/{belongings['request_id']}" in seen
    assert len(seen) >= 10
