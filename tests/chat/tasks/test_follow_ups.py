"""Follow-up suggestions: the task model makes them for a finished last answer, and every tab gets them."""

import json

import pytest

from chat import tasks
from chat.models import Message
from providers.models import ChatModel, Connection, GatewaySettings
from tests import people
from tests.chat.talk import Talker
from tests.upstream import Gate, openai

FOLLOW_UPS = ["Why not violet?", "And at night?", "Is Mars blue?"]


@pytest.fixture
def talker(site, alice, connection):
    people.set_chat(follow_ups=True, titles=False)
    return Talker(site, alice)


@pytest.fixture
def suggest(upstream):
    """Script what the task model says; the answers to people go on as they are."""

    def script(said="", **options):
        def answer(received):
            if received.json["stream"]:
                return openai.chat("Blue.")(received)
            return openai.chat(said, **options)(received)

        upstream.always(answer, path="/chat/completions")

    script(json.dumps({"follow_ups": FOLLOW_UPS}))
    return script


def is_suggestion(event):
    return event["data"]["type"] == "chat:message:follow_ups"


def asked_of_the_task_model(upstream):
    return [received for received in upstream.chats if not received.json["stream"]]


def test_they_come_after_the_answer_to_every_tab_and_stay(talker, upstream, suggest):
    tabs = [talker.listen(), talker.listen()]

    started = talker.start("Why is the sky blue?")
    told = [tab.wait_for(is_suggestion) for tab in tabs]

    for event in told:
        assert event["message_id"] == started["message"]["id"]
        assert event["chat_id"] == started["chat"]["id"]
        assert event["data"]["data"] == {"follow_ups": FOLLOW_UPS}
    assert talker.message(started["chat"]["id"], started["message"]["id"])["follow_ups"] == FOLLOW_UPS
    (asked,) = asked_of_the_task_model(upstream)
    words = asked.json["messages"][0]["content"]
    assert "user: Why is the sky blue?\nassistant: Blue." in words
    assert asked.json["response_format"] == {"type": "json_object"}


def test_the_page_shows_them_below_the_last_answer_alone(talker, suggest, site):
    tab = talker.listen()
    chat_id = talker.start()["chat"]["id"]
    tab.wait_for(is_suggestion)
    assert talker.send("GET", f"/c/{chat_id}").count("Is Mars blue?") == 1

    suggest(json.dumps({"follow_ups": ["What else?"]}))
    talker.say(chat_id, "Is Mars blue?")
    tab.wait_for(is_suggestion)
    page = talker.send("GET", f"/c/{chat_id}")

    assert "What else?" in page
    assert "And at night?" not in page


def test_a_task_model_does_it_when_there_is_one(talker, upstream, suggest):
    people.make_connection(upstream.url, "small", name="Tasks")
    GatewaySettings.objects.update_or_create(pk=1, defaults={"task_model_external": "small"})
    tab = talker.listen()
    talker.start()
    tab.wait_for(is_suggestion)

    assert [one.json["model"] for one in asked_of_the_task_model(upstream)] == ["small"]


def test_a_server_without_json_mode_is_asked_again_without(talker, upstream):
    def answer(received):
        if received.json["stream"]:
            return openai.chat("Blue.")(received)
        if "response_format" in received.json:
            return openai.error(400, "Unknown parameter: response_format")
        return openai.chat('["Why?"]')(received)

    upstream.always(answer, path="/chat/completions")
    tab = talker.listen()
    talker.start()

    assert tab.wait_for(is_suggestion)["data"]["data"] == {"follow_ups": ["Why?"]}


def test_the_next_question_does_not_wait_and_ends_the_asking(talker, upstream, suggest):
    gate = Gate()
    suggest('["Too late"]', after={0: gate})
    tab = talker.listen()
    started = talker.start()
    gate.wait()  # the answer is over, and the task model thinks

    made = talker.say(started["chat"]["id"], "And the sea?")
    tab.until_done(made["message"]["id"])
    asked_of_the_task_model(upstream)[0].closed.wait(10)
    gate.open()

    assert Message.objects.get(pk=started["message"]["id"]).follow_ups == []


def test_nobody_is_asked_when_it_is_switched_off(talker, upstream, suggest):
    people.set_chat(titles=True)
    tab = talker.listen()
    talker.start()
    tab.wait_for(lambda event: event["data"]["type"] == "chat:title")

    assert len(asked_of_the_task_model(upstream)) == 1  # for the title


def test_nobody_is_asked_about_the_demo(talker, upstream, suggest):
    Connection.objects.update(demo=True)
    started = talker.start()
    talker.until_over(started["chat"]["id"], started["message"]["id"])
    talker.send("PATCH", f"/api/v1/chats/{started['chat']['id']}", {"title": "x"})

    assert asked_of_the_task_model(upstream) == []


def test_nobody_is_asked_after_an_answer_that_failed_or_was_stopped(talker, upstream, suggest):
    gate = Gate()
    upstream.script(openai.error(400, "No."), openai.chat("one two", after={1: gate}), path="/chat/completions")
    failed = talker.start()
    talker.until_over(failed["chat"]["id"], failed["message"]["id"])
    stopped = talker.start()
    gate.wait()
    talker.send("POST", f"/api/v1/chats/{stopped['chat']['id']}/messages/{stopped['message']['id']}/stop")
    talker.until_over(stopped["chat"]["id"], stopped["message"]["id"])
    gate.open()

    tab = talker.listen()
    answered = talker.start()
    told = tab.wait_for(is_suggestion)

    assert told["message_id"] == answered["message"]["id"]
    assert len(asked_of_the_task_model(upstream)) == 1


def test_a_task_model_that_fails_is_only_in_the_log(talker, upstream, caplog):
    upstream.always(
        lambda received: openai.chat("Blue.")(received) if received.json["stream"] else openai.error(500, "No."),
        path="/chat/completions",
    )
    started = talker.start()
    message = talker.until_over(started["chat"]["id"], started["message"]["id"])
    upstream.wait_for("/chat/completions", 2)

    assert (message["status"], message["follow_ups"]) == ("done", [])


def test_an_answer_that_is_made_anew_forgets_the_old_ones(talker, upstream, suggest):
    tab = talker.listen()
    started = talker.start()
    tab.wait_for(is_suggestion)
    people.set_chat()
    ids = {"chat_id": started["chat"]["id"], "id": started["message"]["id"], "session_id": "s"}
    body = {"model": "m1", "messages": [{"role": "user", "content": "Again"}], **ids}
    talker.send("POST", "/api/chat/completions", body)

    assert talker.until_over(started["chat"]["id"], started["message"]["id"])["follow_ups"] == []


def test_a_model_that_is_taken_away_meanwhile_is_no_accident(talker, upstream, suggest):
    gate = Gate()
    upstream.script(openai.chat("one two", after={1: gate}), path="/chat/completions")
    started = talker.start()
    gate.wait()
    ChatModel.objects.update(access="private")
    gate.open()

    message = talker.until_over(started["chat"]["id"], started["message"]["id"])

    assert (message["status"], message["follow_ups"]) == ("done", [])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"follow_ups": ["a", "b"]}', ["a", "b"]),
        ('Sure:\n```json\n["a",\n "b"]\n```\nAnything else?', ["a", "b"]),
        ('<think>{"follow_ups": ["no"]}</think>{"follow_ups": ["a"]}', ["a"]),
        ('First ["no"], but better ["a"].', ["a"]),
        ('{"follow_ups": ["a", "b", "c", "d"]}', ["a", "b", "c"]),
        ('["a", "a", "", 3, null, "  b\\n c "]', ["a", "b c"]),
        ('{"questions": [{"text": "a"}, {"text": "b"}]}', ["a", "b"]),
        ('["天空为什么是蓝色的？"]', ["天空为什么是蓝色的？"]),
        ('["' + "x" * 201 + '", "a"]', ["a"]),
        ('["Why\\ud800?", "So\\u0000?"]', ["Why\N{REPLACEMENT CHARACTER}?", "So?"]),
        ('["cut', []),
        ("no list", []),
        ("[" * 30_000, []),
        ("", []),
    ],
)
def test_the_last_list_counts_whatever_stands_around_it(said, expected):
    assert tasks.follow_ups_in(said) == expected
