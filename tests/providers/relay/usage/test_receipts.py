"""Receipts: where a call went, what changed it, what it used; for whoever made it, and administrators."""

import pytest
from django.contrib.auth.models import Group

from chat.models import Message
from providers import services
from providers.models import ChatModel, ModelSource
from tests import people
from tests.chat.talk import Talker
from tests.upstream import in_json, unused_port

CHAT = {"model": "m1", "messages": [{"role": "user", "content": "Hello"}]}


def receipt(site, request_id, **who):
    return site.session(**who).get(f"{site.url}/api/v1/receipts/{request_id}")


@pytest.mark.parametrize("entrance", ["url", "views_url"])
def test_a_call_has_a_receipt_under_the_id_of_its_answer(site, upstream, connection, alice, bob, admin, entrance):
    upstream.answer("Hi.")
    key = people.make_key(alice)
    answer = site.session(key=key).post(f"{getattr(site, entrance)}/v1/chat/completions", json=CHAT)
    request_id = answer.headers["x-request-id"]
    told = receipt(site, request_id, key=key).json()
    assert told["model"] == "m1"
    assert told["sources"] == [{"model": "m1", "connection": "Scripted", "outcome": "answered"}]
    assert (told["rewrites"], told["currency"], told["status"], told["calls"]) == ([], "USD", 200, 1)
    assert told["usage"]["tokens_in"] == answer.json()["usage"]["prompt_tokens"]
    assert told["duration_ms"] >= told["first_byte_ms"] >= 0
    assert {"cost", "provider_request_id", "config_version"} <= told.keys()
    theirs = receipt(site, request_id, key=people.make_key(admin)).json()
    assert "/explain/?operation=chat&model=m1" in theirs.pop("explain")
    assert theirs == told
    others = [people.make_key(alice, name=scope, scopes=[scope]) for scope in ("inference", "chat")]
    for stranger in (*others, people.make_key(bob), people.make_key(admin, scopes=["inference"])):
        refused = receipt(site, request_id, key=stranger)
        assert (refused.status_code, refused.json()["code"]) == (404, "receipt_not_found")
    assert receipt(site, "x" * 300, key=key).status_code == 404


def test_a_receipt_is_found_by_our_id_and_by_the_providers(site, upstream, connection, alice):
    body = {"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 3}}
    upstream.script(in_json(body, headers={"x-request-id": "req_of_the_provider"}))
    key = people.make_key(alice)
    session = site.session(key=key)
    answer = session.post(f"{site.url}/v1/chat/completions", json=CHAT, headers={"x-request-id": "mine-12345678"})
    assert answer.headers["x-request-id"] == "req_of_the_provider"
    ours, theirs = (receipt(site, name, key=key).json() for name in ("mine-12345678", "req_of_the_provider"))
    assert ours == theirs
    assert (ours["request_id"], ours["provider_request_id"]) == ("mine-12345678", "req_of_the_provider")


def test_a_receipt_names_the_sources_that_were_passed_over_and_the_rules(site, upstream, alice):
    people.make_connection(f"http://127.0.0.1:{unused_port()}/v1", "m1", name="First", position=0)
    people.make_connection(upstream.url, "gpt-6", name="Second", position=1, prefix_id="x")
    ModelSource.objects.filter(upstream_id="gpt-6").update(model=ChatModel.objects.get(public_id="m1"))
    upstream.answer("Hi.")
    key = people.make_key(alice)
    answer = site.session(key=key).post(f"{site.url}/v1/chat/completions", json=CHAT)
    told = receipt(site, answer.headers["x-request-id"], key=key).json()
    assert [source["connection"] for source in told["sources"]] == ["First", "Second"]
    assert told["sources"][0]["outcome"] != told["sources"][1]["outcome"] == "answered"
    assert told["rewrites"] == ["model"]


def test_an_answer_of_a_chat_has_a_receipt_that_its_details_open(site, upstream, connection, alice):
    people.set_chat()
    upstream.answer("Hi.")
    talker = Talker(site, alice)
    tab = talker.listen()
    message_id = talker.start()["message"]["id"]
    tab.until_done(message_id)
    told = receipt(site, message_id, user=alice).json()
    assert (told["model"], told["request_id"]) == ("m1", str(Message.objects.get(pk=message_id).pk))
    page = site.session(alice).get(f"{site.url}/c/{Message.objects.get(pk=message_id).chat_id}").text
    assert f"/api/v1/receipts/{message_id}" in page


@pytest.mark.django_db(transaction=True)
def test_the_key_of_a_group_sees_its_own_receipts(site, upstream, connection):
    upstream.answer("Hi.")
    _row, key = services.issue_key(group=Group.objects.create(name="Writers"))
    answer = site.session(key=key).post(f"{site.url}/v1/chat/completions", json=CHAT)
    assert receipt(site, answer.headers["x-request-id"], key=key).status_code == 200
