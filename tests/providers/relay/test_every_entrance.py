"""Every entrance for model calls: each applies rate limits and scopes.

The entrances are taken from the code: the rows of the table of operations at all their paths, and every other route
whose request names a model (pictures have rules of their own). That no other code calls models is read off the sources.
"""

import ast
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from chat.models import ComparedAnswer, Comparison, Message, QueuedMessage
from providers import callers
from providers.models import Budget, Connection, MadeResponse, RateLimit
from providers.relay.made.table import OPERATIONS_ON_MADE
from providers.relay.operations import CHAT, DEPLOYMENTS, OLLAMA_PREFIXES, OPERATIONS, PREFIXES, Operation
from tests import people
from tests.chat.talk import Talker
from tests.fixtures.process import ROOT
from tests.providers.relay.test_operations import REQUESTS, kind_for, written
from tests.upstream import unused_port
from tests.variants import some

PATIENCE = 20
MADE = "resp_made"  # a response of Alice's, which the model m1 made
SAMPLES: dict[str, Any] = {
    "model": "m1",
    "messages": [{"role": "user", "content": "What colour is the sky?"}],
    "content": "What colour is the sky?",
}

WORDS = {  # errors of Ollama and Anthropic have no code
    "rate_limit_exceeded": "is reached",
    "insufficient_quota": "is spent",
    "upstream_unreachable": "cannot be reached",
    "insufficient_scope": "may not call models",
    "model_not_found": "model 'm1' not found|model “m1” does not exist",
    "address_not_allowed": "from (?:this|your) address|address",
}


@dataclass(frozen=True)
class Entrance:
    path: str
    body: dict[str, Any]
    views: bool = False  # without the lane
    operation: Operation | None = None
    method: str = "POST"
    costs: bool = True  # it asks a model, and does more than read or end what was asked before

    def __str__(self) -> str:
        return f"{self.method} {self.path} {'views' if self.views else 'site'}"


def of_the_table() -> Iterator[Entrance]:
    """At the paths in turn, and once without the lane: `test_operations` compares both at all paths."""
    for turn, operation in enumerate(OPERATIONS.values()):
        for path in some(operation.paths, turn, few=1):
            yield Entrance(path, REQUESTS[operation.name], operation=operation)
        yield Entrance(operation.paths[0], REQUESTS[operation.name], views=True, operation=operation)
        if operation.deployed:
            yield Entrance(f"{DEPLOYMENTS}/m1/{operation.path}", REQUESTS[operation.name], operation=operation)


def of_made_responses() -> Iterator[Entrance]:
    for row in OPERATIONS_ON_MADE.values():
        path = f"/v1/{row.operation.path}/{MADE}{row.behind}"
        yield Entrance(path, {}, operation=row.operation, method=row.operation.method, costs=False)


def of_other_routes() -> Iterator[Entrance]:
    """Routes of the API's description that take a model, and no prompt for a picture."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path, methods in schema["paths"].items():
        content = methods.get("post", {}).get("requestBody", {}).get("content", {})
        if path.startswith((*PREFIXES, *OLLAMA_PREFIXES)) or "application/json" not in content:
            continue
        described = content["application/json"]["schema"]
        if "$ref" in described:
            described = schema["components"]["schemas"][described["$ref"].rpartition("/")[2]]
        members = described.get("properties", {}).keys()
        if "model" in members and "prompt" not in members:
            yield Entrance(path, {name: value for name, value in SAMPLES.items() if name in members})


ENTRANCES = [*of_the_table(), *of_made_responses(), *of_other_routes()]
every = pytest.mark.parametrize("entrance", ENTRANCES, ids=str)


@dataclass
class World:
    site: Any
    upstream: Any
    alice: Any
    chat_id: str
    messages: dict[str, str]  # the id of a message of each role
    comparison_id: str = ""

    def post(self, entrance: Entrance, key: str) -> Any:
        base = self.site.views_url if entrance.views else self.site.url
        role = "user" if entrance.path.endswith("/edit") else "assistant"
        path = entrance.path.replace("{chat_id}", self.chat_id).replace("{message_id}", self.messages[role])
        path = path.replace("{comparison_id}", self.comparison_id)
        if path.endswith("/continue"):  # of an answer that was stopped
            Message.objects.filter(pk=self.messages[role]).update(status=Message.Status.STOPPED)
        if path.endswith("/queue/"):  # which waits for its person after an answer that failed
            Message.objects.filter(status=Message.Status.FAILED).update(status=Message.Status.DONE)
        body, headers = written(entrance.operation or CHAT, entrance.body)
        client = self.site.session(key=key)
        answer = client.request(entrance.method, f"{base}{path}", data=body, headers=headers, timeout=PATIENCE)
        self.settle()
        return answer

    def settle(self) -> None:
        """Wait until no reply runs, and none is about to."""
        end = time.monotonic() + PATIENCE
        waiting = QueuedMessage.objects.filter(is_held=False)
        while waiting.exists() or Message.objects.filter(status__in=Message.RUNNING).exists():
            assert time.monotonic() < end
            time.sleep(0.02)

    @property
    def calls(self) -> int:
        lists = ("/models", "/api/tags")
        return len([one for one in self.upstream.history if not one.path.endswith(lists)])

    def refusal(self, answer: Any) -> str:
        """The code with which it was refused: in the answer, or in the reply that it began."""
        if answer.status_code >= 400:
            error = answer.json()
            said = error.get("error") or error
            if isinstance(said, dict) and "code" in said:
                return str(said["code"])
            return next(code for code, words in WORDS.items() if re.search(words, str(said)))
        kept = QueuedMessage.objects.filter(pk=answer.json().get("id")).first()
        QueuedMessage.objects.all().delete()
        refused = kept or Message.objects.filter(role="assistant").latest("created")
        return str(refused.error["code"])


@pytest.fixture
def world(site: Any, upstream: Any, connection: Any, alice: Any, request: Any) -> World:
    people.set_chat()
    connection.kind = kind_for(request.node.callspec.params["entrance"].operation)
    connection.save()
    MadeResponse.objects.create(response_id=MADE, user=alice, connection=connection, model="m1", upstream_id="m1")
    chat_id = Talker(site, key=people.make_key(alice)).start(title="Sky")["chat"]["id"]
    world = World(site, upstream, alice, chat_id, {})
    world.settle()
    world.messages = {message.role: str(message.pk) for message in Message.objects.filter(chat=chat_id)}
    if "{comparison_id}" in request.node.callspec.params["entrance"].path:
        world.comparison_id = compared(alice, chat_id, world.messages)
    return world


def compared(user: Any, chat_id: str, messages: dict[str, str]) -> str:
    """The id of a comparison of the chat's answer with another one."""
    question = Message.objects.get(pk=messages["user"])
    row = Comparison.objects.create(user=user, chat_id=chat_id, question=question)
    other = Message.objects.create(chat_id=chat_id, parent=question, role="assistant", content="Grey.", model="m1")
    for answer_id in (messages["assistant"], other.pk):
        ComparedAnswer.objects.create(comparison=row, answer_id=answer_id, model="m1")
    return str(row.pk)


def test_the_routes_that_take_a_model_are_found() -> None:
    paths = {entrance.path for entrance in ENTRANCES}
    assert {"/v1/chat/completions", "/api/chat/completions", "/api/v1/chats/{chat_id}/messages"} <= paths
    assert any("/tasks/" in path for path in paths)


@pytest.mark.django_db(transaction=True)
@every
def test_every_entrance_calls_a_model_by_the_rules(entrance: Entrance, world: World) -> None:
    key, before = people.make_key(world.alice), world.calls
    assert world.post(entrance, "sk-nobody-has-this-one-0123456789").status_code == 401
    others = [scope for scope in callers.SCOPES if scope != "inference"]
    assert world.refusal(world.post(entrance, people.make_key(world.alice, scopes=others))) == "insufficient_scope"
    assert world.refusal(world.post(entrance, people.make_key(world.alice, models="gpt-*"))) == "model_not_found"
    far = people.make_key(world.alice, addresses="192.0.2.0/24")
    assert world.refusal(world.post(entrance, far)) == "address_not_allowed"

    RateLimit.objects.create(requests_minute=0)
    assert world.refusal(world.post(entrance, key)) == "rate_limit_exceeded"

    RateLimit.objects.all().delete()
    address = Connection.objects.values_list("base_url", flat=True).get()
    Connection.objects.update(base_url=f"http://127.0.0.1:{unused_port()}/v1", retries=0)
    assert world.refusal(world.post(entrance, key)) == "upstream_unreachable"
    Connection.objects.update(base_url=address)

    if entrance.costs:
        Budget.objects.create(everybody=True, unit="tokens", amount=0)
        assert world.refusal(world.post(entrance, key)) == "insufficient_quota"
        Budget.objects.all().delete()
        # where several connections offer a model, the strictest rule counts
        closed = people.make_connection("http://another.invalid/v1", "m1", name="Closed", access="private", position=9)
        assert world.refusal(world.post(entrance, key)) == "model_not_found"
        closed.delete()
    assert world.calls == before

    assert world.post(entrance, key).ok
    assert world.calls > before


# --- nobody else calls models -----------------------------------------------------------------------------------------

RULES = {  # what belongs to the verbs of the relay, and the modules that may name it
    # A test of a connection asks deployments with an empty chat, which no model answers.
    ".endpoint": {"providers/relay/prepared.py", "providers/catalogue/connection_tests.py"},
    "rate_limits.admit": {"providers/relay/calls.py", "providers/relay/routing/made_calls.py"},
    "rate_limits.spend": {"providers/relay/response/provider.py"},
    "budgets.reserve": {"providers/relay/calls.py"},
    "usage.record": {"providers/relay/response/provider.py", "providers/relay/response/site.py"},
}


def test_the_rules_of_a_call_stand_in_the_relays_verbs_alone() -> None:
    found: dict[str, set[str]] = {rule: set() for rule in RULES}
    for app in ("providers", "chat", "webui"):
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                for rule in RULES:
                    if called == rule or (rule.startswith(".") and called.endswith(rule)):
                        found[rule].add(path.relative_to(ROOT).as_posix())
    assert found == RULES
