"""Tools: the contract of every tool, and parsing the tool calls of real servers."""

import json
import re

import jsonschema
import pytest

from chat import tools
from chat.answers.calls import CallReader, arguments_in
from chat.pipeline import CompletionRequest, Turn
from chat.tools import Rounds
from providers.callers import caller_for_user

SPARE = [f"tests.chat.spare_tools.{name}" for name in ("Weather", "AlicesOwn", "Broken", "Failing", "WithToggle")]


@pytest.fixture
def everything(settings):
    settings.CHAT_TOOLS = [*settings.CHAT_TOOLS, *SPARE]
    return tools.tools()


class Silent:
    async def emit(self, type, data):
        pass


@pytest.fixture
def turn(alice):
    messages = [{"role": "user", "content": "Hi"}]
    return Turn(CompletionRequest(caller_for_user(alice), model="m1", messages=messages), Silent())


def asked(name, arguments):
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


# --- the contract -----------------------------------------------------------------------------------------------------


def test_names_descriptions_and_schemas_are_what_models_take(everything):
    assert len({one.name for one in everything}) == len(everything)
    for one in everything:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", one.name), one.name
        assert 10 < len(one.description) < 1000, one.name
        assert one.parameters["type"] == "object", one.name
        assert set(one.parameters.get("required", ())) <= set(one.parameters["properties"]), one.name
        jsonschema.Draft202012Validator.check_schema(one.parameters)
        json.dumps(one.function())
        assert str(one.label)


@pytest.mark.django_db
def test_each_tool_says_who_may_use_it(everything, alice, bob):
    for one in everything:
        assert one.may_use(caller_for_user(alice)) in (True, False), one.name
    [own] = [one for one in everything if one.name == "alices_own"]
    assert own.may_use(caller_for_user(alice))
    assert not own.may_use(caller_for_user(bob))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("arguments", ["", "{", "[1]", '"text"', "{}", '{"prompt": 5, "place": 5, "image": []}'])
async def test_bad_arguments_are_answered_with_words(everything, turn, arguments):
    rounds = Rounds(turn, everything)
    for number, one in enumerate(everything[:5], start=1):
        assert await rounds.run(asked(one.name, arguments))
        told = turn.messages[-1]
        assert told["role"] == "tool"
        assert told["content"]
        assert len(turn.messages) == 1 + 2 * number


def test_a_path_that_leads_nowhere_is_said(settings):
    settings.CHAT_TOOLS = ["tests.chat.spare_tools.Gone"]
    with pytest.raises(ImportError):
        tools.tools()


# --- calls out of answers ---------------------------------------------------------------------------------------------


def read(*deltas):
    reader = CallReader()
    for delta in deltas:
        reader.take(delta)
    return [(call.name, arguments_in(call.arguments)) for call in reader.end()], reader


def part(name=None, arguments=None, **more):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"tool_calls": [{**more, "function": function}]}


@pytest.mark.parametrize(
    "deltas",
    [
        [part("f", "", index=0, id="a"), part(None, '{"x":', index=0), part(None, " 1}", index=0)],
        [part("f", '{"x": 1}', index=0, id="a")],
        [part("f", '{"x": 1}')],
        [part("f", {"x": 1}, id="a")],
        [part("f", '"{\\"x\\": 1}"', id="a")],
        [part("f", '{"x":', id="a"), part("f", " 1}", id="a")],
        [part("f", '{"x":', index=0), part("f", " 1}", index=0)],
        [part("f", ""), part(None, '{"x": 1}')],
        [part("f", '{"x": 1, "y": null}', index=0, id="")],
        [{"tool_calls": {"function": {"name": "f", "arguments": '{"x": 1}'}}}],
        [{"function_call": {"name": "f", "arguments": '{"x":'}}, {"function_call": {"arguments": " 1}"}}],
    ],
)
def test_one_call_is_read_in_whatever_form_it_comes(deltas):
    found, reader = read(*deltas)
    assert found == [("f", {"x": 1})]
    assert reader.calls[0].id


@pytest.mark.parametrize(
    "deltas",
    [
        [part("f", "", index=0, id="a"), part("g", "", index=1, id="b"), part(None, "{}", index=0)],
        [part("f", "{}", id="a"), part("g", "{}", id="b")],
        [part("f", "{}", index=0, id="a"), part("g", "{}", index=0, id="b")],
        [part("f", "{}"), part("g", "{}")],
        [{"tool_calls": [part("f", {})["tool_calls"][0], part("g", {})["tool_calls"][0]]}],
        [part("f", "{}", index=0, id="same"), part("g", "{}", index=1, id="same")],
    ],
)  # fmt: skip
def test_several_calls_are_told_apart(deltas):
    found, reader = read(*deltas)
    assert found == [("f", {}), ("g", {})]
    assert len({call.id for call in reader.calls}) == 2


@pytest.mark.parametrize("delta", [{"tool_calls": 5}, {"tool_calls": ["x", None]}, {"function_call": "f"}, {}])
def test_nonsense_is_no_call(delta):
    assert read(delta)[0] == []


def test_what_a_server_wants_to_see_again_goes_back_with_the_calls():
    sign = {"google": {"thought_signature": "abc"}}
    _found, reader = read(
        {"reasoning_content": "Let me ", "reasoning_details": [{"type": "a"}]},
        {"reasoning_content": "see.", "reasoning_details": [{"type": "b"}]},
        part("f", "{}", index=0, id="a", extra_content=sign),
    )
    assert reader.message("One moment.") == {
        "role": "assistant",
        "content": "One moment.",
        "reasoning_content": "Let me see.",
        "reasoning_details": [{"type": "a"}, {"type": "b"}],
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": sign}
        ],
    }
