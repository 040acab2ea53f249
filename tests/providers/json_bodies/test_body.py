"""JSON bodies: strict parsing of requests, lenient parsing of responses."""

import pytest

from providers import json_bodies
from providers.errors import BadRequest

BIG = 123456789012345678901234567890


def nested(depth, bracket="[]"):
    opening, closing = (b'{"a":', b"}") if bracket == "{}" else (b"[", b"]")
    return opening * depth + b"1" + closing * depth


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"seed": %d, "n": 1}' % BIG, {"seed": BIG, "n": 1}),
        (b'{"m": [{"a": [1, %d]}]}' % -BIG, {"m": [{"a": [1, -BIG]}]}),
        (b"[18446744073709551615, 9223372036854775808]", [2**64 - 1, 2**63]),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (rb'{"a": "x\ud83d", "b": "\ud83d\ude00"}', {"a": "x�", "b": "😀"}),
        (rb'{"a": "\u0000"}', {"a": "\x00"}),
        (b"[0.5, 1e3]", [0.5, 1000.0]),
    ],
)
def test_a_request_keeps_what_it_says(body, value):
    assert json_bodies.parse_request(body) == value


@pytest.mark.parametrize(
    "value", [{"seed": BIG}, {"a": [1.5, -BIG, "é"]}, {"text": "\x00 \u2028"}, {"n": None, "b": True}]
)
def test_what_was_read_is_written_exactly(value):
    assert json_bodies.parse_request(json_bodies.dumps(value)) == value


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nothing", b"NaN", b'{"a": NaN}', b"[Infinity]", b"[-Infinity]", b"[1e400]", b"\xff{}", b'{"a": 1}}'],
)
def test_a_request_that_is_no_json_is_refused(body):
    with pytest.raises(BadRequest) as refused:
        json_bodies.parse_request(body)
    assert refused.value.code == "invalid_json"


@pytest.mark.parametrize("bracket", ["[]", "{}"])
@pytest.mark.parametrize("depth", [json_bodies.MAX_DEPTH + 1, 1020, 1024, 1025, 5000, 200_000])
def test_a_request_that_nests_too_deeply_is_refused(depth, bracket):
    for body in (nested(depth, bracket), rb'{"\ud83d": %s}' % nested(depth, bracket)):
        with pytest.raises(BadRequest) as refused:
            json_bodies.parse_request(body)
        assert refused.value.code in ("too_deep", "invalid_json")


def test_a_request_may_nest_as_deeply_as_is_said():
    value = json_bodies.parse_request(nested(json_bodies.MAX_DEPTH))
    assert json_bodies.dumps(value) == nested(json_bodies.MAX_DEPTH)


@pytest.mark.parametrize("value", [{"a": float("nan")}, {"a": float("inf")}, {"a": object()}])
def test_what_json_cannot_say_is_not_written(value):
    with pytest.raises(BadRequest):
        json_bodies.dumps({**value, "seed": BIG})


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"prompt_tokens": NaN, "total": 3}', {"prompt_tokens": None, "total": 3}),
        (b"[Infinity, -Infinity, 1e400, -1e400]", [None, None, None, None]),
        (b'{"created": %d, "size": 1.5}' % BIG, {"created": None, "size": 1.5}),
        (b"[" + b"9" * 5000 + b"]", [None]),
        (b"[9223372036854775807, 18446744073709551615]", [2**63 - 1, 2**64 - 1]),
        (rb'{"description": "a\ud83d"}', {"description": "a�"}),
        (b'\xef\xbb\xbf{"data": []}', {"data": []}),
        ('\ufeff{"data": []}', {"data": []}),
        (b'{"a": "line\nend"}', {"a": "line\nend"}),
        (b'{"a": "\xff"}', {"a": "�"}),
        (bytearray(b"[1]"), [1]),
        (memoryview(b"[1]"), [1]),
    ],
)
def test_an_answer_is_read_leniently(body, value):
    assert json_bodies.parse_response(body) == value


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b'{"a": 1}{', nested(129), nested(1025), nested(100_000, "{}")])
def test_an_answer_that_nobody_can_read_raises_value_error(body):
    with pytest.raises(ValueError, match=r"nested|Expecting|Extra"):
        json_bodies.parse_response(body)


@pytest.mark.parametrize("text", ["a\x00", "\ud83d", "\ude00\ud83d"])
def test_names_and_addresses_have_no_such_characters(text):
    with pytest.raises(BadRequest) as refused:
        json_bodies.check_texts({"urls": ["http://a.example", {"name": text}]})
    assert (refused.value.code, refused.value.param) == ("invalid_characters", "urls")
    json_bodies.check_texts({"name": "Ünïcode 😀", "n": [1, None, True]})
