"""`POST /openai/explain`: what would happen to a request. Nobody is called."""

import pytest

from providers.catalogue import health
from providers.models import ChatModel, Connection, RateLimit, UsageRecord
from providers.relay import usage
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
    assert (hers["sources"], hers["limits"]) == ([], [{"counts": "requests", "seconds": 60, "limit": 3}])
    assert ask(body={"model": "m9", "messages": MESSAGES})["access"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"operation": "paint"}, "operation"),
        ({"operation": 5}, "operation"),
        ({"body": []}, "body"),
        ({"body": {"model": "m1"}}, "messages"),
        ({"user": "nobody@example.com"}, "user"),
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
