"""Ollama's protocol as an entrance: what a server gets, what a client gets, and who may."""

import json
import time

import pytest

from providers.models import ChatModel, Connection, UsageRecord
from providers.relay import usage
from providers.relay.ollama import ModelNames
from tests import people
from tests.upstream import DROP, Gate, in_json, unused_port
from tests.upstream import ollama as wire

pytestmark = pytest.mark.django_db(transaction=True)
HELLO = {"model": "local.gemma3:latest", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(params=["lane", "views"])
def post(request, site, ollama_server, api_key):
    base = site.url if request.param == "lane" else site.views_url
    session = site.session(key=api_key)
    return lambda path, body, **options: session.post(f"{base}/ollama/api/{path}", json=body, timeout=20, **options)


def rows_of(answer):
    return [json.loads(line) for line in answer.content.splitlines()]


def recorded():
    """The one usage record: it is written when the connection is closed, behind the last byte."""
    end = time.monotonic() + 20
    while not UsageRecord.objects.exists():
        assert time.monotonic() < end
        usage.flush()
        time.sleep(0.01)
    return UsageRecord.objects.get()


def test_a_stream_passes_with_the_name_that_was_asked_for(post, upstream):
    answer = post("chat", HELLO)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert {row["model"] for row in rows_of(answer)} == {"local.gemma3:latest"}
    assert "".join(row["message"]["content"] for row in rows_of(answer)) == "You said: hello"
    assert rows_of(answer)[-1] == {
        "model": "local.gemma3:latest",
        "created_at": wire.CREATED,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        **wire.COUNTS,
    }
    assert upstream.last.json == {**HELLO, "model": "gemma3:latest"}
    record = recorded()
    assert (record.kind, record.model, record.tokens_in, record.tokens_out, record.status) == (
        "ollama_chat", "local.gemma3:latest", 12, 4, 200,
    )  # fmt: skip


def test_without_a_prefix_every_byte_passes_as_it_came(site, db, upstream, api_key):
    people.make_connection(upstream.url, "m1", kind="ollama")
    session, body = site.session(key=api_key), b'{"messages": [{"role":"user","content":"h\\u00e9"}],  "model":"m1"}'
    sent = session.post(f"{site.url}/ollama/api/chat", data=body, headers={"Content-Type": "application/json"})
    assert upstream.last.body == body
    assert sent.content == session.post(f"{upstream.origin}/api/chat", data=body).content


def test_a_name_without_a_tag_means_the_latest(post, upstream):
    answer = post("generate", {"model": "local.gemma3", "prompt": "hello", "stream": False})
    assert answer.json()["model"] == "local.gemma3"
    assert answer.json()["response"] == "You said: hello"
    assert upstream.last.json["model"] == "gemma3:latest"


def test_the_other_operations_answer_as_the_server_does(post, upstream):
    assert post("embed", {"model": "local.gemma3", "input": ["a", "b"]}).json() == {
        "model": "local.gemma3",
        "embeddings": [[0.5, -0.25]] * 2,
        "total_duration": 9,
        "prompt_eval_count": 3,
    }
    assert post("embeddings", {"model": "local.gemma3", "prompt": "a"}).json() == {"embedding": [0.5, -0.25]}
    assert post("show", {"name": "local.gemma3"}).json()["capabilities"] == ["completion"]
    assert upstream.last.json == {"model": "gemma3:latest"}


def test_a_preset_gives_its_prompt_and_parameters(post, upstream):
    base = ChatModel.objects.get()
    params = {"temperature": 0.5, "max_tokens": 9, "stop": "x", "think": False, "unknown": 1}
    ChatModel.objects.create(public_id="pirate", base=base, system_prompt="Arr.", params=params)
    post("chat", {**HELLO, "model": "pirate", "options": {"temperature": 1}})
    assert upstream.last.json["messages"][0] == {"role": "system", "content": "Arr."}
    assert upstream.last.json["options"] == {"temperature": 1, "num_predict": 9, "stop": ["x"]}
    assert upstream.last.json["think"] is False
    post("generate", {"model": "pirate", "prompt": "hi", "system": "Own."})
    assert upstream.last.json["system"] == "Arr.\n\nOwn."


def test_the_lists_name_what_the_caller_may_use(site, ollama_server, upstream, alice, api_key):
    upstream.ollama.loaded = ["gemma3:latest", "secret"]
    hidden = people.make_connection(upstream.url, "secret", kind="ollama", name="Hidden", access="private", position=2)
    people.make_connection(f"http://127.0.0.1:{unused_port()}", "gone", kind="ollama", name="Dead", position=3)
    people.make_connection(upstream.url, "gpt", name="Other", position=4)

    def get(path, key=api_key):
        return site.session(key=key).get(f"{site.url}/ollama/api/{path}", timeout=20).json()

    assert [row["name"] for row in get("tags")["models"]] == ["gone", "local.gemma3:latest"]
    assert get("tags")["models"][0]["details"]["families"] == []
    assert [row["model"] for row in get("ps")["models"]] == ["local.gemma3:latest"]
    assert get("version") == {"version": "0.33.0"}
    boss = people.make_key(people.make_user("Boss", admin=True))
    assert [row["model"] for row in get("ps", boss)["models"]] == ["local.gemma3:latest", "secret"]
    assert site.session().get(f"{site.url}/ollama").text == "Ollama is running"
    assert hidden.name == "Hidden"


def test_refusals_have_ollamas_shape(post, site, upstream, alice):
    people.make_connection(upstream.url, "gpt", name="Other", position=4)
    missing = post("chat", {**HELLO, "model": "nothing"})
    assert (missing.status_code, missing.json()) == (404, {"error": "model 'nothing' not found"})
    elsewhere = post("chat", {**HELLO, "model": "gpt"})
    assert (elsewhere.status_code, elsewhere.json()) == (404, {"error": "model 'gpt' not found here; call it at /v1"})
    for body in ({}, {"model": 7}, {"model": "local.gemma3", "messages": "x"}, {**HELLO, "options": 3}):
        refused = post("chat", body)
        assert refused.status_code == 400
        assert isinstance(refused.json()["error"], str)
    assert post("pull", {"model": "x"}).status_code == 403
    assert isinstance(post("nothing", {}).json()["error"], str)
    wrong = site.session(key="sk-wrong").post(f"{site.url}/ollama/api/chat", json=HELLO)
    assert (wrong.status_code, wrong.json()) == (401, {"error": "Incorrect API key provided."})
    upstream.script(wire.error(400, '"gemma3" does not support thinking'))
    assert post("chat", HELLO).json() == {"error": '"gemma3" does not support thinking'}


def test_a_dead_server_is_told_and_another_one_answers(post, upstream, ollama_server):
    Connection.objects.filter(pk=ollama_server.pk).update(base_url=f"http://127.0.0.1:{unused_port()}/v1")
    dead = post("chat", HELLO)
    assert dead.status_code == 502
    assert "cannot be reached" in dead.json()["error"].lower()
    people.make_connection(upstream.url, "gemma3:latest", kind="ollama", prefix_id="local", name="Second", position=9)
    assert rows_of(post("chat", HELLO))[-1]["done"] is True


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ({"after": {1: wire.line({"error": "model runner has unexpectedly stopped"})}, "done": False}, 502),
        ({"done": False}, 502),
        ({"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"error": "x"}}}]}}, 200),
    ],
)
def test_a_stream_that_fails_inside_is_recorded_as_failed(script, status, post, upstream):
    upstream.script(wire.lines("one two", **script))
    post("chat", HELLO)
    assert recorded().status == status


def test_a_stream_that_breaks_off_ends_with_a_line_that_tells_it(post, upstream):
    upstream.script(wire.lines("one two three", after={1: DROP}))
    first, *_rest, last = rows_of(post("chat", HELLO))
    assert first["message"]["content"] == "one "
    assert "error" in last


def test_lines_come_as_they_are_written(post, upstream):
    gate = Gate()
    upstream.script(wire.lines("one two", after={1: gate}))
    with post("chat", HELLO, stream=True) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines))["message"]["content"] == "one "
        gate.open()
        assert json.loads(list(lines)[-1])["done"] is True


def test_a_long_last_line_still_tells_its_tokens(post, upstream):
    last = {"model": "gemma3:latest", "response": "", "done": True, "context": list(range(60_000)), **wire.COUNTS}
    upstream.script(in_json(last))
    post("generate", {"model": "local.gemma3", "prompt": "x", "stream": False})
    record = recorded()
    assert (record.tokens_in, record.tokens_out, record.status) == (12, 4, 200)


def test_openais_clients_may_use_the_same_address(site, ollama_server, api_key):
    session = site.session(key=api_key)
    assert session.get(f"{site.url}/ollama/v1/models").json()["data"][0]["id"] == "local.gemma3:latest"
    answer = session.post(f"{site.url}/ollama/v1/chat/completions", json={**HELLO, "model": "other"})
    assert answer.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    ("received", "wanted"),
    [
        (b'{"model":"a"}\n{"model":"a","x":{"model":"a"}}\n', b'{"model":"p.a"}\n{"model":"p.a","x":{"model":"a"}}\n'),
        (b'{ "done": false, "at": "t", "model" : "a" }', b'{ "done": false, "at": "t", "model" : "p.a" }'),
        (b'{"message":{"model":"a"},"model":"a"}\n', b'{"message":{"model":"a"},"model":"a"}\n'),
        (b'{"error":"a"}\n{"model":"b"}', b'{"error":"a"}\n{"model":"b"}'),
        (b'{"embedding":[' + b"1," * 5000 + b'1]}', b'{"embedding":[' + b"1," * 5000 + b'1]}'),
    ],
)  # fmt: skip
def test_names_are_replaced_however_the_lines_are_cut(received, wanted, size):
    names = ModelNames("a", "p.a")
    pieces = [names.feed(received[start : start + size]) for start in range(0, len(received), size)]
    assert b"".join([*pieces, names.rest()]) == wanted


def test_the_connection_of_a_call_must_speak_the_protocol(post, upstream, ollama_server):
    Connection.objects.filter(pk=ollama_server.pk).update(position=5)
    people.make_connection(upstream.url, "gemma3:latest", prefix_id="local", name="First", position=0)
    assert post("show", {"model": "local.gemma3"}).ok
    assert recorded().connection == ollama_server
