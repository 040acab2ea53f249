"""Every API route against its schema: no request ends in a 500, and successful responses have the documented shape.

schemathesis makes a few requests for each operation, an administrator with a key sends them to a real server.
"""

import json
from itertools import count

import pytest
import requests
import schemathesis
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks

from chat import files
from chat.models import (
    Assistant,
    Chat,
    ComparedAnswer,
    Comparison,
    File,
    Folder,
    Memory,
    Message,
    Prompt,
    PushDevice,
    QueuedMessage,
    Share,
    Summary,
    ToolServer,
    Transfer,
)
from imagegen.models import ImageJob
from providers.models import ChatModel, Connection, MadeResponse, UsageRecord
from tests import people
from tests.imagegen.conftest import make_engine, store  # noqa: F401
from tests.upstream.pictures import png

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("jobs_end")]
EXAMPLES = 2
load_all_checks()
SHAPES = [CHECKS.get_one("response_schema_conformance"), CHECKS.get_one("content_type_conformance")]


@pytest.fixture
def description(tmp_path):
    file = tmp_path / "schema.json"
    call_command("spectacular", "--format", "openapi-json", "--file", str(file))
    return schemathesis.openapi.from_dict(json.loads(file.read_text()))


def assistant_of(user):
    base = ChatModel.objects.get(public_id="m1")
    model = ChatModel.objects.create(
        public_id=f"assistants/{user.pk}", name="A", base=base, needs_base=True, owner=user
    )
    return Assistant.objects.create(model=model)


def things_of(user):
    """One of everything that a path may name, made anew where an operation before has deleted it."""
    chat = Chat.objects.filter(user=user, deleted_at=None).exclude(leaf=None).first()
    if chat is None:
        chat = Chat.objects.create(user=user, title="Sky")
        question = Message.objects.create(chat=chat, role="user", content="Why?")
        chat.leaf = Message.objects.create(chat=chat, parent=question, role="assistant", content="So.", model="m1")
        chat.save()
    file = File.objects.filter(owner=user).first() or files.accept(user, b"Hello", name="hello.txt")
    pictures = File.objects.filter(owner=user, content_type="image/png")
    picture = pictures.first() or files.accept(user, png(8, 8), name="kite.png")
    job = ImageJob.objects.filter(user=user).first() or ImageJob.objects.create(user=user, state="succeeded")
    share, _ = Share.objects.get_or_create(chat=chat, defaults={"leaf": chat.leaf})
    memory = Memory.objects.filter(user=user).first() or Memory.objects.create(user=user, text="Likes tea.")
    folder = Folder.objects.filter(user=user).first() or Folder.objects.create(user=user, name="Sea")
    transfers = {
        kind: Transfer.objects.filter(user=user, kind=kind).first()
        or Transfer.objects.create(user=user, kind=kind, state="failed")
        for kind in Transfer.TransferKind.values
    }
    assistant = Assistant.objects.filter(model__owner=user).first() or assistant_of(user)
    prompt, _ = Prompt.objects.get_or_create(owner=user, command="letter", defaults={"title": "A", "text": "{{Who}}"})
    call, _ = UsageRecord.objects.get_or_create(user=user, request_id="of-" + str(user.pk), kind="chat", status=200)
    made = MadeResponse.objects.filter(user=user).first() or MadeResponse.objects.create(
        response_id="resp_1", user=user, connection=Connection.objects.first(), model="m1", upstream_id="m1"
    )
    summary = Summary.objects.filter(chat=chat).first() or Summary.objects.create(chat=chat, upto=chat.leaf, text="S.")
    comparison = Comparison.objects.filter(chat=chat).first()
    if comparison is None:
        comparison = Comparison.objects.create(user=user, chat=chat, question=chat.leaf.parent)
        ComparedAnswer.objects.create(comparison=comparison, answer=chat.leaf, model="m1")
    waiting = QueuedMessage.objects.filter(chat=chat).first() or QueuedMessage.objects.create(
        chat=chat,
        position=0,
        content="And then?",
        options={"model": "unknown"},  # so it is never sent
    )
    return {
        "queued_id": str(waiting.pk),
        "comparison_id": comparison.pk,
        "summary_id": summary.pk,
        "request_id": call.request_id,
        "response_id": made.response_id,
        "chat_id": str(chat.pk),
        "message_id": str(chat.leaf_id),
        "file_id": str(file.pk),
        "picture_id": str(picture.pk),
        "job_id": str(job.pk),
        "share_id": str(share.pk),
        "memory_id": memory.pk,
        "folder_id": str(folder.pk),
        "transfer_id": str(transfers["export"].pk),
        "draft_key": str(chat.pk),
        "device_id": PushDevice.objects.get_or_create(user=user, digest=str(user.pk), defaults={"name": "Phone"})[0].pk,
        "server_id": ToolServer.objects.get_or_create(name="Desk", url="http://127.0.0.1:9/mcp", auth="grant")[0].pk,
        "assistant_id": str(assistant.pk),
        "prompt_id": str(prompt.pk),
        "task_id": str(chat.leaf_id),
        "model_id": "m1",
        "url_idx": 0,
    }


def test_every_operation_answers_as_its_description_says(site, upstream, description, make_engine):  # noqa: F811
    boss = people.make_user("Boss", admin=True)
    people.make_connection(upstream.url, "m1")
    make_engine(kind="placeholder")
    key = people.make_key(boss)
    asked, wrong = set(), []
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key}"
        for found in description.get_all_operations():
            operation = found.ok()
            asked.add((operation.method.upper(), operation.path))
            wrong += _try(operation, site.url, session, boss)
    assert len(asked) > 60
    assert not wrong, "\n\n".join(wrong)


def _try(operation, url, session, user):
    """The faults of the answers to a few requests; every other request is about existing rows."""
    wrong, turns = [], count()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case):
        if next(turns) % 2:
            things = things_of(user)
            case.path_parameters.update({name: things[name] for name in case.path_parameters})
        answer = case.call(base_url=url, session=session, timeout=20)
        place = f"{operation.method.upper()} {operation.path} {answer.status_code}"
        if answer.status_code == 500:
            wrong.append(f"{place}: {case.as_curl_command()}")
        elif answer.status_code < 300:
            try:
                case.validate_response(answer, checks=SHAPES)
            except BaseExceptionGroup as failures:
                wrong.extend(f"{place}: {failure}"[:1000] for failure in failures.exceptions)

    ask()
    return wrong
