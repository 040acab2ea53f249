"""`POST /openai/explain`: what would happen to a request. Nobody is called."""

import pytest

from providers.catalogue import health
from providers.models import Budget, ChatModel, ClientKey, Connection, GatewaySettings, Price, RateLimit, UsageRecord
from providers.relay import usage
from providers.relay.operations import JSON, OPERATIONS
from tests import people

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
BODY = {"model": "m1", "messages": MESSAGES, "user": "me", "seed": 1}


@pytest.fixture
def ask(site, admin, connection):
    session = site.session(admin)

    def send(status=200, **sent):
        body = {"operation": "chat", "body": BODY, **sent}
        answer = session.post(f"{site.url}/openai/explain", json=body, timeout=20)
        assert answer.status_code == status, answer.text
        return answer.json()

    return send


def test_what_is_explained_is_what_is_sent(ask, site, admin, connection, upstream):
    Connection.objects.update(
        extra_params={"top_k": 5}, dropped_params=["user"], headers={"X-Team": "a secret of ours"}
    )
    source = ask()["sources"][0]
    assert upstream.history == []
    assert (source["connection"], source["state"]) == ("Scripted", "ready")
    assert source["changes"] == {"added": ["top_k"], "changed": [], "removed": ["user"]}

    site.session(admin).post(f"{site.url}/openai/chat/completions", json=BODY)
    sent = upstream.last
    assert source["url"] == f"{upstream.url}/chat/completions"
    assert source["body"] == sent.json
    assert source["headers"]["Authorization"] == "Bearer ••••-key"
    assert source["headers"]["X-Team"] == "••••ours"
    assert set(source["headers"]) <= {*sent.headers}


def test_sources_come_in_order_with_their_state(ask, connection, upstream, start_upstream):
    second = start_upstream()
    people.make_connection(second.url, "m1", name="Second", position=1)
    health.failed(connection.pk, OSError("no"))
    sources = [(source["connection"], source["state"]) for source in ask()["sources"]]
    assert sources == [("Second", "ready"), ("Scripted", "resting")]
    assert upstream.history == second.history == []
    usage.flush()
    assert not UsageRecord.objects.exists()


def test_access_and_limits_are_those_of_the_named_person(ask, alice):
    ChatModel.objects.update(access="private")
    RateLimit.objects.create(target="user", user=alice, requests_minute=3)
    own, hers = ask(), ask(user=alice.email)
    assert own["access"] == {"allowed": True, "model": "m1", "reason": "administrators may use everything"}
    assert own["limits"] == []
    assert (hers["access"]["allowed"], hers["access"]["reason"]) == (False, "the model is private")
    assert hers["sources"] == []
    assert [(limit["target"], limit["counts"], limit["seconds"], limit["limit"]) for limit in hers["limits"]] == [
        ("user", "requests", 60, 3)
    ]
    assert ask(body={"model": "m9", "messages": MESSAGES})["access"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"operation": "paint"}, "operation"),
        ({"operation": 5}, "operation"),
        ({"body": []}, "body"),
        ({"body": {"model": "m1"}}, "messages"),
        ({"user": "nobody@example.com"}, "user"),
        ({"key": "sk-none"}, "key"),
    ],
)
def test_what_cannot_be_explained_is_refused(ask, sent, param):
    assert ask(400, **sent)["error"]["param"] == param


def test_only_administrators_may_ask(site, alice, connection):
    body = {"operation": "chat", "body": BODY}
    assert site.session(alice).post(f"{site.url}/openai/explain", json=body).status_code == 403
    assert site.session().post(f"{site.url}/openai/explain", json=body).status_code == 401


def test_a_credential_of_the_caller_is_not_fetched(ask, connection):
    Connection.objects.update(auth_type="system_oauth")
    assert ask()["sources"][0]["headers"]["Authorization"] == "••••"


def test_a_key_is_explained_with_its_own_rules(ask, alice, connection):
    people.make_key(alice, scopes=["images"])
    key = ClientKey.objects.get()
    assert ask(key=key.pk)["access"]["code"] == "insufficient_scope"
    key.scopes, key.models = [], "gpt-*"
    key.save()
    answer = ask(key=key.prefix)
    assert (answer["access"]["allowed"], answer["access"]["reason"]) == (False, "the key is for other models")
    assert (answer["caller"]["email"], answer["caller"]["key"]["models"]) == (alice.email, ["gpt-*"])


def test_what_is_left_of_limits_is_told_and_not_counted(ask, site, alice, connection):
    GatewaySettings.objects.update_or_create(pk=1, defaults={"currency": "EUR", "currency_rate": "0.5"})
    Price.objects.create(pattern="m1", input=1, output=1, per=1)
    RateLimit.objects.create(target="user", user=alice, requests_minute=2, tokens_day=1000)
    Budget.objects.create(user=alice, unit="money", amount=1000, period="day", name="Mine")
    site.session(alice).post(f"{site.url}/openai/chat/completions", json=BODY).raise_for_status()
    usage.flush()
    for _time in range(2):
        requests, tokens, money = ask(user=alice.email)["limits"]
        assert (requests["used"], requests["left"], requests["refuses"]) == (1, 1, False)
        assert (tokens["used"] > 0, tokens["used"] + tokens["left"]) == (True, 1000)
        assert (money["name"], money["amount"]) == ("Mine", "500")
        assert float(money["spent"]) == tokens["used"] / 2
        assert money["resets_at"] > requests["resets_at"]
    RateLimit.objects.update(requests_minute=1)
    answer = ask(user=alice.email)
    assert answer["limits"][0]["refuses"] is True
    assert (answer["price"]["currency"], float(answer["price"]["cost"])) == (
        "EUR",
        (answer["price"]["tokens_in"] + answer["price"]["tokens_out"]) / 2,
    )


def test_models_that_would_follow_are_named(ask, alice, connection, upstream):
    people.make_connection(upstream.url, "m2", name="Second", position=1)
    ChatModel.objects.filter(public_id="m2").update(access="private")
    ChatModel.objects.filter(public_id="m1").update(fallbacks=[{"model": "m2", "on": ["unavailable"]}], access="public")
    expected = {"model": "m2", "reasons": ["unavailable"], "allowed": True, "connections": ["Second"]}
    assert ask()["fallbacks"] == [expected]
    assert ask(user=alice.email)["fallbacks"] == [{**expected, "allowed": False, "connections": []}]


def test_a_translated_body_is_shown_as_it_is_sent(ask, site, admin, connection, upstream):
    Connection.objects.update(kind="anthropic")
    source = ask(body={**BODY, "stream": True})["sources"][0]
    site.session(admin).post(f"{site.url}/openai/chat/completions", json={**BODY, "stream": True})
    assert (source["url"], source["body"]) == (f"{upstream.url}/messages", upstream.last.json)
    assert "translation" in source["rules"]


def test_every_operation_has_an_example_that_can_be_explained(ask, connection):
    for name, operation in OPERATIONS.items():
        if operation.media_type == JSON:
            assert ask(operation=name, body={**operation.example, "model": "m1"})["access"]["model"] == "m1"
