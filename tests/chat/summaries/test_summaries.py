"""Long chats: how full the context is, and summaries that models read instead of the beginning."""

import pytest

from chat.models import Chat, ChatSettings, Message, Summary
from chat.tasks import summaries
from providers import versioning
from providers.errors import Conflict
from providers.models import ChatModel, ModelSource
from providers.upstream import model_lists
from tests.chat.talk import Talker
from tests.queries import assert_queries_do_not_grow
from tests.upstream.openai import error

USAGE = {"prompt_tokens": 850, "completion_tokens": 50, "total_tokens": 900}


@pytest.fixture
def talker(site, alice, connection, settings):
    settings.CHAT_PIPELINE = []
    settings.CHAT_TOOLS = []
    ChatSettings.objects.update_or_create(pk=1, defaults={"titles": False, "follow_ups": False, "summaries": False})
    ChatModel.objects.update(context_length=1000)
    return Talker(site, alice)


@pytest.fixture
def chat(alice):
    return longer(Chat.objects.create(user=alice, title="Long", model="m1"), 8)


def longer(chat, number):
    for index in range(number):
        role = "assistant" if index % 2 else "user"
        chat.leaf = Message.objects.create(chat=chat, parent=chat.leaf, role=role, content=f"Word {index}", model="m1")
    chat.save()
    return chat


def path(chat, rest):
    return f"/api/v1/chats/{chat.pk}/{rest}"


def sent(upstream):
    return [one.json["messages"] for one in upstream.chats if one.json.get("stream")][-1]


def test_a_summary_stands_for_the_beginning_until_it_is_taken_back(talker, upstream, chat, site, bob):
    tab = talker.listen()
    upstream.answer("They counted words.")
    made = talker.send("POST", path(chat, "summaries"), status=202)
    assert (made["status"], made["messages"], made["is_automatic"]) == ("pending", 4, False)
    told = tab.wait_for(lambda event: event["data"]["type"] == "chat:summary")["data"]["data"]
    assert (told["id"], told["status"]) == (made["id"], "done")
    prompt = upstream.chats[-1].json["messages"][-1]["content"]
    assert "user: Word 0" in prompt
    assert "Word 4" not in prompt

    upstream.answer("Yes.")
    answer = talker.until_over(str(chat.pk), talker.say(str(chat.pk), "And now?")["message"]["id"])
    messages = sent(upstream)
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert "They counted words." in messages[0]["content"]
    assert messages[0]["content"].endswith("Word 4")
    assert "Word 3" not in str(messages)
    assert len(talker.chat(str(chat.pk))["messages"]) == 10  # nothing is lost
    page = talker.session.get(f"{site.url}/c/{chat.pk}", timeout=15).text
    assert "Summarised from here up" in page
    assert "Word 0" in page

    assert talker.send("POST", path(chat, "summaries"), status=400)["code"] == "nothing_to_summarise"
    own = path(chat, f"summaries/{made['id']}")
    Talker(site, bob).send("DELETE", own, status=404)
    talker.send("GET", path(chat, "summaries/99999999999999999999999"), status=404)
    talker.send("DELETE", own, status=204)
    talker.until_over(str(chat.pk), talker.say(str(chat.pk), "And then?", parent=answer["id"])["message"]["id"])
    assert sent(upstream)[0]["content"] == "Word 0"


def test_a_failed_summary_changes_nothing(talker, upstream, chat):
    tab = talker.listen()
    upstream.script(error(400, "No."), path="/chat/completions")
    talker.send("POST", path(chat, "summaries"), status=202)
    told = tab.wait_for(lambda event: event["data"]["type"] == "chat:summary")["data"]["data"]
    assert told["status"] == "failed"
    talker.until_over(str(chat.pk), talker.say(str(chat.pk), "And now?")["message"]["id"])
    assert sent(upstream)[0]["content"] == "Word 0"


def test_a_chat_is_summarised_by_itself_before_the_context_ends(talker, upstream, chat):
    ChatSettings.objects.update(summaries=True)
    versioning.bump()
    tab = talker.listen()
    upstream.answer("Yes.", usage={**USAGE, "total_tokens": 500})
    talker.until_over(str(chat.pk), talker.say(str(chat.pk), "One?")["message"]["id"])
    assert talker.send("GET", path(chat, "context"))["state"] == "ok"
    upstream.answer("Yes.", usage=USAGE)
    upstream.answer("They counted words.")
    talker.until_over(str(chat.pk), talker.say(str(chat.pk), "Two?")["message"]["id"])
    tab.wait_for(lambda event: event["data"]["type"] == "chat:summary")
    assert Summary.objects.get().is_automatic
    Summary.objects.update(status=Summary.SummaryStatus.FAILED)
    with pytest.raises(Conflict, match="a short time ago"):  # not after each answer
        summaries.begin(Chat.objects.get(pk=chat.pk), is_automatic=True)
    Summary.objects.update(status=Summary.SummaryStatus.DONE)
    state = talker.send("GET", path(chat, "context"))
    assert (state["is_estimate"], state["length"], state["state"]) == (True, 1000, "ok")
    assert state["summary"]["text"] == "They counted words."


def test_the_gauge_tells_what_the_provider_told(talker, upstream, chat):
    upstream.answer("Yes.", usage=USAGE)
    talker.until_over(str(chat.pk), talker.say(str(chat.pk), "One?")["message"]["id"])
    state = talker.send("GET", path(chat, "context"))
    assert (state["tokens"], state["is_estimate"], state["share"], state["state"]) == (900, False, 0.9, "near")
    page = talker.session.get(f"{talker.site.url}/c/{chat.pk}", timeout=15).text
    assert 'data-tokens="900"' in page
    assert 'data-length="1000"' in page
    ChatModel.objects.update(context_length=None)
    ModelSource.objects.update(raw={"max_model_len": 4096})
    versioning.bump()
    assert talker.send("GET", path(chat, "context"))["length"] == 4096
    assert talker.send("GET", path(chat, "context?model=unknown"))["state"] == "unknown"
    assert_queries_do_not_grow(
        lambda: talker.send("GET", path(chat, "context")), lambda: longer(Chat.objects.get(pk=chat.pk), 20)
    )


@pytest.mark.parametrize(
    ("raw", "length"),
    [
        ({"context_length": 128000, "top_provider": {"context_length": 64000}}, 64000),
        ({"meta": {"n_ctx_train": 8192}}, 8192),
        ({"inputTokenLimit": 1_048_576}, 1_048_576),
        ({"context_length": True, "max_model_len": "many"}, None),
        ({"context_length": -1}, None),
        ({"context_length": 10**20}, None),
    ],
)
def test_providers_tell_the_length_in_their_own_words(raw, length):
    assert model_lists.context_length_of(raw) == length
