"""Filters of a pipelines server in conversations: the question, the answer, refusals, small tasks."""

import pytest

from tests import people
from tests.chat.talk import Talker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def talker(site, alice, connection):
    people.set_chat(titles=False)
    return Talker(site, alice)


def ask(talker, words="my secret is 7", **more):
    started = talker.start(words, **more)
    return started["chat"]["id"], talker.until_over(started["chat"]["id"], started["message"]["id"])


def hide(body, user):
    for message in body["messages"]:
        message["content"] = message["content"].replace("7", "*")
    return body


def shout(body, user):
    body["messages"][-1]["content"] = body["messages"][-1]["content"].upper()
    return body


def refuse(body, user):
    raise ValueError("Only ten turns, please")


def test_question_and_answer_pass_through_the_filters(talker, upstream, pipelines_server):
    pipelines_server(censor=["m1"], other=["m2"])
    upstream.pipelines.inlets, upstream.pipelines.outlets = {"censor": hide}, {"censor": shout}
    upstream.answer("Fine.")
    chat_id, answer = ask(talker)
    assert answer["content"] == "FINE."
    assert upstream.chats[0].json["messages"][-1]["content"] == "my secret is *"
    assert "metadata" not in upstream.chats[0].json
    (inlet,), (outlet,) = upstream.asked("/filter/inlet"), upstream.asked("/filter/outlet")
    assert inlet.json["body"]["metadata"] == {"chat_id": chat_id, "session_id": "", "message_id": answer["id"]}
    assert inlet.json["user"]["name"] == "Alice"
    assert outlet.json["body"]["messages"][-1] == {"id": answer["id"], "role": "assistant", "content": "Fine."}


def test_a_filter_that_refuses_the_question_ends_the_answer_in_its_words(talker, upstream, pipelines_server):
    pipelines_server(censor=["*"])
    upstream.pipelines.inlets = {"censor": refuse}
    _chat, answer = ask(talker)
    assert answer["status"] == "failed"
    assert "Only ten turns, please" in str(answer["error"])
    assert not upstream.chats


def test_a_filter_that_refuses_the_answer_is_told_below_it(talker, upstream, pipelines_server):
    pipelines_server(censor=["*"])
    upstream.pipelines.outlets = {"censor": refuse}
    upstream.answer("Fine.")
    _chat, answer = ask(talker)
    assert (answer["status"], answer["content"]) == ("done", "Fine.")
    assert "Only ten turns, please" in answer["status_history"][-1]["description"]


def test_titles_are_written_from_what_the_filters_leave(talker, upstream, pipelines_server):
    people.set_chat(titles=True)
    pipelines_server(censor=["*"])
    upstream.pipelines.inlets = {"censor": hide}
    ask(talker)
    title = upstream.wait_for("/chat/completions", 2)
    assert "7" not in title.json["messages"][-1]["content"]


def test_a_program_that_asks_the_chat_is_filtered_once(talker, upstream, pipelines_server, site, api_key):
    pipelines_server(censor=["*"])
    upstream.pipelines.inlets = {"censor": hide}
    body = {"model": "m1", "messages": [{"role": "user", "content": "7"}]}
    answer = site.session(key=api_key).post(f"{site.url}/api/chat/completions", json=body)
    assert answer.json()["choices"][0]["message"]["content"] == "You said: *"
    assert len(upstream.asked("/filter/inlet")) == 1
