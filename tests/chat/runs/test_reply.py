"""Replies through the running site: a scripted provider on one side, WebSockets on the other."""

import threading
from itertools import chain, repeat

import pytest
from channels.layers import InMemoryChannelLayer

from chat.models import Message
from tests.chat.talk import Talker
from tests.upstream import Gate, Reply, frame, openai, unused_port

pytestmark = pytest.mark.usefixtures("connection")


@pytest.fixture
def talker(site, alice):
    return Talker(site, alice)


def ids(started):
    return started["chat"]["id"], started["message"]["id"]


def test_a_reply_streams_in_numbered_pieces_and_is_saved(talker, upstream):
    upstream.answer("The sky is blue.")
    tab = talker.listen()

    started = talker.start()
    chat_id, message_id = ids(started)
    done = tab.until_done(message_id)

    assert started["message"]["status"] == "pending"
    assert (done["status"], done["error"]) == ("done", None)
    assert tab.text_of(message_id) == "The sky is blue."
    seqs = [event["seq"] for event in tab.of(message_id)]
    assert seqs == list(range(1, len(seqs) + 1))
    saved = talker.message(chat_id, message_id)
    assert (saved["content"], saved["status"], saved["model"], saved["connection"]) == (
        "The sky is blue.",
        "done",
        "m1",
        Message.objects.get(pk=message_id).connection,
    )
    assert saved["first_token_ms"] is not None
    assert saved["duration_ms"] >= saved["first_token_ms"]
    sent = upstream.chats[0].json
    assert sent["messages"] == [{"role": "user", "content": "What colour is the sky?"}]
    assert sent["stream"] is True


def test_text_arrives_before_the_answer_is_complete(talker, upstream):
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    tab = talker.listen()

    _, message_id = ids(talker.start())
    first = tab.wait_for(lambda event: event["message_id"] == message_id)
    gate.open()
    tab.until_done(message_id)

    assert first["data"]["data"]["content"].strip() == "one"
    assert tab.text_of(message_id) == "one two three"


def test_two_tabs_hear_the_same(talker, upstream):
    upstream.answer("one two three four five")
    first, second = talker.listen(), talker.listen()

    _, message_id = ids(talker.start())
    first.until_done(message_id)
    second.until_done(message_id)

    assert first.of(message_id) == second.of(message_id)


def test_another_person_hears_nothing(talker, upstream, site, bob):
    upstream.answer("secret")
    tab, other = talker.listen(), Talker(site, bob).listen()

    _, message_id = ids(talker.start())
    tab.until_done(message_id)
    other.send({"type": "ping"})

    assert other.next()["data"]["type"] == "pong"


def test_a_reply_goes_on_while_no_socket_is_open(talker, upstream):
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    tab = talker.listen()
    chat_id, message_id = ids(talker.start())
    tab.wait_for(lambda event: event["message_id"] == message_id)
    tab.close()

    gate.open()

    assert talker.until_over(chat_id, message_id)["content"] == "one two three"


def test_a_new_socket_resumes_in_the_middle(talker, upstream):
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    tab = talker.listen()
    _, message_id = ids(talker.start())
    last = tab.wait_for(lambda event: event["message_id"] == message_id)
    tab.close()

    again = talker.listen()
    again.send({"type": "resume", "message_id": message_id, "seq": last["seq"]})
    snapshot = again.wait_for(lambda event: event["data"]["type"] == "snapshot")
    gate.open()
    again.until_done(message_id)

    assert snapshot["seq"] == last["seq"]
    assert snapshot["data"]["data"]["status"] == "streaming"
    assert snapshot["data"]["data"]["done"] is False
    assert again.text_of(message_id) == "one two three"
    seqs = [event["seq"] for event in again.of(message_id)]
    assert seqs == list(range(snapshot["seq"], snapshot["seq"] + len(seqs)))


def test_resuming_what_is_over_answers_with_the_whole(talker, upstream):
    upstream.answer("Blue.")
    chat_id, message_id = ids(talker.start())
    talker.until_over(chat_id, message_id)

    tab = talker.listen()
    tab.send({"type": "resume", "message_id": message_id, "seq": 0})
    data = tab.until_done(message_id)

    assert (data["content"], data["status"]) == ("Blue.", "done")


def test_a_stranger_can_neither_resume_nor_stop(talker, upstream, site, bob):
    gate = Gate()
    upstream.answer("one two", after={1: gate})
    chat_id, message_id = ids(talker.start())
    upstream.wait_for("/chat/completions")
    other = Talker(site, bob)
    tab = other.listen()

    for kind in ("resume", "stop"):
        tab.send({"type": kind, "message_id": message_id, "seq": 0})
        assert tab.next()["data"] == {
            "type": "error",
            "data": {"code": "message_not_found", "detail": "This message was not found. It may have been deleted."},
        }
    other.send("POST", f"/api/v1/chats/{chat_id}/messages/{message_id}/stop", status=404)
    other.send("POST", f"/api/tasks/stop/{message_id}", status=404)
    gate.open()

    assert talker.until_over(chat_id, message_id)["status"] == "done"


@pytest.mark.parametrize("way", ["socket", "http", "task"])
def test_stop_closes_the_upstream_and_keeps_the_text_in_both_tabs(talker, upstream, way):
    upstream.answer("one two three", after={1: Gate()})
    first, second = talker.listen(), talker.listen()
    chat_id, message_id = ids(talker.start())
    second.wait_for(lambda event: event["message_id"] == message_id)

    if way == "socket":
        first.send({"type": "stop", "message_id": message_id})
    elif way == "http":
        talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{message_id}/stop", status=202)
    else:
        assert talker.send("POST", f"/api/tasks/stop/{message_id}") == {"status": True}
    ends = [tab.until_done(message_id) for tab in (first, second)]

    upstream.chats[0].wait_closed()
    assert [end["status"] for end in ends] == ["stopped", "stopped"]
    saved = talker.message(chat_id, message_id)
    assert (saved["status"], saved["content"].strip(), saved["error"]) == ("stopped", "one", None)


def test_stopping_twice_and_too_late_is_harmless(talker, upstream):
    upstream.answer("Blue.")
    chat_id, message_id = ids(talker.start())
    talker.until_over(chat_id, message_id)

    for _ in range(2):
        talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{message_id}/stop", status=202)

    assert talker.message(chat_id, message_id)["status"] == "done"


def test_stop_before_the_first_word(talker, upstream):
    upstream.script(Reply(before=[Gate()]))
    tab = talker.listen()
    chat_id, message_id = ids(talker.start())
    upstream.wait_for("/chat/completions")

    tab.send({"type": "stop", "message_id": message_id})
    tab.until_done(message_id)

    saved = talker.message(chat_id, message_id)
    assert (saved["status"], saved["content"]) == ("stopped", "")


def test_a_failure_shows_the_providers_words(talker, upstream):
    upstream.script(
        openai.error(429, "You are too fast for us.", code="rate_limit_exceeded", headers={"Retry-After": "7"})
    )
    tab = talker.listen()

    chat_id, message_id = ids(talker.start())
    done = tab.until_done(message_id)

    kinds = [event["data"]["type"] for event in tab.of(message_id)]
    assert kinds == ["chat:message:error", "chat:completion"]
    assert tab.of(message_id)[0]["data"]["data"] == {"error": {"content": "You are too fast for us."}}
    assert done["status"] == "failed"
    saved = talker.message(chat_id, message_id)
    assert saved["status"] == "failed"
    assert saved["error"]["provider"] == "You are too fast for us."
    assert saved["error"]["retryable"] is True
    assert saved["error"]["retry_after"] == 7


def test_an_answer_that_is_cut_off_keeps_its_text(talker, upstream):
    upstream.answer("one two", done=False, finish=None)
    chat_id, message_id = ids(talker.start())

    saved = talker.until_over(chat_id, message_id)

    assert (saved["status"], saved["content"]) == ("failed", "one two")
    assert (saved["error"]["code"], saved["error"]["retryable"]) == ("cut_off", True)


def test_an_answer_at_the_limit_of_its_length_is_told_and_can_go_on(talker, upstream):
    upstream.answer("one two", finish="length")
    chat_id, message_id = ids(talker.start())

    saved = talker.until_over(chat_id, message_id)

    assert (saved["status"], saved["content"]) == ("done", "one two")
    assert saved["status_history"] == [{"description": "The answer was cut off at the maximum length.", "done": True}]
    assert (saved["is_incomplete"], saved["follow_ups"]) == (True, [])  # it can be continued instead


def test_an_error_in_mid_stream_keeps_text_and_words(talker, upstream):
    upstream.answer("one two", after={1: openai.error_frame("overloaded")})
    chat_id, message_id = ids(talker.start())

    saved = talker.until_over(chat_id, message_id)

    assert (saved["status"], saved["content"].strip()) == ("failed", "one")
    assert saved["error"]["provider"] == "overloaded"


def test_a_provider_that_is_away_is_a_failure_that_can_be_tried_again(talker, upstream):
    upstream.stop()
    chat_id, message_id = ids(talker.start())

    saved = talker.until_over(chat_id, message_id)

    assert saved["status"] == "failed"
    assert (saved["error"]["code"], saved["error"]["retryable"]) == ("upstream_unreachable", True)


def test_an_answer_without_a_byte_is_a_failure(talker, upstream):
    upstream.script(Reply())
    chat_id, message_id = ids(talker.start())

    saved = talker.until_over(chat_id, message_id)

    assert saved["status"] == "failed"
    assert saved["error"]["retryable"] is True
    assert saved["error"]["message"]


def test_a_reply_counts_as_one_whole_call(talker, upstream, alice):
    from providers.models import UsageRecord
    from providers.relay import usage

    usage.flush()
    UsageRecord.objects.all().delete()
    upstream.answer("Blue.", usage={"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8})
    chat_id, message_id = ids(talker.start())
    talker.until_over(chat_id, message_id)

    usage.flush()
    used = UsageRecord.objects.get(kind="chat")
    assert (used.user_id, used.model, used.status, used.tokens_in, used.tokens_out) == (alice.pk, "m1", 200, 7, 1)


def test_status_lines_are_saved_while_a_reply_grows(talker, upstream, settings):
    settings.CHAT_PIPELINE = ["tests.chat.handlers.Weather"]
    upstream.answer("one two", after={1: Gate()})
    chat_id, message_id = ids(talker.start(features={"weather": True}))
    upstream.wait_for("/chat/completions")

    for _ in range(200):
        saved = talker.message(chat_id, message_id)
        if saved["content"] and len(saved["status_history"]) == 2:
            break

    assert (saved["status"], saved["content"].strip(), len(saved["status_history"])) == ("streaming", "one", 2)


def test_thinking_and_usage_are_kept(talker, upstream):
    upstream.answer("Two.", reasoning="1 + 1", usage={"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8})
    tab = talker.listen()
    chat_id, message_id = ids(talker.start())
    done = tab.until_done(message_id)

    saved = talker.message(chat_id, message_id)

    assert (saved["content"], saved["reasoning"]) == ("Two.", "1 + 1")
    assert saved["usage"]["total_tokens"] == done["usage"]["total_tokens"] == 8
    assert any(event["data"]["data"].get("reasoning") for event in tab.of(message_id))


def test_a_reply_speaks_the_language_of_its_person(talker, upstream, settings):
    settings.CHAT_PIPELINE = ["tests.chat.handlers.Tongue"]
    upstream.answer("Blue.")
    talker.session.headers["Accept-Language"] = "zh-hans"

    chat_id, message_id = ids(talker.start())

    assert talker.until_over(chat_id, message_id)["status_history"][0]["language"] == "zh-hans"


def test_characters_that_databases_refuse_do_not_lose_an_answer(talker, upstream):
    upstream.answer("nul \0 inside")

    chat_id, message_id = ids(talker.start())

    saved = talker.until_over(chat_id, message_id)
    assert (saved["status"], saved["content"]) == ("done", "nul \ufffd inside")


@pytest.fixture
def no_channel_layer(settings):
    pytest.importorskip("channels_redis")
    config = {"hosts": [f"redis://127.0.0.1:{unused_port()}"]}
    layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}
    settings.CHANNEL_LAYERS = {"default": layer}


def test_a_channel_layer_that_is_away_costs_events_and_no_reply(no_channel_layer, talker, upstream):
    upstream.answer("Blue.")

    chat_id, message_id = ids(talker.start())

    assert talker.until_over(chat_id, message_id)["content"] == "Blue."


class LosingLayer(InMemoryChannelLayer):
    """A channel layer that loses messages to groups while `is_away`."""

    is_away = False
    lost_an_end = threading.Event()

    async def group_send(self, group, message):
        if LosingLayer.is_away:
            if '"done":true' in message.get("text", ""):
                LosingLayer.lost_an_end.set()
            raise ConnectionError("away")
        await super().group_send(group, message)


@pytest.fixture
def losing_layer(settings, monkeypatch):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.LosingLayer", "CONFIG": {"capacity": 1000}}}
    monkeypatch.setattr(LosingLayer, "is_away", False)
    monkeypatch.setattr(LosingLayer, "lost_an_end", threading.Event())
    return LosingLayer


def test_an_end_that_was_lost_is_told_once_the_channel_layer_is_back(losing_layer, talker, upstream):
    gate = Gate()
    upstream.answer("one two", after={1: gate})
    tab = talker.listen()
    _, message_id = ids(talker.start())
    gate.wait()
    tab.wait_for(lambda event: event["data"]["data"].get("content"))

    losing_layer.is_away = True
    gate.open()
    assert losing_layer.lost_an_end.wait(15)
    losing_layer.is_away = False

    assert tab.until_done(message_id)["status"] == "done"
    assert tab.text_of(message_id) == "one two"


def test_many_replies_run_at_once(talker, upstream):
    gate = Gate()
    upstream.always(openai.chat("one two three", after={1: gate}), path="/chat/completions")
    tab = talker.listen()

    started = [ids(talker.start(f"question {number}")) for number in range(8)]
    gate.open()

    for _, message_id in started:
        if not any(event["data"]["data"].get("done") for event in tab.of(message_id)):
            tab.until_done(message_id)
        assert tab.text_of(message_id) == "one two three"


# --- Answers without an end -------------------------------------------------------------------------------------------

EVENTS = {"Content-Type": "text/event-stream"}


def delta_frame(delta):
    return frame({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def endless(piece, *first, **more):
    return Reply(headers=EVENTS, steps=chain(first, repeat(piece)), **more)


def test_an_endless_answer_is_stopped_told_and_kept_up_to_the_bound(talker, upstream, settings):
    settings.CHAT_ANSWER_MAX_CHARACTERS = 100_000
    words = delta_frame({"content": "word " * 200})
    upstream.script(endless(words))
    tab = talker.listen()

    chat_id, message_id = ids(talker.start())
    done = tab.until_done(message_id)

    assert (done["status"], done["error"]["code"]) == ("failed", "answer_too_long")
    assert upstream.chats[0].closed.wait(10)
    saved = talker.message(chat_id, message_id)
    assert saved["content"] == tab.text_of(message_id) == "word " * 20_000
    assert max(len(event["data"]["data"].get("content", "")) for event in tab.of(message_id)) <= 2**15


def test_a_frame_without_an_end_costs_its_bound_and_keeps_the_text(talker, upstream, monkeypatch):
    monkeypatch.setattr("providers.upstream.sse.LONGEST_WITH_PICTURES", 2**20)
    upstream.script(endless(b"x" * 2**16, delta_frame({"content": "Blue."}), b"data: "))
    tab = talker.listen()

    chat_id, message_id = ids(talker.start())
    done = tab.until_done(message_id)

    assert (done["status"], done["error"]["code"]) == ("failed", "answer_too_large")
    assert upstream.chats[0].closed.wait(10)
    assert talker.message(chat_id, message_id)["content"] == "Blue."
    assert upstream.chats[0].sent < 8 * 2**20


def test_an_error_without_an_end_is_read_up_to_its_bound(talker, upstream):
    upstream.script(Reply(500, {"Content-Type": "text/plain"}, steps=chain([b"out of memory "], repeat(b"x" * 2**16))))
    tab = talker.listen()

    _chat_id, message_id = ids(talker.start())
    done = tab.until_done(message_id)

    assert done["error"]["provider"].startswith("out of memory")
    assert upstream.chats[0].closed.wait(10)


def test_a_task_without_an_end_harms_no_answer(talker, upstream):
    upstream.answer("Blue.")
    upstream.script(
        Reply(headers={"Content-Type": "application/json"}, steps=chain([b'{"a": "'], repeat(b"x" * 2**16)))
    )
    tab = talker.listen()

    _chat_id, message_id = ids(talker.start())
    assert tab.until_done(message_id)["status"] == "done"

    task = upstream.wait_for("/chat/completions", count=2)
    assert task.closed.wait(10)
