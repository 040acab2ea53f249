"""Filters of a pipelines server around the calls of programs: what they are told, what they change, what stops."""

import json

import pytest

from providers.models import ChatModel, Connection, GatewaySettings
from tests import people
from tests.upstream import in_json, unused_port

pytestmark = pytest.mark.django_db(transaction=True)
HELLO = {"model": "m1", "messages": [{"role": "user", "content": "my secret is 7"}], "temperature": 0.5}


@pytest.fixture
def on(db):
    GatewaySettings.objects.create(pk=1, filter_api_calls=True)


@pytest.fixture(params=["lane", "views"])
def post(request, site, connection, api_key):
    base = site.url if request.param == "lane" else site.views_url
    session = site.session(key=api_key)
    return lambda body=HELLO, path="/v1/chat/completions": session.post(f"{base}{path}", json=body, timeout=20)


def hide(body, user):
    """An inlet that takes the digits out."""
    for message in body["messages"]:
        message["content"] = message["content"].replace("7", "*")
    return body


def shout(body, user):
    body["messages"][-1]["content"] = body["messages"][-1]["content"].upper()
    return body


def test_filters_are_in_no_list_and_no_model(site, connection, pipelines_server, api_key, post):
    pipelines_server(censor=["*"])
    session = site.session(key=api_key)
    assert [row["id"] for row in session.get(f"{site.url}/v1/models").json()["data"]] == ["m1"]
    assert session.get(f"{site.url}/v1/models/censor").status_code == 404
    assert post({**HELLO, "model": "censor"}).status_code == 404


def test_programs_are_filtered_only_where_it_is_switched_on(post, pipelines_server, upstream):
    pipelines_server(censor=["*"])
    assert post().ok
    assert not upstream.asked("/filter/inlet")


def test_filters_see_the_request_and_the_answer_in_their_order(post, on, pipelines_server, upstream, alice):
    pipelines_server(censor=["m1"], loud=["*"], other=["m2"])
    upstream.pipelines.inlets = {"censor": hide, "loud": shout}
    upstream.pipelines.outlets = {"loud": shout}
    upstream.answer("Fine.")
    assert post().json()["choices"][0]["message"]["content"] == "FINE."
    assert upstream.chats[0].json == {**HELLO, "messages": [{"role": "user", "content": "MY SECRET IS *"}]}
    first, second = upstream.asked("/filter/inlet")
    assert (first.path, second.path) == ("/v1/censor/filter/inlet", "/v1/loud/filter/inlet")
    assert first.json == {"user": first.json["user"], "body": HELLO}
    assert first.json["user"] == {"id": str(alice.pk), "name": "Alice", "email": alice.email, "role": "user"}
    assert first.key == "upstream-key"
    assert upstream.asked("/filter/outlet")[0].json["body"]["messages"][-1] == {"role": "assistant", "content": "Fine."}


def test_what_no_filter_changes_passes_as_it_came(post, on, pipelines_server, upstream, site, api_key):
    pipelines_server(log=["*"])
    body = b'{"messages": [{"role":"user","content":"h\\u00e9"}],  "model":"m1"}'
    session = site.session(key=api_key)
    session.post(f"{site.url}/v1/chat/completions", data=body, headers={"Content-Type": "application/json"})
    assert upstream.chats[0].body == body


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/ollama/api/chat"])
def test_a_stream_passes_and_is_shown_at_its_end(path, post, on, pipelines_server, upstream, connection):
    Connection.objects.filter(pk=connection.pk).update(kind="ollama")
    pipelines_server(log=["*"])
    answer = post({**HELLO, "stream": True}, path)
    assert "secret" in answer.text
    (shown,) = upstream.asked("/filter/outlet")
    assert shown.json["body"]["messages"][-1]["content"] == "You said: my secret is 7"


def refuse(body, user):
    raise ValueError("Only ten turns, please")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("way", "calls"), [("inlets", 0), ("outlets", 1)])
def test_a_filter_that_refuses_is_told_in_its_words(way, calls, stream, post, on, pipelines_server, upstream):
    pipelines_server(censor=["*"])
    setattr(upstream.pipelines, way, {"censor": refuse})
    answer = post({**HELLO, "stream": stream})
    assert len(upstream.chats) == calls
    if stream and calls:
        error = json.loads(answer.text.strip().rpartition("data: ")[2])["error"]
    else:
        assert answer.status_code == 400
        error = answer.json()["error"]
    assert "The filter “Censor” refused the request." in error["message"]
    assert "Only ten turns, please" in error["message"]


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (in_json({"nothing": 1}), 502, "did not return the request"),
        (in_json([1]), 502, "did not return the request"),
        (in_json({"messages": [], "model": "m1"}), 400, "“messages” must be a list"),
        (in_json({"messages": HELLO["messages"], "model": "m9"}), 404, "“m9” does not exist"),
    ],
)
def test_what_a_filter_returns_is_checked(answer, status, words, post, on, pipelines_server, upstream):
    pipelines_server(censor=["*"])
    upstream.script(answer, path="/filter/inlet")
    refused = post()
    assert (refused.status_code, words in refused.json()["error"]["message"]) == (status, True)
    assert not upstream.chats


def test_a_filter_that_is_down_lets_nothing_pass(post, on, pipelines_server, upstream):
    server = pipelines_server(censor=["*"])
    Connection.objects.filter(pk=server.pk).update(base_url=f"http://127.0.0.1:{unused_port()}/v1")
    refused = post()
    assert refused.status_code == 502
    assert "The filter “Censor” cannot be asked" in refused.json()["error"]["message"]
    assert not upstream.chats


def test_a_filter_may_choose_another_model_that_the_caller_may_use(post, on, pipelines_server, upstream):
    people.make_connection(upstream.url, "m2", name="Other", position=3)
    pipelines_server(route=["m1"])
    upstream.pipelines.inlets = {"route": lambda body, user: {**body, "model": "m2"}}
    assert post().ok
    assert upstream.chats[0].json["model"] == "m2"


def test_a_preset_passes_through_the_filters_of_its_base(post, on, pipelines_server, upstream):
    ChatModel.objects.create(public_id="pirate", base=ChatModel.objects.get(public_id="m1"))
    pipelines_server(censor=["m1"])
    upstream.pipelines.inlets = {"censor": hide}
    post({**HELLO, "model": "pirate"})
    assert upstream.chats[0].json["messages"][0]["content"] == "my secret is *"
