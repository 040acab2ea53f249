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
from chat.models import Chat, File, Memory, Message, Share
from imagegen.models import ImageJob
from providers.models import Connection, MadeResponse, UsageRecord
from tests import people
from tests.imagegen.conftest import make_engine, store  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("jobs_end")]
EXAMPLES = 2
load_all_checks()
SHAPES = [CHECKS.get_one("response_schema_conformance"), CHECKS.get_one("content_type_conformance")]


@pytest.fixture
def description(tmp_path):
    file = tmp_path / "schema.json"
    call_command("spectacular", "--format", "openapi-json", "--file", str(file))
    return schemathesis.openapi.from_dict(json.loads(file.read_text()))


def things_of(user):
    """One of everything that a path may name, made anew where an operation before has deleted it."""
    chat = Chat.objects.filter(user=user, deleted_at=None).exclude(leaf=None).first()
    if chat is None:
        chat = Chat.objects.create(user=user, title="Sky")
        question = Message.objects.create(chat=chat, role="user", content="Why?")
        chat.leaf = Message.objects.create(chat=chat, parent=question, role="assistant", content="So.", model="m1")
        chat.save()
    file = File.objects.filter(owner=user).first() or files.accept(user, b"Hello", name="hello.txt")
    job = ImageJob.objects.filter(user=user).first() or ImageJob.objects.create(user=user, state="succeeded")
    share, _ = Share.objects.get_or_create(chat=chat, defaults={"leaf": chat.leaf})
    memory = Memory.objects.filter(user=user).first() or Memory.objects.create(user=user, text="Likes tea.")
    call, _ = UsageRecord.objects.get_or_create(user=user, request_id="of-" + str(user.pk), kind="chat", status=200)
    made = MadeResponse.objects.filter(user=user).first() or MadeResponse.objects.create(
        response_id="resp_1", user=user, connection=Connection.objects.first(), model="m1", upstream_id="m1"
    )
    return {
        "request_id": call.request_id,
        "response_id": made.response_id,
        "chat_id": str(chat.pk),
        "message_id": str(chat.leaf_id),
        "file_id": str(file.pk),
        "job_id": str(job.pk),
        "share_id": str(share.pk),
        "memory_id": memory.pk,
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
