"""The parser of JSON with pictures: an ordinary parser's values, and little more memory than body and picture."""

import base64
import json
import os
import tracemalloc

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen import embedded
from imagegen.embedded import Embedded

PNG = b"\x89PNG\r\n\x1a\n"  # enough to be taken for a picture
CONTENT = PNG + os.urandom(9000)
TEXT = base64.b64encode(CONTENT).decode()


def test_long_base64_comes_out_as_bytes_wherever_it_stands():
    body = json.dumps({"a": [{"b64_json": TEXT, "n": 1}], "b": TEXT, "short": "aGk=", "text": "word " * 1000}).encode()

    value = embedded.loads(body)

    assert value["a"][0] == {"b64_json": Embedded(CONTENT), "n": 1}
    assert value["b"].content == CONTENT
    assert value["short"] == "aGk="
    assert value["text"] == "word " * 1000


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "data:image/png;base64," + TEXT,
        TEXT.replace("+", "-").replace("/", "_"),
        TEXT.rstrip("="),
        "\n".join(TEXT[start : start + 76] for start in range(0, len(TEXT), 76)),
    ],
)
@pytest.mark.parametrize("escaped", [False, True])
def test_ways_of_writing_base64(text, escaped):
    body = json.dumps({"x": text})
    body = body.replace("/", "\\/") if escaped else body

    assert embedded.loads(body.encode())["x"].content == CONTENT


def test_a_data_urls_type_is_kept():
    assert embedded.loads(json.dumps({"x": "data:image/webp;base64," + TEXT}).encode())["x"].declared == "image/webp"


def test_keys_quotes_and_escapes_around_it_do_not_confuse():
    value = {'a "quoted\\" key': "x\\", "\\": TEXT, "tail": 'ends with a backslash and quote \\"'}

    assert embedded.loads(json.dumps(value).encode()) == {**value, "\\": Embedded(CONTENT)}


def test_a_bytearray_can_be_read_and_used_again():
    body = bytearray(json.dumps({"x": TEXT}).encode())

    assert embedded.loads(body)["x"].content == CONTENT
    body.clear()  # no view is left over it


@pytest.mark.parametrize("body", [b"", b"{", b'{"x": "' + b"A" * 5000, b'{"x": ' + TEXT.encode() + b"}"])
def test_what_is_not_json_is_a_value_error(body):
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        embedded.loads(body)


@pytest.mark.parametrize("padding", [b"", b'"pad": "' + b"x" * 5000 + b'", '], ids=["short", "long"])
@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (b'"cost": NaN', {"cost": None}),
        (b'"created": 123456789012345678901234567890', {"created": None}),
        (b'"size": 1e400', {"size": None}),
        (b'"text": "half: \\ud83d"', {"text": "half: \N{REPLACEMENT CHARACTER}"}),
        (b'"text": "line\nend"', {"text": "line\nend"}),
        (b'"text": "\xff"', {"text": "\N{REPLACEMENT CHARACTER}"}),
    ],
)
def test_what_is_not_quite_json_is_read_too(padding, members, expected):
    for before in (b"", b"\xef\xbb\xbf"):
        value = embedded.loads(before + b"{" + padding + members + b', "b64_json": "' + TEXT.encode() + b'"}')
        value.pop("pad", None)
        assert value == {**expected, "b64_json": Embedded(CONTENT)}


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(values)
def test_other_documents_are_read_as_ever(value):
    body = orjson.dumps({"value": value, "prose": "é " * 3000})

    assert embedded.loads(body) == orjson.loads(body)


@given(st.binary(min_size=2000, max_size=4000), values)
def test_any_bytes_come_through(content, value):
    content = PNG + content
    body = orjson.dumps({"before": value, "picture": base64.b64encode(content).decode(), "after": value})

    read = embedded.loads(body)

    assert embedded.picture_in(read["picture"]) == content
    assert (read["before"], read["after"]) == (value, value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Embedded(b"x"), b"x"),
        ("aGVsbG8=", b"hello"),
        ("data:image/png;base64,aGVsbG8=", b"hello"),
        ("https://example.com/a.png", None),
        ("not base64!", None),
        ("data:image/png,plain", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_picture_in_a_member(value, expected):
    assert embedded.picture_in(value) == expected


def test_long_texts_that_are_no_pictures_stay_texts():
    value = {"hex": os.urandom(2000).hex(), "base64": base64.b64encode(os.urandom(4000)).decode()}

    assert embedded.loads(json.dumps(value).encode()) == value


def test_encoding_is_base64():
    assert embedded.encode(CONTENT) == TEXT


def test_reading_a_large_picture_holds_body_and_picture_and_no_more():
    content = PNG + os.urandom(8_000_000)
    body = b'{"created":1,"data":[{"b64_json":"' + base64.b64encode(content) + b'"}]}'
    tracemalloc.start()
    try:
        value = embedded.loads(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert value["data"][0]["b64_json"].content == content
    assert peak < 1.1 * len(content)  # beside the body itself
