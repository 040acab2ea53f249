"""What follows when a call failed: the last source again, another model, and what is told of it."""

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from providers import callers, catalogue, relay
from providers.models import ChatModel, Connection, ModelSource
from providers.relay.routing import attempts
from tests import people
from tests.upstream import DROP, Gate, Reply, in_html, in_json, in_text, reset, unused_port
from tests.upstream import openai as oai

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
TOO_LONG = oai.error(400, "Too many words.", code="context_length_exceeded")
REFUSED = oai.error(400, "No.", code="content_policy_violation")


@pytest.fixture
def post(site, api_key):
    session = site.session(key=api_key)

    def send(**more: Any):
        body = json.dumps({"model": "m1", "messages": MESSAGES, **more})
        return session.post(f"{site.url}/v1/chat/completions", data=body, timeout=20)

    return send


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(attempts, "FIRST_WAIT", 0.01)


def change(connection: Any, **fields: Any) -> None:
    Connection.objects.filter(pk=connection.pk).update(**fields)


# --- the last source again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [
        oai.error(500),
        oai.error(503),
        in_html(502),
        oai.error(429),
        oai.error(429, headers={"Retry-After": "0"}),
        reset(),
        Reply(200, oai.EVENTS, steps=[]),
        Reply(200, oai.EVENTS, steps=[DROP]),
    ],
)
def test_a_lone_source_is_tried_again_before_the_first_byte(post, connection, upstream, behaviour):
    change(connection, retries=1)
    upstream.script(behaviour)
    answer = post(stream=True)
    assert (answer.status_code, answer.text.endswith("data: [DONE]\n\n")) == (200, True)
    assert len(upstream.chats) == 2
    assert upstream.chats[0].body == upstream.chats[1].body


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (oai.error(429, headers={"Retry-After": "60"}), 429),
        (oai.error(429, code="insufficient_quota"), 429),
        (oai.error(503, headers={"X-Should-Retry": "false"}), 503),
        (oai.error(400), 400),
        (oai.error(401), 401),
        (oai.error(404), 404),
        (oai.chat("one two", after={1: DROP}), 200),
    ],
)
def test_what_does_not_get_better_is_passed_on_at_once(post, connection, upstream, behaviour, status):
    change(connection, retries=3)
    upstream.script(behaviour)
    assert post(stream=True).status_code == status
    assert len(upstream.chats) == 1


def test_a_timeout_is_not_waited_for_twice(post, connection, upstream):
    change(connection, retries=3, first_byte_timeout=0.2)
    upstream.always(Reply(before=[Gate()]), path="/chat/completions")
    assert post().status_code == 504
    assert len(upstream.chats) == 1


@pytest.mark.parametrize(("allowed", "tries"), [({"retries": 2}, 3), ({"retries": 5, "retry_seconds": 0.0}, 1)])
def test_tries_end_with_their_number_or_their_time(post, connection, upstream, allowed, tries):
    change(connection, **allowed)
    upstream.always(oai.error(503, "busy"), path="/chat/completions")
    answer = post()
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "busy")
    assert len(upstream.chats) == tries


def test_only_the_last_of_several_sources_is_tried_again(post, connection, upstream, start_upstream):
    second = start_upstream()
    people.make_connection(second.url, "m1", name="Second", position=1, retries=1)
    change(connection, retries=5)
    upstream.always(oai.error(503), path="/chat/completions")
    second.script(oai.error(503))
    assert post().status_code == 200
    assert (len(upstream.chats), len(second.chats)) == (1, 2)


# --- another model ----------------------------------------------------------------------------------------------------


@pytest.fixture
def spare(connection, start_upstream):
    """A model `spare` at a server of its own, for which `m1` has the fallback."""
    server = start_upstream()
    people.make_connection(server.url, "spare", name="Spare", position=1)
    ChatModel.objects.filter(public_id="m1").update(fallbacks=[{"model": "spare"}])
    return server


CASES = {
    "nobody there": ("unavailable", None),
    "overloaded": ("unavailable", oai.error(503)),
    "too many": ("unavailable", oai.error(429)),
    "refused key": ("unavailable", oai.error(401)),
    "model is gone": ("unavailable", oai.error(404)),
    "too long": ("context_length", TOO_LONG),
    "too long in words": (
        "context_length",
        in_json({"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}, status=400),
    ),
    "safety": ("content_filter", REFUSED),
}


@pytest.mark.parametrize("case", CASES)
def test_another_model_answers_for_its_reasons(post, connection, upstream, spare, case):
    reason, behaviour = CASES[case]
    if behaviour is None:
        change(connection, base_url=f"http://127.0.0.1:{unused_port()}/v1")
    else:
        upstream.always(behaviour, path="/chat/completions")
    others = sorted({"unavailable", "context_length", "content_filter"} - {reason})
    model = ChatModel.objects.filter(public_id="m1")

    model.update(fallbacks=[{"model": "nowhere"}, {"model": "spare", "on": others}])
    answer = post()
    assert answer.status_code >= 400
    assert "x-webui-fallback" not in answer.headers
    assert spare.chats == []

    model.update(fallbacks=[{"model": "nowhere"}, {"model": "spare", "on": [reason]}])
    answer = post()
    assert (answer.status_code, answer.headers["x-webui-fallback"]) == (200, "spare")
    assert spare.last.json["model"] == "spare"


def test_a_stream_that_is_too_long_goes_to_another_model_too(post, connection, upstream, spare):
    upstream.script(TOO_LONG)
    answer = post(stream=True)
    assert (answer.status_code, answer.headers["x-webui-fallback"]) == (200, "spare")


def test_a_refusal_of_the_request_itself_leads_to_no_other_model(post, connection, upstream, spare):
    upstream.script(oai.error(400, "Bad.", code="invalid_value"))
    assert post().json()["error"]["message"] == "Bad."
    assert spare.chats == []


def test_a_fallback_is_for_those_who_may_use_it(post, connection, upstream, spare):
    ChatModel.objects.filter(public_id="spare").update(access="private")
    upstream.script(oai.error(503, "busy"))
    answer = post()
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "busy")
    assert spare.chats == []


def test_the_failure_of_the_asked_model_is_told_where_all_fail(post, connection, upstream, spare):
    ChatModel.objects.filter(public_id="spare").update(fallbacks=[{"model": "m1"}])  # no circle
    upstream.always(oai.error(503, "the first is busy"), path="/chat/completions")
    spare.always(in_text("the second too", status=500), path="/chat/completions")
    answer = post()
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "the first is busy")
    assert "x-webui-fallback" not in answer.headers
    assert (len(upstream.chats), len(spare.chats)) == (1, 1)


def test_the_prompt_of_a_preset_goes_with_it_to_the_fallback(post, connection, upstream, spare):
    base = ChatModel.objects.get(public_id="m1")
    ChatModel.objects.create(
        public_id="tutor", base=base, access="public", system_prompt="Be kind.", params={"temperature": 0.5}
    )
    upstream.script(oai.error(503))
    assert post(model="tutor").headers["x-webui-fallback"] == "spare"
    assert spare.last.json["messages"] == [{"role": "system", "content": "Be kind."}, *MESSAGES]
    assert spare.last.json["temperature"] == 0.5


async def test_an_answer_knows_what_was_tried_before_it(connection, upstream, spare, alice, transactional_db):
    def prepare() -> relay.RelayRequest:
        change(connection, retries=1)
        catalogue.forget()
        return relay.RelayRequest("chat", callers.caller_for_user(alice), {"model": "m1", "messages": MESSAGES})

    upstream.script(oai.error(503, code="busy"), oai.error(429, code="slow_down"))
    async with relay.call(await sync_to_async(prepare)()) as response:
        assert response.public_id == "spare"
        assert response.tried == [
            {"model": "m1", "connection": "Scripted", "outcome": "busy"},
            {"model": "m1", "connection": "Scripted", "outcome": "slow_down"},
        ]


async def test_what_was_tried_names_the_source_that_failed(connection, upstream, spare, alice, transactional_db):
    def prepare() -> relay.RelayRequest:
        change(connection, position=0, retries=0)
        other = people.make_connection(spare.url, "m2", name="Second", position=1, prefix_id="x")
        ModelSource.objects.filter(connection=other).update(model=ChatModel.objects.get(public_id="m1"))
        catalogue.forget()
        return relay.RelayRequest("chat", callers.caller_for_user(alice), {"model": "m1", "messages": MESSAGES})

    upstream.script(oai.error(503, code="busy"))
    async with relay.call(await sync_to_async(prepare)()) as response:
        assert response.connection == "Second"
        assert response.tried == [{"model": "m1", "connection": "Scripted", "outcome": "busy"}]


# --- the form ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "stored", "words"),
    [
        ("spare\nllama:8b: unavailable", [{"model": "spare"}, {"model": "llama:8b", "on": ["unavailable"]}], ""),
        ("", [], ""),
        ("spare: tired", None, "“tired” is no reason."),
        ("nowhere", None, "There is no model with the id “nowhere”."),
        ("m1", None, "cannot stand in for itself"),
    ],
)
def test_fallbacks_are_entered_line_by_line(client, admin, connection, spare, text, stored, words):
    ChatModel.objects.create(public_id="llama:8b")
    ChatModel.objects.filter(public_id="m1").update(fallbacks=[])
    client.force_login(admin)
    model = ChatModel.objects.get(public_id="m1")
    inline = {f"sources-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    form = {"enabled": "on", "vision": "unknown", "access": "inherit", "fallbacks": text, **inline}
    answer = client.post(f"/admin/providers/chatmodel/{model.pk}/change/", form)
    model.refresh_from_db()
    if stored is None:
        assert words in answer.text
        assert model.fallbacks == []
    else:
        assert model.fallbacks == stored
        again = client.get(f"/admin/providers/chatmodel/{model.pk}/change/").context["adminform"].form
        assert again["fallbacks"].value() == text
