"""The table of translations: every form can be asked of every other one, and says the same there and back."""

from itertools import permutations
from typing import Any

import orjson
import pytest

from providers.dialects.dialect import Dialect
from providers.dialects.table import TRANSLATIONS
from providers.dialects.translation import AskedModel, ClientRequest
from providers.errors import ProviderError
from providers.relay.operations import BY_DIALECT
from providers.upstream import kinds, sse

ASKED: dict[Dialect, dict[str, Any]] = {
    Dialect.CHAT: {"model": "m1", "messages": [{"role": "user", "content": "Why?"}]},
    Dialect.MESSAGES: {"model": "m1", "max_tokens": 9, "messages": [{"role": "user", "content": "Why?"}]},
    Dialect.RESPONSES: {"model": "m1", "input": "Why?"},
}
ANSWERED: dict[Dialect, dict[str, Any]] = {
    Dialect.CHAT: {
        "choices": [{"message": {"content": "So."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    },
    Dialect.MESSAGES: {
        "content": [{"type": "text", "text": "So."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 7, "output_tokens": 2},
    },
    Dialect.RESPONSES: {
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "So."}]}],
        "usage": {"input_tokens": 7, "output_tokens": 2},
    },
}
STREAMED: dict[Dialect, list[dict[str, Any]]] = {
    Dialect.CHAT: [
        {"choices": [{"delta": {"content": "So."}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": ANSWERED[Dialect.CHAT]["usage"]},
    ],
    Dialect.MESSAGES: [
        {"type": "message_start", "message": {"usage": {"input_tokens": 7}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "So."}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ],
    Dialect.RESPONSES: [
        {"type": "response.created", "response": {}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "So."},
        {"type": "response.completed", "response": ANSWERED[Dialect.RESPONSES]},
    ],
}
every = pytest.mark.parametrize(("asked", "spoken"), list(permutations(Dialect, 2)), ids=lambda form: form.name)


def test_every_form_can_be_asked_of_every_other_one() -> None:
    assert TRANSLATIONS.keys() == set(permutations(Dialect, 2))
    assert BY_DIALECT.keys() == set(Dialect)
    assert all(operation.dialect is dialect for dialect, operation in BY_DIALECT.items())
    assert {dialect for kind in kinds.KINDS.values() for dialect in kind.dialects} == set(Dialect)


def words(form: Dialect, value: dict[str, Any]) -> tuple[str, int, int]:
    """Text and tokens of an answer in this form."""
    match form:
        case Dialect.CHAT:
            usage = value["usage"]
            return value["choices"][0]["message"]["content"], usage["prompt_tokens"], usage["completion_tokens"]
        case Dialect.MESSAGES:
            text = value["content"][0]["text"]
        case Dialect.RESPONSES:
            text = value["output"][0]["content"][0]["text"]
    return text, value["usage"]["input_tokens"], value["usage"]["output_tokens"]


@every
def test_requests_and_answers_say_the_same_in_both_forms(asked: Dialect, spoken: Dialect) -> None:
    row = TRANSLATIONS[asked, spoken]
    assert row.dialect is spoken
    body = row.request(ASKED[asked], AskedModel("m1"))
    assert body["model"] == "m1"
    assert b"Why?" in orjson.dumps(body)
    answer = row.answer(ANSWERED[spoken], ClientRequest(ASKED[asked], "m1", 1))
    assert words(asked, answer) == ("So.", 7, 2)
    for wrong in ({}, [], None, "text"):
        with pytest.raises(ProviderError):
            row.answer(wrong, ClientRequest(ASKED[asked], "m1", 1))


def played(asked: Dialect, spoken: Dialect, events: list[dict[str, Any]], done: bool = True) -> list[Any]:
    body = {**ASKED[asked], "stream": True, "stream_options": {"include_usage": True}}
    stream = TRANSLATIONS[asked, spoken].stream(ClientRequest(body, "m1", 1))
    pieces = [piece for event in events for piece in stream.take(event.get("type", ""), orjson.dumps(event).decode())]
    if done and spoken is Dialect.CHAT:
        pieces += stream.take("", "[DONE]")
    pieces += stream.end()
    return [
        frame.data if frame.is_done else orjson.loads(frame.data) for frame in sse.Splitter().feed(b"".join(pieces))
    ]


@every
def test_a_stream_is_translated_and_translated_back(asked: Dialect, spoken: Dialect) -> None:
    there = played(asked, spoken, STREAMED[spoken])
    assert b"So." in orjson.dumps(there)
    back = played(spoken, asked, [event for event in there if event != "[DONE]"])
    assert b'"So."' in orjson.dumps(back)
    assert max(numbers(back)) >= 7  # the usage came along


def numbers(value: Any) -> list[int]:
    match value:
        case dict():
            return [number for inner in value.values() for number in numbers(inner)]
        case list():
            return [number for inner in value for number in numbers(inner)]
        case int() if not isinstance(value, bool):
            return [value]
    return [0]


@every
def test_a_stream_without_its_end_is_an_error(asked: Dialect, spoken: Dialect) -> None:
    with pytest.raises(ProviderError) as cut:
        played(asked, spoken, STREAMED[spoken][: 2 if spoken is Dialect.RESPONSES else 1], done=False)
    assert (cut.value.code, cut.value.retryable) == ("cut_off", True)
