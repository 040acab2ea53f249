"""Request bodies: reading, bytes passed on unchanged, and properties that hold for any body."""

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import BadRequest
from providers.relay import payload
from providers.relay.operations import CHAT, EMBEDDINGS, RESPONSES
from tests.providers.facts import ALICE, JSON, connection_to, rewritten, route_to

OPENAI = "https://api.openai.com/v1"

# --- what is read -----------------------------------------------------------------------------------------------------


def checked(body: bytes) -> dict[str, Any]:
    """The body of a chat, read and checked as a call does it."""
    value, _raw = payload.read(CHAT, body)
    CHAT.check(value)
    return value


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[1]", None),
        (b'"text"', None),
        (b'{"a":1e400}', None),
        (b"\xff", None),
        (b"[" * 5000, None),
        (b'{"messages":[{}]}', "model"),
        (b'{"model":7,"messages":[{}]}', "model"),
        (b'{"model":"","messages":[{}]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b'{"model":"m","messages":null}', "messages"),
        (b'{"model":"m","messages":"hi"}', "messages"),
        (b'{"model":"m","messages":{"a":1}}', "messages"),
        (b'{"model":"m","messages":["hi"]}', "messages"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_by_name(body: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as refused:
        checked(body)
    assert refused.value.param == param


def test_only_a_chat_needs_messages() -> None:
    assert payload.read(EMBEDDINGS, b'{"model":"m","input":"x"}')[0] == {"model": "m", "input": "x"}
    assert payload.read(RESPONSES, b'{"model":"m"}')[0] == {"model": "m"}


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    with contextlib.suppress(BadRequest):
        assert checked(body)["model"]


# --- what is left alone -----------------------------------------------------------------------------------------------

RULED = {"model", "messages", "max_tokens", "max_completion_tokens", "logit_bias"}


@given(st.dictionaries(st.text(max_size=10).filter(lambda name: name not in RULED), JSON, max_size=6))
def test_a_body_without_a_rule_goes_on_as_the_same_object(more: dict[str, Any]) -> None:
    route = route_to(connection_to())
    body = {**more, "model": "m1", "messages": [{"role": "user", "content": "hi", "odd": more}]}
    assert payload.rewrite(CHAT, body, route=route, source=route.sources[0], caller=ALICE) is body


@given(
    st.dictionaries(st.text(max_size=10), JSON, max_size=6),
    st.sampled_from(["o3", "openai/gpt-5", "m1", "gpt-4o"]),
    st.sampled_from([OPENAI, "https://models.example/v1"]),
    st.sampled_from(["openai", "ollama"]),
)
def test_rules_never_change_what_they_are_given(more: dict[str, Any], model: str, base_url: str, kind: str) -> None:
    more.pop("logit_bias", None)
    route = route_to(connection_to(base_url, kind=kind), model, system_prompt="Be kind.", params={"top_p": 0.5})
    body = {"max_tokens": 5, **more, "model": "x", "messages": [{"role": "system", "content": "hi"}, {}]}
    before = orjson.dumps(body)
    payload.rewrite(CHAT, body, route=route, source=route.sources[0], caller=ALICE)
    assert orjson.dumps(body) == before


def test_the_public_id_becomes_the_upstream_id() -> None:
    assert rewritten({"model": "work.m1"}, route={"public_id": "work.m1"})["model"] == "m1"


def test_b11_an_id_that_holds_the_prefix_elsewhere_is_not_touched() -> None:
    assert (
        rewritten({}, model="proto1.mini", prefix_id="o1", route={"public_id": "o1.proto1.mini"})["model"]
        == "proto1.mini"
    )


async def test_what_json_cannot_say_is_the_callers_mistake() -> None:
    with pytest.raises(BadRequest):
        await payload.encode({"n": 2**70, "tools": [object()]}, None)


async def test_a_long_integer_survives_a_rule_that_rewrites_the_body() -> None:
    seed = 123456789012345678901234567890
    body, _raw = payload.read(CHAT, b'{"model": "work.m1", "messages": [{"role": "user"}], "seed": %d}' % seed)
    sent = await payload.encode(rewritten(body, route={"public_id": "work.m1"}), None)
    assert b'"seed":%d' % seed in sent
