"""Responses that a provider keeps: they are read, continued and deleted at the connection that made them."""

import time
from typing import Any

import openai
import pytest

from providers import runtime
from providers.models import ChatModel, Connection, MadeResponse
from providers.process import background
from providers.relay.made.memory import MadeResponses
from providers.relay.made.table import OPERATIONS_ON_MADE, at_response
from providers.relay.prepared import Prepared
from providers.upstream.made_ids import made_id, may_be_id
from tests import people
from tests.providers.relay.test_usage import records
from tests.upstream import openai as oai
from tests.upstream.openai.responses import respond
from tests.upstream.replies import in_json

pytestmark = pytest.mark.django_db(transaction=True)
FOLLOWED: Any = {"model": "m1", "input": "And then?", "previous_response_id": "resp_a"}


def another_process() -> None:
    """Write what waits, and forget what this process knows: what a restart does, and what another process sees."""
    state = runtime.state(MadeResponses)
    state.write()
    state.recent.clear()


@pytest.fixture
def client(site, connection, api_key):
    return site.openai(api_key)


@pytest.fixture
def second(start_upstream):
    """Another connection that offers the same model, tried after the first one."""
    upstream = start_upstream()
    people.make_connection(upstream.url, "m1", name="Second", position=1)
    return upstream


def make(client: Any, upstream: Any, response_id: str = "resp_a", **asked: Any) -> Any:
    upstream.script(respond("It is.", id=response_id), path="/responses")
    return client.responses.create(**{"model": "m1", "input": "Is it?", **asked})


# --- where a response is asked for ------------------------------------------------------------------------------------


@pytest.mark.parametrize("restarted", [False, True], ids=["at once", "elsewhere"])
def test_a_response_is_read_where_it_was_made(client, upstream, second, restarted):
    upstream.script(oai.error(503))
    make(client, second)
    if restarted:
        another_process()
    read = client.responses.retrieve("resp_a", include=["message.output_text.logprobs"])
    assert (read.id, read.output_text) == ("resp_a", "You said: it")
    assert second.last.query == {"include[]": "message.output_text.logprobs"}
    items = client.responses.input_items.list("resp_a", limit=3, order="asc")
    assert [item.id for item in items] == ["msg_0"]
    assert second.last.query == {"limit": "3", "order": "asc"}
    assert client.responses.cancel("resp_a").status == "cancelled"
    assert (second.last.method, second.last.path, second.last.body) == ("POST", "/v1/responses/resp_a/cancel", b"")
    assert second.last.key == "upstream-key"
    client.responses.delete("resp_a")
    assert second.last.method == "DELETE"
    assert not [one for one in upstream.history if "resp_a" in one.path]
    background.drain()
    assert not MadeResponse.objects.exists()
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_a")


def test_a_stream_is_noted_by_its_first_event_and_goes_on_later(client, upstream):
    upstream.script(respond("It is.", id="resp_a"), path="/responses")
    stream = client.responses.create(model="m1", input="Is it?", stream=True, background=True)
    assert next(iter(stream)).response.id == "resp_a"
    assert client.responses.retrieve("resp_a").id == "resp_a"
    stream.close()
    events = [event.type for event in client.responses.retrieve("resp_a", stream=True, starting_after=1)]
    assert (events[0], events[-1]) == ("response.created", "response.completed")
    assert upstream.last.query == {"stream": "true", "starting_after": "1"}


def test_the_key_that_made_a_response_asks_for_it(client, connection, upstream):
    Connection.objects.filter(pk=connection.pk).update(more_keys={"a": "another-upstream-key"})
    connection.refresh_from_db()
    connection.save()
    keys = set()
    for number in range(2):
        make(client, upstream, f"resp_{number}")
        made_with = upstream.last.key
        another_process()
        for _again in range(2):
            client.responses.retrieve(f"resp_{number}")
            assert upstream.last.key == made_with
        keys.add(made_with)
    assert keys == {"upstream-key", "another-upstream-key"}


def test_what_is_not_stored_is_not_noted(client, upstream):
    make(client, upstream, store=False)
    upstream.script(oai.error(400), path="/responses")
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="m1", input="Is it?")
    another_process()
    assert not MadeResponse.objects.exists()


def test_a_call_on_a_response_counts_no_tokens(client, upstream):
    make(client, upstream)
    list(client.responses.retrieve("resp_a", stream=True))
    rows = [(row.kind, row.tokens_in, row.cost, row.status) for row in records(2)]
    assert rows == [("responses", 3, None, 200), ("responses_get", 0, 0, 200)]


def test_what_was_made_in_the_background_is_counted_once_by_who_reads_it(client, upstream):
    waiting: Any = {"status": "queued", "output": [], "usage": None}
    upstream.script(respond(id="resp_a", extra=waiting), path="/responses")
    client.responses.create(model="m1", input="Is it?", background=True)
    upstream.script(respond(id="resp_a", extra=waiting), path="/responses/resp_a")
    for number in range(3):  # it is not done; it is; it was counted
        client.responses.retrieve("resp_a")
        records(number + 2)
        background.drain()
        another_process()
    rows = [(row.tokens_in, row.tokens_out) for row in records(4) if row.kind == "responses_get"]
    assert rows == [(0, 0), (3, 1), (0, 0)]


def test_addresses_and_parameters_are_bounded_and_kept_apart(site, connection, api_key, alice, upstream):
    MadeResponse.objects.create(response_id="resp_a", user=alice, connection=connection, model="m1", upstream_id="m1")
    session = site.session(key=api_key)
    url = f"{site.url}/openai/v1/responses/resp_a"
    assert session.get(f"{url}?api-version=preview&include=a%26b").ok
    assert upstream.last.raw_path == "/v1/responses/resp_a?include=a%26b"
    before = len(upstream.history)
    assert session.get(f"{url}?after={'a' * 2000}").status_code == 400
    assert session.get(f"{site.url}/v1/responses/..%2Fmodels").status_code == 404
    assert len(upstream.history) == before
    azure = Prepared("https://a.example/openai/responses?api-version=1", {}, None)  # type: ignore[arg-type]
    there = at_response(azure, OPERATIONS_ON_MADE["responses_items"], "r", [("limit", "1")]).url
    assert there == "https://a.example/openai/responses/r/input_items?api-version=1&limit=1"


def test_site_and_views_answer_alike(site, connection, api_key, alice):
    MadeResponse.objects.create(response_id="resp_a", user=alice, connection=connection, model="m1", upstream_id="m1")
    for row in (row for row in OPERATIONS_ON_MADE.values() if row.operation.method == "GET"):
        paths = [f"{path}/resp_a{row.behind}" for path in row.operation.paths]
        answers = [site.session(key=api_key).get(base + path) for path in paths for base in (site.url, site.views_url)]
        assert {(one.status_code, one.content) for one in answers} == {(200, answers[0].content)}


# --- who may ask ------------------------------------------------------------------------------------------------------


def refused(site: Any, key: str, response_id: str = "resp_a", **options: Any) -> tuple[int, str]:
    """Status and code, alike for reading and for going on."""
    answers = [
        site.session(key=key).get(f"{site.url}/v1/responses/{response_id}"),
        site.session(key=key).post(
            f"{site.url}/v1/responses", json={**FOLLOWED, "previous_response_id": response_id, **options}
        ),
    ]
    errors = [answer.json()["error"] for answer in answers]
    assert all(error.keys() == {"message", "type", "param", "code"} for error in errors)
    assert len({answer.status_code for answer in answers}) == 1
    assert errors[0]["code"] == errors[1]["code"].removeprefix("previous_")
    return answers[0].status_code, errors[0]["code"]


@pytest.fixture
def made(site, connection, upstream, api_key):
    make(site.openai(api_key), upstream)
    return connection


def test_unknown_responses_and_those_of_others_are_not_there(site, made, alice, upstream):
    before = len(upstream.history)
    bob = people.make_key(people.make_user("Bob"))
    root = people.make_key(people.make_user("Root", admin=True))
    for key, response_id in ((bob, "resp_a"), (root, "resp_a"), (people.make_key(alice), "resp_b")):
        assert refused(site, key, response_id) == (404, "response_not_found")
    other = people.make_key(alice, scopes=["inference"])  # it was given away for a purpose
    assert refused(site, other) == (404, "response_not_found")
    assert site.session().get(f"{site.url}/v1/responses/resp_a").status_code == 401
    assert len(upstream.history) == before


@pytest.mark.parametrize("after", ["model", "key"])
def test_who_lost_the_model_lost_its_responses(site, made, alice, upstream, after):
    key = people.make_key(alice, models="gpt-*") if after == "key" else people.make_key(alice)
    if after == "model":
        model = ChatModel.objects.get(public_id="m1")
        model.access = "private"
        model.save()
    before = len(upstream.history)
    assert refused(site, key) == (404, "model_not_found")
    assert len(upstream.history) == before


@pytest.mark.parametrize("gone", ["switched off", "removed"])
def test_a_connection_that_is_gone_is_named(site, made, alice, second, gone):
    another_process()
    if gone == "removed":
        Connection.objects.get(pk=made.pk).delete()
    else:
        made.enabled = False
        made.save()
    assert refused(site, people.make_key(alice)) == (404, "response_connection_off")
    assert not second.asked("/responses")


# --- going on from a response -----------------------------------------------------------------------------------------


def test_who_goes_on_is_sent_where_the_response_was_made(client, upstream, second):
    upstream.script(oai.error(503))
    make(client, second)
    another_process()
    before = len(upstream.history)
    assert client.responses.create(**FOLLOWED).output_text == "You said: And then?"
    assert second.last.json == FOLLOWED
    second.script(oai.error(503, "Away."))
    with pytest.raises(openai.InternalServerError) as away:  # no other connection has the response
        client.responses.create(**FOLLOWED)
    assert "Away." in str(away.value)
    assert len(upstream.history) == before


def test_a_model_of_another_connection_cannot_go_on(client, made, start_upstream):
    other = start_upstream()
    people.make_connection(other.url, "m2", name="Other", position=2)
    with pytest.raises(openai.BadRequestError) as elsewhere:
        client.responses.create(**{**FOLLOWED, "model": "m2"})
    assert (elsewhere.value.code, elsewhere.value.param) == ("previous_response_elsewhere", "previous_response_id")
    assert "“m1”" in str(elsewhere.value)
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="m1", input="a", extra_body={"previous_response_id": 7})


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        (b'{"id":"resp_1","object":"response"', "resp_1"),
        (b'{\n  "background": false,\n "created_at": 1.5, "error": null, "metadata": {}, "id": "r.a-b="', "r.a-b="),
        (b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1","a":1', "resp_1"),
        (b'data: {"response": {"instructions": "say \\"id\\": \\"x\\"", "id": "resp_1"', "resp_1"),
        (b'{"reasoning": {"effort": "low"}, "id": "resp_1"', "resp_1"),
        (b'{"reasoning": {"effort": "low"}, "previous_response_id": "resp_0"', ""),
        (b'{"output": [{"id": "msg_1"}]', ""),
        (b'{"id": "../resp_1"', ""),
        (b'{"id": "resp_', ""),
    ],
)
def test_the_id_is_read_off_the_first_bytes(beginning, expected):
    assert made_id(beginning) == expected
    assert may_be_id(expected) is bool(expected)


def test_a_body_that_begins_slowly_is_noted_at_its_end(client, upstream):
    body = in_json({"object": "response", "id": "resp_a", "status": "completed", "output": []}).body
    upstream.script(in_json({}).with_(body=b"", steps=[body[:9], body[9:]]), path="/responses")
    client.responses.create(model="m1", input="Is it?")
    another_process()
    assert MadeResponse.objects.get().response_id == "resp_a"


def test_rows_of_people_who_are_gone_are_left_out(alice, connection):
    state = runtime.state(MadeResponses)
    gone = people.make_user("Gone")
    from providers.relay.made.memory import Made

    for user in (alice, gone):
        state.waiting.append(Made("resp_a", user.pk, 77, 88, "m1", "m1", when=time.time()))
    gone.delete()
    state.write()
    assert [(row.user, row.key, row.connection) for row in MadeResponse.objects.all()] == [(alice, None, None)]
