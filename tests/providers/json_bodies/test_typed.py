"""JSON that people type: its depth, numbers and characters are bounded, and the error says what is wrong."""

import json

import pytest
from django import forms

from providers.json_bodies import MAX_DEPTH, RefusedJSON, TypedJSON, TypedJSONField

REFUSED = {
    "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1): "nested too deeply",
    "[" * 1020 + "]" * 1020: "nested too deeply",
    "[" * 100_000 + "]" * 100_000: "nested too deeply",
    "[" * 100_000: "nested too deeply",
    '{"a":' * 5000 + "1" + "}" * 5000: "nested too deeply",
    "NaN": "a number that",
    '{"a": -Infinity}': "a number that",
    "[1e400]": "a number that",
    f"[{2**64}]": "a number that",
    "[" + "9" * 5000 + "]": "a number that",
    r'{"a\u0000": 1}': "characters that cannot be stored",
    r'["\ud83d"]': "characters that cannot be stored",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_json_that_cannot_be_stored_is_refused_with_its_reason(text):
    with pytest.raises(RefusedJSON) as refused:
        json.loads(text, cls=TypedJSON)
    assert REFUSED[text] in str(refused.value.msg)
    field = TypedJSONField()
    with pytest.raises(forms.ValidationError, match=REFUSED[text]):
        field.clean(text)
    assert field.bound_data(text, None) == text  # what a form shows again
    assert field.has_changed({}, text)


@pytest.mark.parametrize("text", ["", "{", "nothing", "[1,]", '{"a": 1}}'])
def test_what_is_no_json_is_said_to_be_none(text):
    with pytest.raises(json.JSONDecodeError) as refused:
        json.loads(text, cls=TypedJSON)
    assert not isinstance(refused.value, RefusedJSON)


@pytest.mark.parametrize(
    "value", [{"a": [1.5, -(2**63), 2**64 - 1, "é 😀", None, True]}, json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)]
)
def test_other_json_is_read_as_it_is(value):
    assert json.loads(json.dumps(value), cls=TypedJSON) == value
    assert TypedJSONField().clean(json.dumps(value)) == value


def test_a_reader_may_have_a_value_for_nan():
    assert json.loads('{"a": NaN}', cls=TypedJSON, parse_constant=lambda name: None) == {"a": None}
