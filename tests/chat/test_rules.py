"""A chat's own rules: how they are set, what of them reaches the model, and in which order."""

import uuid

import pytest

from chat.models import Chat
from chat.pipeline import CompletionRequest, instructions
from chat.rules import MAX_PROMPT, RulesSerializer
from providers.facts import Caller
from providers.models import ChatModel
from tests.chat.talk import Talker

RULES = {"system_prompt": "Answer as a pirate.", "temperature": 0.2, "reasoning_effort": "low", "max_tokens": 300}
QUESTION = {"role": "user", "content": "Hi"}


@pytest.fixture
def talker(site, alice, connection):
    return Talker(site, alice)


def answered(talker, started):
    talker.until_over(started["chat"]["id"], started["message"]["id"])
    return started["chat"]["id"]


def sent(upstream):
    return [received.json for received in upstream.chats if received.json["stream"]]


def told(body):
    return [(message["role"], message["content"]) for message in body["messages"]]


@pytest.mark.django_db(transaction=True)
def test_rules_count_from_the_next_answer_on_in_every_tab(talker, upstream, settings, bob):
    settings.CHAT_PIPELINE = ["tests.chat.handlers.Weather"]
    settings.CHAT_TOOLS = [f"tests.chat.spare_tools.{name}" for name in ("Weather", "AlicesOwn")]
    ChatModel.objects.update(tools=True)
    ChatModel.objects.create(
        public_id="preset",
        base=ChatModel.objects.get(public_id="m1"),
        system_prompt="You sail.",
        params={"temperature": 1.5, "max_completion_tokens": 9, "top_p": 0.5},
    )
    chat_id = answered(talker, talker.start("Hi", rules={**RULES, "tools": ["alices_own"]}, model="preset"))
    assert told(sent(upstream)[0]) == [("system", "You sail.\n\nAnswer as a pirate."), ("user", "Hi")]
    names = ("temperature", "reasoning_effort", "max_tokens", "max_completion_tokens", "top_p")
    assert [sent(upstream)[0].get(name) for name in names] == [0.2, "low", 300, None, 0.5]
    assert [one["function"]["name"] for one in sent(upstream)[0]["tools"]] == ["alices_own"]

    tab = talker.listen()
    changed = talker.send("PATCH", f"/api/v1/chats/{chat_id}", {"rules": {"system_prompt": "Be brief.", "tools": []}})
    assert changed["rules"] == talker.chat(chat_id)["rules"] == {"system_prompt": "Be brief.", "tools": []}
    heard = tab.wait_for(lambda event: event["data"]["type"] == "chat:rules")
    assert (heard["chat_id"], heard["data"]["data"]) == (chat_id, {"rules": changed["rules"]})
    said = talker.say(chat_id, "And now?", features={"weather": True}, params={"temperature": 0.9})
    talker.until_over(chat_id, said["message"]["id"])
    assert told(sent(upstream)[1])[0] == ("system", "You sail.\n\nBe brief.")
    assert told(sent(upstream)[1])[-1] == ("user", "And now?\n\n<context>It is raining.</context>")
    assert (sent(upstream)[1]["temperature"], "tools" in sent(upstream)[1]) == (0.9, False)

    talker.send("PATCH", f"/api/v1/chats/{chat_id}", {"rules": None, "title": "Plain"})
    again = talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{said['message']['id']}/regenerate", {"model": "m1"})
    talker.until_over(chat_id, again["message"]["id"])
    assert told(sent(upstream)[2])[-1] == ("user", "And now?\n\n<context>It is raining.</context>")
    assert "system" not in dict(told(sent(upstream)[2]))
    assert (Chat.objects.get().title, Chat.objects.get().rules) == ("Plain", {})
    Talker(talker.site, bob).send("PATCH", f"/api/v1/chats/{chat_id}", {"rules": RULES}, status=404)


@pytest.mark.django_db(transaction=True)
def test_a_temporary_chat_brings_its_rules_and_keeps_them(talker, upstream):
    body = {"model": "m1", "messages": [QUESTION], "chat_id": "local:one", "session_id": "s1", "rules": RULES}
    message_id = str(uuid.uuid4())
    tab = talker.listen()
    talker.send("POST", "/api/chat/completions", {**body, "id": message_id})
    tab.until_done(message_id)
    direct = {"model": "m1", "messages": [{"role": "system", "content": "Own."}, QUESTION], "rules": RULES}
    talker.send("POST", "/api/chat/completions", {**direct, "temperature": 1, "stream": True})

    assert told(sent(upstream)[0])[0] == ("system", "Answer as a pirate.")
    assert told(sent(upstream)[1])[0] == ("system", "Answer as a pirate.\n\nOwn.")
    assert [body["temperature"] for body in sent(upstream)] == [0.2, 1]
    assert all("rules" not in body for body in sent(upstream))
    talker.send("POST", "/api/chat/completions", {**direct, "rules": {"temperature": 9}}, status=400)
    kept = talker.send("POST", "/api/v1/chats/keep", {"messages": [QUESTION], "rules": RULES}, status=201)
    assert kept["chat"]["rules"] == Chat.objects.get().rules == RULES


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({}, {}),
        ({"system_prompt": " ", "temperature": None, "reasoning_effort": "", "tools": None}, {}),
        (
            {"system_prompt": "a\x00b\ud800", "max_tokens": "5", "other": 1},
            {"system_prompt": "ab\ufffd", "max_tokens": 5},
        ),
        ({"tools": [], "temperature": 0}, {"tools": [], "temperature": 0}),
        ({"system_prompt": "x" * (MAX_PROMPT + 1)}, None),
        *(({"temperature": value}, None) for value in (-1, 2.1, "nan", "inf", True, [], "hot")),
        *(({"max_tokens": value}, None) for value in (0, 1.5, 10**30, True, {})),
        *(({"reasoning_effort": value}, None) for value in ("extreme", 3, [])),
        *(({"tools": value}, None) for value in ("remember", [{}], ["\x00"], ["x"] * 1000)),
        ([], None),
    ],
)
def test_rules_that_are_refused_say_which(given, stored):
    checked = RulesSerializer(data=given)

    assert checked.is_valid() is (stored is not None)
    assert checked.validated_data == stored if stored is not None else checked.errors


@pytest.mark.parametrize(
    ("messages", "first"),
    [
        ([], {"role": "system", "content": "A\n\nB"}),
        ([QUESTION], {"role": "system", "content": "A\n\nB"}),
        ([{"role": "developer", "content": "C"}], {"role": "developer", "content": "A\n\nB\n\nC"}),
        ([{"role": "system", "content": None}], {"role": "system", "content": "A\n\nB"}),
        (
            [{"role": "system", "content": [{"type": "text", "text": "C"}]}],
            {"role": "system", "content": [{"type": "text", "text": text} for text in "ABC"]},
        ),
    ],
)
def test_texts_stand_before_the_words_of_a_program(messages, first):
    before = [dict(message) for message in messages]

    assert instructions.with_texts(messages, ("A", "B"))[0] == first
    assert messages == before


def test_a_limit_of_the_request_wins_over_that_of_the_rules():
    payload = {"max_completion_tokens": 5, "messages": []}
    request = CompletionRequest(Caller(1, "a@example.com", "Ann", "user"), instructions=instructions.of_rules(RULES))
    instructions.put_into(payload, request)

    assert payload["max_completion_tokens"] == 5
    assert "max_tokens" not in payload
