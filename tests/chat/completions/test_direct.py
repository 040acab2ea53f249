"""`POST /api/chat/completions` without a chat: the provider's bytes, the site's tools, pictures by models."""

import base64
import json
import threading

import pytest

from chat.files import stores
from chat.models import Chat, ChatSettings, File, Message
from chat.tools import rounds
from providers.models import ChatModel
from tests.chat.spare_tools import Slow
from tests.chat.talk import PATIENCE, Talker
from tests.upstream.openai import chat, error
from tests.upstream.pictures import png
from tests.upstream.replies import frame, in_json, sse

ADDRESS = "/api/chat/completions"
QUESTION = {"model": "m1", "messages": [{"role": "user", "content": "Umbrella?"}]}
PARIS = {"name": "get_weather", "arguments": {"place": "Paris"}}
RED = png(8, 8)
ASKED = {"stream_options": {"include_usage": True}}
PICTURE = f"data:image/png;base64,{base64.b64encode(RED).decode()}"


@pytest.fixture
def talker(site, alice, connection, api_key, settings, tmp_path):
    settings.CHAT_TOOLS = ["tests.chat.spare_tools.Weather", "tests.chat.spare_tools.Slow"]
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    ChatSettings.objects.update_or_create(pk=1, defaults={"tools": True})
    ChatModel.objects.update(tools=True)
    talker = Talker(site, key=api_key)
    talker.user = alice
    return talker


@pytest.fixture
def answer(alice):
    """An answer of Alice's that a request may name."""
    chat = Chat.objects.create(user=alice)
    return Message.objects.create(chat=chat, role="assistant")


def post(talker, **more):
    return talker.session.post(f"{talker.site.url}{ADDRESS}", json={**QUESTION, **more}, timeout=PATIENCE)


def chunks_of(answer):
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"], lines[-1] == "[DONE]"


def named(answer):
    return {"chat_id": str(answer.chat_id), "id": str(answer.pk)}


class TestWithTools:
    def test_a_stream_is_one_answer_without_our_calls(self, talker, site, api_key, upstream):
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        upstream.answer("Let me look.", tool_calls=[PARIS], id="chatcmpl-1", usage=usage)
        upstream.answer("Take one.", id="chatcmpl-2", usage=usage)

        chunks, done = chunks_of(post(talker, stream=True, **ASKED))

        deltas = [choice for chunk in chunks for choice in chunk["choices"]]
        assert "".join(one["delta"].get("content") or "" for one in deltas) == "Let me look.\n\nTake one."
        assert not any("tool_calls" in one["delta"] for one in deltas)
        assert [one["finish_reason"] for one in deltas if one["finish_reason"]] == ["stop"]
        assert {chunk["id"] for chunk in chunks} == {"chatcmpl-1"}
        assert chunks[-1]["usage"] == {"prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10}
        assert done
        assert upstream.chats[1].json["messages"][-1]["content"] == "It is raining in Paris."
        assert upstream.chats[1].json["stream"] is True

    def test_a_client_that_asks_for_no_usage_gets_none(self, talker, upstream):
        upstream.answer("Let me look.", tool_calls=[PARIS])
        upstream.answer("Take one.")

        chunks, done = chunks_of(post(talker, stream=True))

        assert not any("usage" in chunk for chunk in chunks)
        assert done
        assert [one.json["stream_options"] for one in upstream.chats] == [ASKED["stream_options"]] * 2

    def test_a_character_in_two_frames_stays_one(self, talker, upstream):
        deltas = ({"content": "a\ud83d"}, {"content": "\ude00b"}, {"content": ""})
        ends = (None, None, "stop")
        texts = [
            json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": end}]})
            for delta, end in zip(deltas, ends, strict=True)
        ]
        upstream.script(sse(*texts))
        chunks, _done = chunks_of(post(talker, stream=True))
        assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "a😀b"

    def test_an_answer_in_one_piece_too(self, talker, upstream):
        usage = {"total_tokens": 5}
        upstream.answer("Let me look.", tool_calls=[PARIS], usage=usage)
        upstream.answer("Take one.", usage=usage)

        answer = post(talker).json()

        [choice] = answer["choices"]
        assert choice["message"]["content"] == "Let me look.\n\nTake one."
        assert "tool_calls" not in choice["message"]
        assert choice["finish_reason"] == "stop"
        assert answer["usage"] == {"total_tokens": 10}

    @pytest.mark.parametrize("asked", [{}, ASKED], ids=["without usage", "with usage"])
    def test_a_stream_without_calls_is_passed_on(self, talker, upstream, asked):
        upstream.answer("Take one.")

        answer = post(talker, stream=True, **asked)

        expected = chat("Take one.", usage=bool(asked))(upstream.last)  # the relay asks for the usage in any case
        assert answer.text == b"".join(expected.steps).decode()

    def test_a_call_and_its_text_in_one_frame_are_both_seen_to(self, talker, upstream):
        call = {"function": {"name": "get_weather", "arguments": {"place": "Paris"}}}
        delta = {"content": "Let me look.", "tool_calls": [call]}
        upstream.script(sse({"choices": [{"delta": delta, "finish_reason": "tool_calls"}]}), path="/chat/completions")
        upstream.answer("Take one.", ignore_stream=True)

        chunks, _done = chunks_of(post(talker, stream=True))

        deltas = [choice for chunk in chunks for choice in chunk["choices"]]
        assert "".join(one["delta"].get("content") or "" for one in deltas) == "Let me look.\n\nTake one."
        assert [one["finish_reason"] for one in deltas if one["finish_reason"]] == ["stop"]

    @pytest.mark.parametrize("stream", [True, False])
    def test_a_model_that_never_stops_calling_is_stopped(self, talker, upstream, stream):
        upstream.always(chat("Again.", tool_calls=[PARIS]), path="/chat/completions")

        answer = post(talker, stream=stream)

        assert len(upstream.chats) == rounds.MAX_ROUNDS
        assert answer.text.count("Again.") == rounds.MAX_ROUNDS
        if stream:
            chunks, done = chunks_of(answer)
            assert done
            assert [one["finish_reason"] for chunk in chunks for one in chunk["choices"]][-1] == "stop"
        else:
            assert answer.json()["choices"][0]["finish_reason"] == "stop"

    def test_tools_of_the_programs_own_are_its_business(self, talker, upstream):
        own = [{"type": "function", "function": {"name": "get_weather", "parameters": {}}}]
        upstream.answer(None, tool_calls=[PARIS])

        answer = post(talker, tools=own).json()

        assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get_weather"
        assert [one.json["tools"] for one in upstream.chats] == [own]

    def test_several_choices_are_left_alone(self, talker, upstream):
        upstream.answer("One.")

        post(talker, n=2)

        assert "tools" not in upstream.last.json

    def test_status_lines_go_to_the_socket_of_the_message_that_is_named(self, talker, upstream, answer):
        upstream.answer(None, tool_calls=[PARIS])
        upstream.answer("Take one.")
        tab = talker.listen()

        post(talker, stream=True, **named(answer))
        tab.wait_for(lambda event: event["data"]["data"].get("done"))

        assert [event["data"]["data"]["description"] for event in tab.of(str(answer.pk))] == [
            "Looking outside",
            "Looked outside",
        ]

    @pytest.mark.parametrize("stream", [True, False])
    def test_a_provider_that_refuses_tools_is_called_without(self, talker, upstream, stream):
        upstream.script(error(400, "m1 does not support tools"), path="/chat/completions")
        upstream.answer("Without.")
        upstream.answer("Again.")

        first, second = post(talker, stream=stream), post(talker, stream=stream)

        assert (first.status_code, second.status_code) == (200, 200)
        assert "Without." in first.text
        assert ["tools" in one.json for one in upstream.chats] == [True, False, False]

    def test_another_error_passes_through_unchanged(self, talker, upstream):
        refusal = error(429, "slow", code="rate_limit_exceeded", headers={"Retry-After": "7"})
        upstream.script(refusal, path="/chat/completions")

        answer = post(talker, stream=True)

        assert (answer.status_code, answer.headers["Retry-After"], answer.content) == (429, "7", refusal.body)

    def test_an_error_of_a_later_round_ends_the_stream_in_words(self, talker, upstream):
        upstream.answer("Let me look.", tool_calls=[PARIS])
        upstream.script(error(400, "The conversation is too long."), path="/chat/completions")

        chunks, done = chunks_of(post(talker, stream=True))

        assert "The conversation is too long." in chunks[-1]["error"]["message"]
        assert not done

    def test_calls_before_an_error_are_not_run(self, talker, upstream):
        call = {"function": {"name": "get_weather", "arguments": '{"place": "Paris"}'}}
        upstream.script(
            sse({"choices": [{"delta": {"tool_calls": [call]}}]}, {"error": {"message": "overloaded"}}),
            path="/chat/completions",
        )

        chunks, _done = chunks_of(post(talker, stream=True))

        assert chunks[-1]["error"]["message"] == "overloaded"
        assert len(upstream.chats) == 1

    def test_and_the_whole_answer_is_that_error(self, talker, upstream):
        upstream.answer("Let me look.", tool_calls=[PARIS])
        upstream.script(error(400, "The conversation is too long."), path="/chat/completions")

        answer = post(talker)

        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "The conversation is too long.")

    def test_a_client_that_leaves_stops_the_tool(self, talker, upstream):
        Slow.begun, Slow.cancelled = threading.Event(), threading.Event()
        upstream.answer("Wait.", tool_calls=[{"name": "slow", "arguments": {"place": "Paris"}}])
        body = {**QUESTION, "stream": True}
        answer = talker.session.post(f"{talker.site.url}{ADDRESS}", json=body, stream=True, timeout=PATIENCE)
        assert Slow.begun.wait(PATIENCE)

        answer.close()

        assert Slow.cancelled.wait(PATIENCE)
        assert len(upstream.chats) == 1


class TestPicturesOfTheModel:
    """Pictures by the model are stored, of any type and size; the bytes of the answer pass through unchanged."""

    @pytest.fixture(autouse=True)
    def _without_tools(self, talker):
        ChatModel.objects.update(tools=None)

    @pytest.mark.parametrize("stream", [True, False])
    def test_they_are_kept_with_the_message_that_is_named_and_told(self, talker, upstream, answer, stream):
        scripted = chat("Look:", images=[PICTURE])
        upstream.script(scripted, path="/chat/completions")
        tab = talker.listen()

        got = post(talker, stream=stream, **named(answer))

        # the relay asks for a stream's usage, for which this client has not asked
        reply = chat("Look:", images=[PICTURE], usage=not stream)(upstream.last)
        assert got.content == (b"".join(reply.steps) if stream else reply.body)
        event = tab.wait_for(lambda event: event["data"]["type"] == "files")
        assert event["message_id"] == str(answer.pk)
        [file] = event["data"]["data"]["files"]
        row = File.objects.get(pk=file["id"])
        assert (stores.read(row.storage_name), row.message_id, row.owner) == (RED, answer.pk, talker.user)

    def test_with_tools_on_offer_they_are_kept_too(self, talker, upstream, answer):
        ChatModel.objects.update(tools=True)
        upstream.answer("Look:", images=[PICTURE])

        got = post(talker, stream=True, **named(answer))

        assert PICTURE in got.text
        assert File.objects.get().message_id == answer.pk

    def test_a_request_that_names_no_message_keeps_none(self, talker, upstream):
        upstream.answer("Look:", images=[PICTURE])

        assert PICTURE in post(talker, stream=True).text

        assert not File.objects.exists()

    def test_a_frame_of_tens_of_megabytes_is_kept_and_passed_on(self, talker, upstream, answer):
        from io import BytesIO

        from PIL import Image

        out = BytesIO()
        Image.effect_noise((4600, 4600), 90).save(out, "PNG", compress_level=0)
        url = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
        said = {"choices": [{"delta": {"images": [{"image_url": {"url": url}}]}, "finish_reason": "stop"}]}
        reply = sse(said)
        upstream.script(reply, path="/chat/completions")

        got = post(talker, stream=True, **named(answer))

        assert len(got.content) == sum(map(len, reply.steps)) > 25 * 2**20
        assert File.objects.get().size == len(out.getvalue())

    @pytest.mark.parametrize("body", [b'data: {nonsense "image\n\n', frame({"images": 5, "choices": [{"delta": 5}]})])
    def test_what_is_no_picture_passes_through(self, talker, upstream, answer, body):
        upstream.script(sse(body), path="/chat/completions")

        got = post(talker, stream=True, **named(answer))

        assert got.content == body + b"data: [DONE]\n\n"

    def test_an_answer_that_is_no_answer_passes_through(self, talker, upstream, answer):
        upstream.script(in_json(["image"]), path="/chat/completions")

        assert post(talker, **named(answer)).json() == ["image"]


class TestWithoutAnEnd:
    """Answers that are longer than this site looks into."""

    def test_a_frame_that_is_too_long_to_be_looked_at_is_passed_on(self, talker, upstream, answer, monkeypatch):
        monkeypatch.setattr("providers.upstream.sse.LONGEST_WITH_PICTURES", 10_000)
        monkeypatch.setattr("providers.upstream.sse.LONGEST_PICTURE", 20_000)
        ChatModel.objects.update(tools=False)
        long = frame({"choices": [{"index": 0, "delta": {"images": [{"image_url": {"url": PICTURE + "A" * 20_000}}]}}]})
        body = long + frame({"choices": [{"index": 0, "delta": {"content": "Blue."}, "finish_reason": "stop"}]})
        upstream.script(sse(body))
        got = post(talker, stream=True, **named(answer), features={})
        assert got.content == body + b"data: [DONE]\n\n"
        assert File.objects.count() == 0

    def test_an_answer_that_is_too_long_to_be_held_is_passed_on(self, talker, upstream, answer, monkeypatch):
        monkeypatch.setattr("chat.completions.direct.MAX_BODY", 10_000)
        ChatModel.objects.update(tools=False)
        whole = {"choices": [{"message": {"content": "x" * 200_000, "images": [{"image_url": {"url": PICTURE}}]}}]}
        upstream.script(in_json(whole))
        assert post(talker, **named(answer)).json() == whole
        assert File.objects.count() == 0
