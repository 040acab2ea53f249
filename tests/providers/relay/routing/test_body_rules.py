"""Parameters that are added, dropped, or learnt to be unknown to a provider."""

import json
from typing import Any

import pytest

from providers.models import ChatModel, Connection, ModelSource
from providers.process import background
from tests.providers.facts import rewritten
from tests.upstream import oddities
from tests.upstream import openai as oai

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
RULES = [
    ({"extra_params": {"top_k": 5}}, {}, {"seed": 1}, {"seed": 1, "top_k": 5}),
    ({"extra_params": {"seed": 2}}, {}, {"seed": 1}, {"seed": 2}),
    ({"extra_params": {"seed": 2}}, {"extra_params": {"seed": 3}}, {}, {"seed": 3}),
    ({"dropped_params": ("user",)}, {"dropped_params": ("seed",)}, {"user": "u", "seed": 1, "n": 1}, {"n": 1}),
    ({"dropped_params": ("seed",), "extra_params": {"seed": 4}}, {}, {"seed": 1}, {"seed": 4}),
    ({"dropped_params": ("max_tokens",)}, {}, {"max_tokens": 9}, {"max_completion_tokens": 9}),
    ({"dropped_params": ("max_tokens", "max_completion_tokens")}, {}, {"max_tokens": 9}, {}),
]


@pytest.fixture
def post(site, api_key):
    session = site.session(key=api_key)

    def send(**more: Any):
        body = json.dumps({"model": "m1", "messages": MESSAGES, **more})
        return session.post(f"{site.url}/v1/chat/completions", data=body, timeout=20)

    return send


@pytest.mark.parametrize(("connection", "route", "asked", "sent"), RULES)
def test_parameters_are_added_and_dropped_for_connection_and_model(connection, route, asked, sent):
    body = rewritten(asked, route=route, **connection)
    assert {name: value for name, value in body.items() if name not in ("model", "messages")} == sent


def test_a_parameter_that_the_provider_calls_unknown_is_left_out_from_then_on(post, connection, upstream):
    upstream.script(oddities.unsupported_parameter("temperature", "nothing"))
    assert post(temperature=0.5, seed=1).status_code == 200
    assert post(temperature=0.5, seed=1).status_code == 200
    sent = [{name for name in ("temperature", "seed") if name in received.json} for received in upstream.chats]
    assert sent == [{"temperature", "seed"}, {"seed"}, {"seed"}]
    background.drain()
    assert ModelSource.objects.get().unknown_params == ["temperature"]


def test_a_limit_of_tokens_goes_on_under_its_other_name(post, connection, upstream):
    upstream.script(oddities.unsupported_parameter("max_tokens", "max_completion_tokens"))
    assert post(max_tokens=7).status_code == 200
    assert "max_tokens" not in upstream.last.json
    assert upstream.last.json["max_completion_tokens"] == 7


@pytest.mark.parametrize(
    ("name", "value", "other"), [("temperature", 0.5, 1), ("reasoning_effort", "minimal", "low"), ("stop", "x", "y")]
)
def test_a_value_that_the_model_does_not_take_is_left_out_others_are_not(
    post, connection, upstream, name, value, other
):
    refusal = oai.error(400, f"Unsupported value: '{name}'.", code="unsupported_value", param=name)
    if name == "stop":  # it would be another answer
        upstream.script(refusal)
        assert post(stop=value).status_code == 400
        return
    upstream.script(refusal)
    assert [post(**{name: given}).status_code for given in (value, value, other)] == [200] * 3
    assert [received.json.get(name) for received in upstream.chats] == [value, None, None, other]
    upstream.script(refusal)
    assert post(**{name: other}).status_code == 200
    background.drain()
    assert ModelSource.objects.get().unknown_params == []


@pytest.mark.parametrize(("name", "learns"), [("tools", True), ("temprature", True), ("temperature", False)])
def test_what_changes_an_answer_or_is_a_slip_is_told_to_the_caller(post, connection, upstream, name, learns):
    Connection.objects.update(learn_params=learns)
    upstream.script(oai.error(400, f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name))
    answer = post(**{name: []})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)
    assert len(upstream.chats) == 1


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ({"extra_params": '{"top_k": 5}', "dropped_params": "user\nseed"}, ({"top_k": 5}, ["user", "seed"])),
        ({"extra_params": '{"model": "other"}'}, None),
        ({"dropped_params": "messages"}, None),
        ({"extra_params": "[1]"}, None),
    ],
)
def test_an_administrator_enters_rules_for_bodies(client, admin, connection, values, stored):
    client.force_login(admin)
    model = ChatModel.objects.get()
    inline = {f"sources-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    form = {"enabled": "on", "vision": "unknown", "access": "inherit", **inline, **values}
    client.post(f"/admin/providers/chatmodel/{model.pk}/change/", form)
    model.refresh_from_db()
    assert (model.extra_params, model.dropped_params) == (stored or ({}, []))
