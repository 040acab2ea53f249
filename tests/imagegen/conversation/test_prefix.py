"""A chat's requests begin alike, whatever handlers add: providers' prompt caches know what comes again."""

import inspect
from itertools import pairwise

import orjson
import pytest

from chat import pipeline
from chat.memory import services
from imagegen.models import ImageSettings
from providers.models import ChatModel
from tests import people
from tests.chat.talk import Talker
from tests.upstream import openai
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

TELLING = [
    handler for handler in pipeline.handlers() if "add_context(" in inspect.getsource(inspect.getmodule(handler))
]


@pytest.fixture
def talker(site, alice, connection, engine_row, upstream):
    ImageSettings.objects.update(prompt_generation=False)
    people.set_chat(web_search=True, web_search_url=upstream.search.url, titles=False, follow_ups=False, memory=True)
    ChatModel.objects.update(system_prompt="Be kind.")

    def answer(received):
        asked = str(received.json["messages"][-1]["content"])
        return openai.chat("Said." if received.json.get("stream") else '{"query": "kites ' + str(len(asked)) + '"}')(
            received
        )

    upstream.always(answer, path="/chat/completions")
    upstream.always(drawn(png(8, 8)), path="/images/generations")
    return Talker(site, alice)


@pytest.mark.parametrize("handler", TELLING, ids=[handler.name for handler in TELLING])
def test_the_next_request_begins_with_the_bytes_of_the_one_before(talker, upstream, handler):
    services.keep(talker.user.pk, "My kite is red")
    services.keep(talker.user.pk, "My boat is blue")
    features = {handler.name: True}
    started = talker.start("What about my kite?", features=features)
    chat_id = started["chat"]["id"]
    talker.until_over(chat_id, started["message"]["id"])
    for words in ("And my boat?", "And both, kite and boat?"):
        talker.until_over(chat_id, talker.say(chat_id, words, features=features)["message"]["id"])

    sent = [one.json["messages"] for one in upstream.chats if one.json.get("stream")]
    assert len(sent) == 3
    for before, after in pairwise(sent):
        assert orjson.dumps(after).startswith(orjson.dumps(before).removesuffix(b"]"))
        assert "<context>" in str(after[-1])
        assert "<context>" not in str(after[0]["content"]) or after[0]["role"] == "user"

    services.forget(services.facts_of(talker.user.pk))
    talker.until_over(chat_id, talker.say(chat_id, "Bye.")["message"]["id"])
    told = str([one.json["messages"] for one in upstream.chats if one.json.get("stream")][-1])
    assert ("is red" in told) is False
