"""A chat with tools over a connection of the kind `anthropic`: streamed calls, results, rounds, and kept thoughts."""

import pytest

from chat.models import ChatSettings
from providers.models import ChatModel, Connection
from tests.chat.talk import Talker
from tests.upstream import anthropic

HERE = "tests.chat.spare_tools"
CALLS = [{"name": "get_weather", "input": {"place": place}} for place in ("Paris", "Rome")]


@pytest.fixture
def talker(site, alice, connection, settings):
    settings.CHAT_PIPELINE = []
    settings.CHAT_TOOLS = [f"{HERE}.Weather"]
    ChatSettings.objects.update_or_create(pk=1, defaults={"titles": False, "follow_ups": False})
    Connection.objects.update(kind="anthropic")
    ChatModel.objects.update(tools=True)
    return Talker(site, alice)


def asked(upstream):
    return [one.json for one in upstream.asked("/messages", "POST")]


def test_calls_are_run_and_their_results_and_thoughts_go_back(talker, upstream):
    upstream.script(
        anthropic.message("Let me look.", thinking="They ask for the weather.", tools=CALLS),
        anthropic.message("Take one.", thinking="It rains."),
        path="/messages",
    )
    tab = talker.listen()
    started = talker.start("Umbrella?")
    message_id = started["message"]["id"]
    tab.until_done(message_id)

    first, second = asked(upstream)
    assert [(tool["name"], tool["input_schema"]["type"]) for tool in first["tools"]] == [("get_weather", "object")]
    assert first["stream"] is True
    *_before, question, answer, results = second["messages"]
    assert question["role"] == "user"
    kinds = [block["type"] for block in answer["content"]]
    assert kinds == ["thinking", "text", "tool_use", "tool_use"]
    thought = answer["content"][0]
    assert (thought["thinking"], thought["signature"]) == ("They ask for the weather.", "c2lnbmVk")
    assert [block["input"] for block in answer["content"][2:]] == [call["input"] for call in CALLS]
    assert [(block["type"], block["tool_use_id"]) for block in results["content"]] == [
        ("tool_result", block["id"]) for block in answer["content"][2:]
    ]
    assert "It is raining in Rome." in str(results["content"][1]["content"])

    message = talker.message(started["chat"]["id"], message_id)
    assert message["content"] == "Let me look.\n\nTake one."
    assert "They ask for the weather." in message["reasoning"]
    assert "It rains." in message["reasoning"]
    assert tab.text_of(message_id) == message["content"]

    upstream.script(anthropic.message("Yes."), path="/messages")
    tab.until_done(talker.say(started["chat"]["id"], "Really?")["message"]["id"])
    last = asked(upstream)[-1]
    assert last["messages"][-1]["content"] in ("Really?", [{"type": "text", "text": "Really?"}])


def test_a_tool_without_text_and_an_overloaded_second_round_are_told(talker, upstream):
    upstream.script(
        anthropic.message(tools=CALLS[:1]),
        anthropic.error(529, "overloaded_error", "Overloaded"),
        path="/messages",
    )
    tab = talker.listen()
    started = talker.start("Umbrella?")
    tab.until_done(started["message"]["id"])
    message = talker.message(started["chat"]["id"], started["message"]["id"])
    assert "Overloaded" in str(message["error"])
    assert [block["type"] for block in asked(upstream)[1]["messages"][-2]["content"]] == ["tool_use"]
