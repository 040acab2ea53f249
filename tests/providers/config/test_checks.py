"""Checks of flat form members: accepted values, and errors that name the member."""

from typing import Any

import pytest
from hypothesis import given

from providers.config import checks
from providers.errors import BadRequest
from tests.providers.facts import JSON

CHECKS: dict[str, Any] = {
    "text": checks.text,
    "short text": lambda name, value: checks.text(name, value, limit=3),
    "flag": checks.flag,
    "texts": checks.texts,
    "mapping": checks.mapping,
    "choice": lambda name, value: checks.choice(name, value, ("a", "b")),
}


@pytest.mark.parametrize(
    ("check", "value", "result"),
    [
        ("text", " a ", "a"),
        ("text", None, ""),
        ("short text", " abc ", "abc"),
        ("flag", False, False),
        ("texts", ["a", " b", "a"], ["a", "b"]),
        ("texts", None, []),
        ("mapping", {"a": 1}, {"a": 1}),
        ("choice", "b", "b"),
    ],
)
def test_what_is_right_is_returned_tidied(check: str, value: Any, result: Any) -> None:
    assert CHECKS[check]("NAME", value) == result


def test_a_flag_that_is_left_out_has_its_default() -> None:
    assert checks.flag("NAME", None, default=True) is True


@pytest.mark.parametrize(
    ("check", "value"),
    [
        ("text", 7),
        ("text", ["a"]),
        ("short text", "abcd"),
        ("flag", None),
        ("flag", "true"),
        ("flag", 1),
        ("texts", "a"),
        ("texts", ["a", ""]),
        ("texts", [7]),
        ("mapping", None),
        ("mapping", []),
        ("choice", "c"),
        ("choice", ["a"]),
        ("choice", None),
    ],
)
def test_what_is_wrong_is_refused_by_name(check: str, value: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        CHECKS[check]("NAME", value)
    assert refused.value.param == "NAME"
    assert "NAME" in refused.value.message


@given(JSON)
def test_no_value_breaks_a_check(value: Any) -> None:
    named = set()
    for check in CHECKS.values():
        try:
            check("NAME", value)
        except BadRequest as error:
            named.add(error.param)
    assert named <= {"NAME"}


@pytest.mark.parametrize(
    ("given_value", "stored", "equal"),
    [
        ({"a": [1, 2.0]}, {"a": [1.0, 2]}, True),
        ({"a": [{"b": True}]}, {"a": [{"b": 1}]}, False),
        ([0], [False], False),
        ({"a": None}, {}, False),
        ([1], [1, 2], False),
    ],
)
def test_true_is_not_one_at_any_depth(given_value, stored, equal):
    assert checks.same(given_value, stored) is equal
