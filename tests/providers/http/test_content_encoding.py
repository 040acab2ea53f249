"""Compressed bodies: decoded for readers, passed on unchanged by the relay, and always bounded."""

import gzip
import json
import random
import tracemalloc
import zlib

import pytest
from backports import zstd

from providers import http
from providers.errors import NetworkError, ProviderError
from providers.http import Limits, secrets_of
from providers.http.content_encoding import CODINGS, FED, CannotUnpack, Unpacker
from providers.process import waiting
from tests.upstream import Reply, in_json, in_text, sse
from tests.upstream.packed import BOMBS, PACKINGS, bomb, packed

PATIENT = Limits(connect=5, first_byte=20, idle=20)
ANSWER = {"a": "ä" * 3000, "b": [1, 2]}
every = pytest.mark.parametrize("name", PACKINGS)


async def streamed(url, **options):
    async with http.stream("POST", url, headers={}, limits=PATIENT, unpacked=True, **options) as answer:
        return answer.status, await answer.read(2**20), {name.lower() for name, _value in answer.headers}


async def requested(url, **options):
    limits = Limits(connect=5, first_byte=20, idle=20, max_bytes=2**20)
    answer = await waiting.in_own_thread(http.request, "POST", url, limits=limits, **options)
    return answer.status, answer.content, set()


faces = pytest.mark.parametrize("ask", [streamed, requested])


@faces
@every
async def test_a_packed_body_is_read(ask, upstream, name):
    upstream.script(packed(in_json(ANSWER), name))
    status, body, headers = await ask(f"{upstream.origin}/x")
    assert (status, json.loads(body)) == (200, ANSWER)
    assert name in ("identity", "a charset") or "content-encoding" not in headers


@faces
@every
async def test_a_packed_stream_is_read(ask, upstream, name):
    reply = sse({"a": 1}, {"b": "x" * 100})
    plain = b"".join(reply.steps)
    upstream.script(packed(reply, name))
    assert (await ask(f"{upstream.origin}/x"))[1] == plain


@faces
@pytest.mark.parametrize("secrets", [http.NO_SECRETS, secrets_of(["sk-0123456789"])], ids=["plain", "secrets"])
@every
async def test_the_words_of_a_packed_error_are_read(ask, upstream, name, secrets):
    upstream.script(packed(in_json({"error": {"message": "no such thing"}}, 404), name))
    status, body, _headers = await ask(f"{upstream.origin}/x", secrets=secrets)
    assert (status, json.loads(body)) == (404, {"error": {"message": "no such thing"}})


@faces
@every
async def test_an_empty_body_may_say_that_it_is_packed(ask, upstream, name):
    upstream.script(Reply(200, {"Content-Encoding": PACKINGS[name][0]}))
    assert (await ask(f"{upstream.origin}/x"))[1] == b""


async def test_a_body_that_is_passed_on_stays_as_it_is(upstream):
    for name in PACKINGS:
        reply = packed(in_json(ANSWER), name)
        upstream.script(reply)
        async with http.stream("POST", f"{upstream.origin}/x", headers={}, limits=PATIENT) as answer:
            assert await answer.read(2**20) == reply.body
            assert dict(answer.headers)["Content-Encoding"] == PACKINGS[name][0]


@faces
@pytest.mark.parametrize("name", BOMBS)
async def test_a_small_body_that_is_huge_once_unpacked_is_too_large(ask, upstream, name):
    upstream.script(bomb(name))
    tracemalloc.start()
    try:
        with pytest.raises(ProviderError) as refused:
            await ask(f"{upstream.origin}/x")
        assert refused.value.code == "answer_too_large"
        assert tracemalloc.get_traced_memory()[1] < 30 * 2**20
    finally:
        tracemalloc.stop()


@faces
@pytest.mark.parametrize("name", BOMBS)
async def test_of_an_error_that_is_huge_once_unpacked_the_beginning_counts(ask, upstream, name):
    upstream.script(bomb(name, 20).with_(status=500))
    status, body, _headers = await ask(f"{upstream.origin}/x")
    assert status == 500
    assert len(body) <= 2**20


@faces
@pytest.mark.parametrize("encoding", CODINGS)
@pytest.mark.parametrize("cut", [True, False], ids=["cut off", "something else"])
async def test_what_is_not_packed_as_it_says_is_no_answer(ask, upstream, encoding, cut):
    data = PACKINGS[encoding][1](json.dumps(ANSWER).encode())[:20] if cut else b'{"a": "plain"}'
    upstream.script(Reply(200, {"Content-Encoding": encoding}, data))
    with pytest.raises(NetworkError, match="Content-Encoding"):
        await ask(f"{upstream.origin}/x")
    upstream.script(Reply(429, {"Content-Encoding": encoding}, data))
    assert (await ask(f"{upstream.origin}/x"))[0] == 429


@faces
async def test_a_packing_that_nobody_knows_is_left_as_it_is(ask, upstream):
    upstream.script(in_text("what it is", headers={"Content-Encoding": "pack200-gzip"}))
    assert (await ask(f"{upstream.origin}/x"))[1] == b"what it is"


@pytest.mark.parametrize("name", [name for name in PACKINGS if name not in ("identity", "a charset")])
@pytest.mark.parametrize("most", [1, 7, 2**16])
def test_pieces_may_be_cut_anywhere(name, most):
    encoding, pack = PACKINGS[name]
    data = bytes(range(256)) * 4
    unpacker = Unpacker(tuple(part.strip().lower() for part in encoding.split(",")))
    plain = b""
    for byte in pack(data):
        unpacker.feed(bytes([byte]))
        while piece := unpacker.take(most):
            assert len(piece) <= most or encoding.endswith("br")  # brotli gives a buffer's worth
            plain += piece
    unpacker.end()
    assert plain == data


@pytest.mark.parametrize("name", BOMBS)
def test_nothing_of_what_was_packed_is_missing(name):
    encoding, pack = PACKINGS[name]
    unpacker = Unpacker(tuple(part.strip() for part in encoding.split(",")))
    unpacker.feed(pack(b"x" * 5_000_001))
    size = 0
    while piece := unpacker.take():
        size += len(piece)
    unpacker.end()
    assert size == 5_000_001


def test_an_end_that_is_none_is_noticed():
    unpacker = Unpacker(("gzip",))
    unpacker.end()
    unpacker.feed(PACKINGS["gzip"][1](b"hello")[:-3])
    assert unpacker.take() == b"hello"
    with pytest.raises(CannotUnpack):
        unpacker.end()


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress)]
)
@pytest.mark.parametrize("count", [1, 2, 5000])
def test_a_part_that_holds_nothing_ends_no_body(encoding, pack, count):
    later = gzip.compress if encoding == "deflate" else pack
    unpacker = Unpacker((encoding,))
    unpacker.feed(pack(b"") + later(b"") * (count - 1) + later(b"tail") + later(b"") + later(b"end"))
    plain = b""
    while piece := unpacker.take():
        plain += piece
    unpacker.end()
    assert plain == b"tailend"


@pytest.mark.parametrize("name", BOMBS)
def test_a_body_that_is_here_as_a_whole_is_fed_in_pieces(name):
    encoding, pack = PACKINGS[name]
    fed = list[int]()

    class Watched:
        is_complete = True

        def __init__(self, stage):
            self.stage = stage

        def feed(self, data):
            fed.append(len(data))
            self.stage.feed(data)

        def take(self, most):
            return self.stage.take(most)

    data = random.Random(name).randbytes(2_000_000)
    unpacker = Unpacker(tuple(part.strip() for part in encoding.split(",")))
    unpacker._stages[0] = Watched(unpacker._stages[0])
    unpacker.feed(pack(data))
    plain = b""
    while piece := unpacker.take():
        plain += piece
    unpacker.end()
    assert plain == data
    assert max(fed) <= FED
