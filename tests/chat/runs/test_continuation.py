"""Answers that were cut off go on in the same message: nothing is lost, nothing is said twice."""

import pytest

from chat.models import ChatSettings
from chat.pipeline import CompletionRequest, Turn
from chat.runs.continuation import Continuation
from providers.callers import caller_for_user
from providers.models import Connection
from tests.chat.talk import Talker
from tests.upstream import Gate, anthropic, openai

CUT = "The quick brown fox jumps over"


@pytest.fixture
def talker(site, alice, connection, settings):
    settings.CHAT_PIPELINE = []
    ChatSettings.objects.update_or_create(pk=1, defaults={"titles": False, "follow_ups": False})
    return Talker(site, alice)


def cut(talker, upstream, **options):
    upstream.answer(CUT, finish="length", **options)
    started = talker.start("A sentence?")
    answer = talker.until_over(started["chat"]["id"], started["message"]["id"])
    return f"/api/v1/chats/{started['chat']['id']}/messages/{answer['id']}", answer


def go_on(talker, path, *, status=202, **more):
    made = talker.send("POST", f"{path}/continue", more, status=status)
    if status == 202:
        _api, _v1, _chats, chat_id, _messages, message_id = path.strip("/").split("/")
        return talker.until_over(chat_id, message_id)
    return made


def test_it_goes_on_in_the_same_message_without_repeating(talker, upstream):
    tab = talker.listen()
    path, answer = cut(talker, upstream, usage={"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11})
    assert (answer["is_incomplete"], answer["context_tokens"]) == (True, 11)
    upstream.answer("fox jumps over the lazy dog.", usage={"prompt_tokens": 9, "completion_tokens": 3})

    whole = go_on(talker, path)

    assert whole["content"] == f"{CUT} the lazy dog."
    assert (whole["status"], whole["is_incomplete"], whole["id"]) == ("done", False, answer["id"])
    assert whole["usage"] == {"prompt_tokens": 14, "completion_tokens": 9, "total_tokens": 11}
    assert whole["context_tokens"] == 12
    *conversation, instruction = upstream.chats[-1].json["messages"]
    assert conversation == [{"role": "user", "content": "A sentence?"}, {"role": "assistant", "content": CUT}]
    assert instruction["role"] == "user"
    assert "fox jumps over" in instruction["content"]
    tab.wait_for(lambda event: event["data"]["type"] == "chat:completion" and event["data"]["data"].get("done"))
    tab.send({"type": "resume", "message_id": answer["id"], "seq": 0})
    snapshot = tab.wait_for(lambda event: event["data"]["type"] == "snapshot")["data"]["data"]
    assert snapshot["content"].startswith(CUT)
    assert go_on(talker, path, status=400)["code"] == "not_cut"


def test_what_is_there_outlives_a_failure_and_a_stop(talker, upstream):
    path, _answer = cut(talker, upstream)
    upstream.script(openai.error(500, "Down"), path="/chat/completions")
    failed = go_on(talker, path)
    assert (failed["status"], failed["content"]) == ("failed", CUT)
    assert failed["error"]

    gate = Gate()
    upstream.answer("the lazy dog sleeps in the sun of the long afternoon", after={6: gate})
    talker.send("POST", f"{path}/continue", {}, status=202)
    gate.wait()
    talker.send("POST", f"{path}/stop", status=202)
    chat_id, message_id = path.split("/")[4], path.split("/")[6]
    stopped = talker.until_over(chat_id, message_id)
    assert (stopped["status"], stopped["error"]) == ("stopped", None)
    assert stopped["content"].startswith(f"{CUT} the lazy")
    below = talker.say(chat_id, "And then?")
    talker.until_over(chat_id, below["message"]["id"])
    assert go_on(talker, path, status=400)["code"] == "not_last"


def test_a_provider_that_continues_gets_the_text_itself_until_it_refuses(talker, upstream):
    Connection.objects.update(kind="anthropic")
    upstream.script(anthropic.message(f"{CUT} ", stop="max_tokens"), path="/messages")
    started = talker.start("A sentence?")
    chat_id, message_id = started["chat"]["id"], started["message"]["id"]
    talker.until_over(chat_id, message_id)
    upstream.script(anthropic.message("the lazy dog", stop="max_tokens"), path="/messages")
    whole = go_on(talker, f"/api/v1/chats/{chat_id}/messages/{message_id}")
    assert whole["content"] == f"{CUT} the lazy dog"
    last = upstream.asked("/messages", "POST")[-1].json["messages"][-1]
    assert (last["role"], CUT in str(last["content"]), f"{CUT} " in str(last["content"])) == ("assistant", True, False)

    refusal = anthropic.error(400, "invalid_request_error", "This model does not support assistant message prefill.")
    upstream.script(refusal, anthropic.message("lazy dog and the cat."), path="/messages")
    whole = go_on(talker, f"/api/v1/chats/{chat_id}/messages/{message_id}")
    assert whole["content"] == f"{CUT} the lazy dog and the cat."
    assert upstream.asked("/messages", "POST")[-1].json["messages"][-1]["role"] == "user"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "pieces", "added"),
    [
        ("one two three", ["two ", "three", " four"], " four"),
        ("one two three", [" four"], " four"),
        ("one two three", ["four"], " four"),
        ("one two thr", ["one two three"], "ee"),
        ("一二三四五六七八九十", ["四五六七八九十", "十一"], "十一"),
        ("- a\n", ["- b"], "- b"),
        ("one two three", ["three one two"], " three one two"),
    ],
)
def test_the_seam_between_both_parts(alice, text, pieces, added):
    turn = Turn(CompletionRequest(caller_for_user(alice), model="m1", messages=[]), sink=None)
    seam = Continuation(turn, text)
    assert "".join(seam.take(piece) for piece in pieces) + seam.rest() == added
