"""What models read besides the conversation goes along to later turns: calls, results, contexts; pictures do not."""

import pytest

from chat.models import ChatSettings, Message, ModelInput
from chat.runs import inputs
from providers.models import ChatModel, Connection
from tests.chat.talk import Talker
from tests.chat.tools.test_anthropic import CALLS
from tests.upstream import anthropic
from tests.upstream.openai import error
from tests.upstream.pictures import png

HERE = "tests.chat.spare_tools"
PARIS = {"name": "get_weather", "arguments": {"place": "Paris"}}


@pytest.fixture
def talker(site, alice, connection, settings):
    settings.CHAT_PIPELINE = []
    settings.CHAT_TOOLS = [f"{HERE}.Weather"]
    ChatSettings.objects.update_or_create(pk=1, defaults={"titles": False, "follow_ups": False})
    ChatModel.objects.update(tools=True)
    return Talker(site, alice)


def ask(talker, content, chat_id=None, **more):
    made = talker.say(chat_id, content, **more) if chat_id else talker.start(content, **more)
    chat_id = chat_id or made["chat"]["id"]
    return chat_id, talker.until_over(chat_id, made["message"]["id"])


def sent(upstream, path="/chat/completions"):
    return [one.json for one in upstream.asked(path, "POST")]


def test_calls_and_results_stand_before_their_answer(talker, upstream):
    upstream.answer("Let me look.", tool_calls=[PARIS])
    upstream.answer("Take one.")
    chat_id, answer = ask(talker, "Umbrella?")
    upstream.answer("Yes.")
    ask(talker, "Really?", chat_id)

    first, second, third = (body["messages"] for body in sent(upstream))
    assert (first, second[: len(first)], third[: len(second)]) == (first, first, second)
    assert [message["role"] for message in third] == ["user", "assistant", "tool", "assistant", "user"]
    assert third[3]["content"] == "Take one."

    revised = talker.send(
        "POST", f"/api/v1/chats/{chat_id}/messages/{answer['id']}/revise", {"content": "Take two."}, status=201
    )["message"]
    assert (revised["is_edited"], revised["parent"]) == (True, answer["parent"])
    ask(talker, "Two?", chat_id)
    edited = sent(upstream)[-1]["messages"]
    assert [message["role"] for message in edited] == ["user", "assistant", "tool", "assistant", "user"]
    assert (edited[1]["content"], edited[3]["content"]) == (None, "Take two.")
    assert Message.objects.filter(content="Yes.").exists()  # the old branch stays

    ChatModel.objects.update(tools=False)
    ask(talker, "And now?", chat_id)
    plain = sent(upstream)[-1]["messages"]
    assert [message["role"] for message in plain] == ["user", "assistant", "user", "assistant", "user"]


def test_signed_thoughts_go_along_to_anthropic(talker, upstream):
    Connection.objects.update(kind="anthropic")
    upstream.script(
        anthropic.message("Let me look.", thinking="They ask for the weather.", tools=CALLS),
        anthropic.message("Take one."),
        anthropic.message("Yes."),
        path="/messages",
    )
    chat_id, _answer = ask(talker, "Umbrella?")
    ask(talker, "Really?", chat_id)
    _first, second, third = (body["messages"] for body in sent(upstream, "/messages"))
    assert third[: len(second)] == second
    assert third[1]["content"][0] == {
        "type": "thinking",
        "thinking": "They ask for the weather.",
        "signature": "c2lnbmVk",
    }


def test_what_is_kept_has_bounds(talker, upstream, monkeypatch):
    monkeypatch.setattr(inputs, "MOST_RESULT", 10)
    upstream.answer(None, tool_calls=[PARIS])
    upstream.answer("Take one.")
    chat_id, answer = ask(talker, "Umbrella?")
    [row] = ModelInput.objects.filter(answer_id=answer["id"])
    assert row.content[1]["content"] == "It is rain\n[Cut here.]"
    monkeypatch.setattr(inputs, "MOST_CALLS", 10)
    upstream.answer(None, tool_calls=[PARIS])
    upstream.answer("Take two.")
    _chat_id, answer = ask(talker, "And now?", chat_id)
    assert not ModelInput.objects.filter(answer_id=answer["id"]).exists()


def test_a_model_that_refuses_pictures_is_asked_without_them(talker, upstream, alice):
    refusal = error(400, "Invalid content type. image_url is only supported by certain models.")
    uploaded = talker.session.post(
        f"{talker.site.url}/api/v1/files/", files={"file": ("kite.png", png(), "image/png")}, timeout=15
    ).json()
    upstream.script(refusal, path="/chat/completions")
    upstream.answer("A kite, you say.")
    chat_id, answer = ask(talker, "What is this?", files=[{"id": uploaded["id"]}])
    assert answer["content"] == "A kite, you say."
    assert "takes no pictures" in str(answer["status_history"])
    with_picture, without = sent(upstream)
    assert "image_url" in str(with_picture)
    assert "image_url" not in str(without)
    ask(talker, "And what else?", chat_id)
    assert "image_url" not in str(sent(upstream)[-1])
    assert len(sent(upstream)) == 3  # known from now on
