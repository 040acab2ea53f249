"""Rounds of tool calls: offers, results, the bound on rounds, status lines, and answers despite failing tools."""

import json
import threading

import pytest

from chat.models import ChatSettings
from chat.tools import rounds
from providers.models import ChatModel
from tests.chat.spare_tools import Slow
from tests.chat.talk import PATIENCE, Talker
from tests.upstream.openai import chat, error
from tests.upstream.replies import Reply, sse

EVENTS = "text/event-stream"
HERE = "tests.chat.spare_tools"
PARIS = {"name": "get_weather", "arguments": {"place": "Paris"}}
ROME = {"name": "get_weather", "arguments": {"place": "Rome"}}


@pytest.fixture
def use(settings):
    """`use("Weather", "Slow")`: these tools."""

    def choose(*names):
        settings.CHAT_TOOLS = [f"{HERE}.{name}" for name in names]

    choose("Weather")
    return choose


@pytest.fixture
def talker(site, alice, connection, use, settings):
    settings.CHAT_PIPELINE = []
    ChatSettings.objects.update_or_create(pk=1, defaults={"titles": False, "follow_ups": False})
    ChatModel.objects.update(tools=True)
    return Talker(site, alice)


def reply(talker, content="Umbrella?", **more):
    tab = talker.listen()
    started = talker.start(content, **more)
    tab.until_done(started["message"]["id"])
    return tab, talker.message(started["chat"]["id"], started["message"]["id"])


def answers(upstream):
    """The bodies of the calls for answers; titles are asked for by calls of their own."""
    return [one.json for one in upstream.chats if one.json.get("stream")]


def as_bytes(body, stream):
    return f"data: {body}\n\ndata: [DONE]\n\n".encode() if stream else body.encode()


def told(body):
    return [one["content"] for one in body["messages"] if one["role"] == "tool"]


class TestACall:
    def test_it_is_run_shown_and_answered(self, talker, upstream):
        upstream.answer("Let me look.", tool_calls=[PARIS])
        upstream.answer("Take one.")

        tab, message = reply(talker)

        first, second = answers(upstream)
        assert [one["function"]["name"] for one in first["tools"]] == ["get_weather"]
        assert "tool_choice" not in first
        asked, result = second["messages"][-2:]
        assert asked["content"] == "Let me look."
        assert json.loads(asked["tool_calls"][0]["function"]["arguments"]) == {"place": "Paris"}
        assert result == {
            "role": "tool",
            "tool_call_id": asked["tool_calls"][0]["id"],
            "content": "It is raining in Paris.",
        }
        assert message["content"] == "Let me look.\n\nTake one."
        assert tab.text_of(message["id"]) == message["content"]
        assert message["status_history"] == [
            {"description": "Looking outside", "done": True},
            {"description": "Looked outside", "done": True},
        ]
        assert message["status"] == "done"

    def test_several_at_once_are_all_run_and_usage_is_summed(self, talker, upstream):
        upstream.answer(None, tool_calls=[PARIS, ROME], usage={"total_tokens": 5, "details": {"cached": 1}})
        upstream.answer("Twice.", usage={"total_tokens": 7, "details": {"cached": 2}})

        _tab, message = reply(talker)

        assert told(answers(upstream)[1]) == ["It is raining in Paris.", "It is raining in Rome."]
        assert message["content"] == "Twice."
        assert message["usage"] == {"total_tokens": 12, "details": {"cached": 3}}

    @pytest.mark.parametrize(
        "call",
        [
            sse({"choices": [{"delta": {"tool_calls": [{"function": PARIS}]}, "finish_reason": "stop"}]}),
            chat(None, tool_calls=[PARIS], ignore_stream=True),
            chat(None, tool_calls=[PARIS], finish="function_call"),
            chat(None, tool_calls=[PARIS], finish="length"),
        ],
        ids=["whole, without id, finished by stop", "not streamed", "another finish", "complete at the limit"],
    )
    def test_servers_differ_in_how_they_call(self, talker, upstream, call):
        upstream.script(call, path="/chat/completions")
        upstream.answer("Take one.")

        _tab, message = reply(talker)

        assert told(answers(upstream)[1]) == ["It is raining in Paris."]
        assert (message["content"], message["follow_ups"]) == ("Take one.", [])

    @pytest.mark.parametrize("stream", [True, False], ids=["streamed", "in one piece"])
    @pytest.mark.parametrize(
        ("more", "arguments", "place"),
        [
            ({}, r'{"place": "Par\ud83d"}', "Par\N{REPLACEMENT CHARACTER}"),
            ({}, r'{"place": "Par\u0000is"}', "Paris"),
            ({}, '{"place": "Paris\ud83d"}', "Paris\N{REPLACEMENT CHARACTER}"),
            ({}, '{"place": "Pa\nris"}', "Pa\nris"),
            ({}, '{"place": "Paris", "days": NaN}', "Paris"),
            ({"id": "call-\ud83d"}, '{"place": "Paris"}', "Paris"),
            ({"id": "call-\x00"}, '{"place": "Paris"}', "Paris"),
            ({"signature": "\udc00"}, '{"place": "Paris"}', "Paris"),
        ],
    )
    def test_what_no_json_can_say_is_cleaned_in_calls(self, talker, upstream, stream, more, arguments, place):
        call = {**more, "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
        details = [{"type": "reasoning.text", "text": "Half a pair: \ud83d"}]
        message = {"tool_calls": [call], "reasoning_details": details, "reasoning_content": "\ude00?"}
        choice = {"delta" if stream else "message": message, "finish_reason": "tool_calls"}
        body = json.dumps({"choices": [choice]})  # with escapes, as providers write halves of pairs
        upstream.script(
            Reply(200, {"Content-Type": EVENTS if stream else "application/json"}, as_bytes(body, stream)),
            path="/chat/completions",
        )
        upstream.answer("Take one.")

        _tab, answer = reply(talker)

        assert (answer["status"], answer["content"]) == ("done", "Take one.")
        *_before, asked, result = answers(upstream)[1]["messages"]
        assert result["content"] == f"It is raining in {place}."
        assert result["tool_call_id"] == asked["tool_calls"][0]["id"]
        assert asked["reasoning_details"][0]["text"] == "Half a pair: \N{REPLACEMENT CHARACTER}"

    def test_the_older_form_is_answered_in_the_older_form(self, talker, upstream):
        call = {"name": "get_weather", "arguments": '{"place": "Paris"}'}
        upstream.script(
            sse({"choices": [{"delta": {"function_call": call}, "finish_reason": "function_call"}]}),
            path="/chat/completions",
        )
        upstream.answer("Take one.")

        reply(talker)

        assert answers(upstream)[1]["messages"][-2:] == [
            {"role": "assistant", "content": None, "function_call": call},
            {"role": "function", "name": "get_weather", "content": "It is raining in Paris."},
        ]

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            ({"name": "gone", "arguments": {}}, "no tool called 'gone'"),
            ({"name": "get_weather", "arguments": '{"place": "Par'}, "complete JSON object"),
            ({"name": "get_weather", "arguments": {}}, "place is missing"),
        ],
    )
    def test_a_call_that_cannot_be_run_is_told_to_the_model_alone(self, talker, upstream, call, words):
        upstream.answer(None, tool_calls=[call])
        upstream.answer("Anyway.")

        _tab, message = reply(talker)

        assert words in told(answers(upstream)[1])[0]
        assert (message["status"], message["content"], message["status_history"]) == ("done", "Anyway.", [])

    @pytest.mark.parametrize(
        ("tool", "words", "line"),
        [
            ("Failing", "no clouds today", "Could not look outside"),
            ("Broken", "Something went wrong on this site.", "Looking outside"),
        ],
    )
    def test_a_tool_that_fails_is_told_to_both_and_the_conversation_goes_on(
        self, talker, upstream, use, tool, words, line
    ):
        use(tool)
        upstream.answer(None, tool_calls=[{"name": tool.lower(), "arguments": {"place": "Paris"}}])
        upstream.answer("Anyway.")

        _tab, message = reply(talker)

        assert words in told(answers(upstream)[1])[0]
        last = message["status_history"][-1]
        assert (last["description"], last["done"], last["error"]) == (line, True, True)
        assert words in last["detail"]
        assert (message["status"], message["content"]) == ("done", "Anyway.")

    def test_stop_reaches_a_tool_at_work(self, talker, upstream, use):
        use("Slow")
        Slow.cancelled = threading.Event()
        upstream.answer("Wait.", tool_calls=[{"name": "slow", "arguments": {"place": "Paris"}}])
        tab = talker.listen()
        started = talker.start()
        tab.wait_for(lambda event: event["data"]["type"] == "status")

        tab.send({"type": "stop", "message_id": started["message"]["id"]})

        assert tab.until_done(started["message"]["id"])["status"] == "stopped"
        assert Slow.cancelled.wait(PATIENCE)
        assert talker.message(started["chat"]["id"], started["message"]["id"])["content"] == "Wait."
        assert len(upstream.chats) == 1


class TestItsBounds:
    def test_in_the_last_round_nothing_may_be_called_so_that_an_answer_comes(self, talker, upstream):
        upstream.always(chat(None, tool_calls=[PARIS]), path="/chat/completions")
        for _ in range(rounds.MAX_ROUNDS - 1):
            upstream.answer(None, tool_calls=[PARIS])
        upstream.answer("Enough.")

        _tab, message = reply(talker)

        bodies = answers(upstream)
        assert len(bodies) == rounds.MAX_ROUNDS
        assert [body.get("tool_choice") for body in bodies] == [None] * (rounds.MAX_ROUNDS - 1) + ["none"]
        assert message["content"] == "Enough."

    def test_a_server_that_calls_even_then_is_asked_without_any_tool(self, talker, upstream):
        for _ in range(rounds.MAX_ROUNDS):
            upstream.answer(None, tool_calls=[PARIS])
        upstream.answer("Enough.")

        _tab, message = reply(talker)

        assert "tools" not in answers(upstream)[-1]
        assert len(told(answers(upstream)[-1])) == rounds.MAX_ROUNDS - 1
        assert message["content"] == "Enough."

    def test_too_many_calls_at_once_are_not_all_run(self, talker, upstream):
        upstream.answer(None, tool_calls=[PARIS] * (rounds.MAX_CALLS + 2))
        upstream.answer("Wet.")

        reply(talker)

        results = told(answers(upstream)[1])
        assert results[rounds.MAX_CALLS :] == ["Not run: too many calls at once."] * 2
        assert results[: rounds.MAX_CALLS] == ["It is raining in Paris."] * rounds.MAX_CALLS

    def test_a_model_that_has_nothing_to_add_has_answered(self, talker, upstream):
        upstream.answer("Raining, I suppose.", tool_calls=[PARIS])
        upstream.answer("")

        _tab, message = reply(talker)

        assert (message["status"], message["content"]) == ("done", "Raining, I suppose.")


class TestWhoIsOffered:
    @pytest.mark.parametrize("known", [False, None])
    def test_a_model_of_which_it_is_not_known_is_offered_none(self, talker, upstream, known):
        ChatModel.objects.update(tools=known)
        upstream.answer("Take one.")

        reply(talker)

        assert "tools" not in answers(upstream)[0]

    def test_the_administrator_may_say_no(self, talker, upstream):
        ChatSettings.objects.update(tools=False)
        upstream.answer("Take one.")

        reply(talker)

        assert "tools" not in answers(upstream)[0]

    def test_a_tool_is_offered_to_those_who_may_use_it(self, site, talker, bob, upstream, use):
        use("AlicesOwn")
        upstream.answer("One.")
        upstream.answer("Two.")

        reply(talker)
        reply(Talker(site, bob))

        assert ["tools" in body for body in answers(upstream)] == [True, False]

    def test_a_tool_whose_toggle_is_on_is_not_offered(self, talker, upstream, use):
        use("WithToggle", "Weather")
        upstream.answer("One.")

        reply(talker, features={"weather": True})

        assert [one["function"]["name"] for one in answers(upstream)[0]["tools"]] == ["get_weather"]

    def test_parameters_with_tools_of_their_own_are_left_alone(self, talker, upstream):
        upstream.answer("One.")

        reply(talker, params={"tools": []})

        assert answers(upstream)[0]["tools"] == []

    @pytest.mark.parametrize(
        "refusal",
        [
            error(400, 'registry.ollama.ai/library/gemma3 does not support tools'),
            error(404, "No endpoints found that support tool use."),
            error(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
            sse({"error": {"message": "tools are not supported"}}),
        ],
    )  # fmt: skip
    def test_a_provider_that_refuses_tools_is_called_without_and_not_asked_again(self, talker, upstream, refusal):
        upstream.script(refusal, path="/chat/completions")
        upstream.answer("Without.")
        upstream.answer("Again.")

        _tab, message = reply(talker)
        reply(talker)

        assert (message["status"], message["content"]) == ("done", "Without.")
        assert ["tools" in body for body in answers(upstream)] == [True, False, False]

    @pytest.mark.parametrize(
        ("status", "words"),
        [(400, "The picture is too large."), (429, "Too many requests with tools."), (504, "The function timed out.")],
    )
    def test_another_refusal_is_shown_as_it_is(self, talker, upstream, status, words):
        upstream.script(error(status, words), path="/chat/completions")
        upstream.answer("Again.")

        _tab, message = reply(talker)
        reply(talker)

        assert message["error"]["provider"] == words
        assert ["tools" in body for body in answers(upstream)] == [True, True]
