"""Usage records: what is counted, and that recording delays no call."""

import contextlib
import gzip
import logging
import sqlite3
import threading
from decimal import Decimal
from itertools import pairwise
from typing import Any

import orjson
import pytest
from django.db import DatabaseError, OperationalError, connection
from hypothesis import given
from hypothesis import strategies as st

from providers import catalogue, runtime
from providers.http.content_encoding import PIECE, Unpacker
from providers.models import ClientKey, UsageRecord
from providers.process import row_writer
from providers.relay import usage
from providers.relay.usage import CallUsage, read_tokens, reported
from tests import people
from tests.upstream import DROP, Reply, in_bytes, in_json, oddities
from tests.upstream import openai as oai

# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tail", "counts"),
    [
        (b'{"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}', (5, 7)),
        (b'{"usage" : {"input_tokens": 5, "output_tokens": 7}}', (5, 7)),
        (b'{"object":"list","usage":{"prompt_tokens":5,"total_tokens":5}}', (5, 0)),
        (b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}}\n\ndata: [DONE]\n\n', (5, 7)),
        (b'data: {"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\ndata: {"usage":null}\n\n', (1, 1)),
        (
            b'data: {"usage":{"prompt_tokens":1}}\n\ndata: {"usage":{"prompt_tokens":5,"completion_tokens":7}}\n\n',
            (5, 7),
        ),
        (
            b'{"response":{"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":1},"output_tokens":7}}}',
            (5, 7),
        ),
        (b'{"content":"\\"usage\\": {\\"prompt_tokens\\": 9}"}', (0, 0)),
        (b'{"usage":{"prompt_tokens":5,"completion_tokens":7},"content":"usage","kind":"usage"}', (5, 7)),
        (b'{"usage":{"prompt_tokens":-5,"completion_tokens":99999999999999}}', (0, 2**31 - 1)),
        (b'{"usage":{"prompt_tokens":"5","completion_tokens":true}}', (0, 0)),
        (b'{"usage":{"prompt_tok', (0, 0)),
        (b'{"usage":[]}', (0, 0)),
        (b"", (0, 0)),
        (b"\xff\x00<html>", (0, 0)),
    ],
)
def test_tokens_are_found_at_the_end_of_any_answer(tail: bytes, counts: tuple[int, int]) -> None:
    assert read_tokens(tail) == counts


REPORTED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 7},
            "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 5},
        },
        {"cached_tokens": 40, "reasoning_tokens": 30, "audio_tokens_in": 7, "audio_tokens_out": 5},
    ),
    (
        {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5, "total_tokens": 14},
        {"tokens_in": 9, "tokens_out": 5, "cached_tokens": 4},
    ),
    (
        {
            "input_tokens": 90,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 80},
            "output_tokens": 700,
            "output_tokens_details": {"text_tokens": 0, "image_tokens": 700},
        },
        {"picture_tokens_in": 80, "picture_tokens_out": 700},
    ),
    ({"prompt_tokens": 8, "completion_tokens": 1, "prompt_cache_hit_tokens": 6}, {"tokens_in": 8, "cached_tokens": 6}),
    ({"prompt_tokens": 8, "completion_tokens": 1, "cached_tokens": 6}, {"tokens_in": 8, "cached_tokens": 6}),
    (
        {"input_tokens": 5, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20, "output_tokens": 3},
        {"tokens_in": 95, "cached_tokens": 70, "cache_write_tokens": 20, "tokens_out": 3},
    ),
    (
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
            "cost_in_usd_ticks": 37756000,
        },
        {"tokens_out": 103, "reasoning_tokens": 94, "cost": Decimal("0.0037756")},
    ),
    (
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40},
        {"tokens_out": 30, "reasoning_tokens": 25},
    ),
    ({"prompt_tokens": 5, "completion_tokens": 1, "cost": 0.00014}, {"cost": Decimal("0.00014")}),
    (
        {
            "prompt_tokens": 5,
            "completion_tokens": 1,
            "cost": 0.01,
            "is_byok": True,
            "cost_details": {"upstream_inference_cost": 0.2},
        },
        {"cost": Decimal("0.21")},
    ),
    ({"prompt_tokens": 5, "completion_tokens": 1, "cost": {"total_cost": 0.006}}, {"cost": Decimal("0.006")}),
    ({"prompt_tokens": 5, "completion_tokens": 1, "estimated_cost": 1e-05}, {"cost": Decimal("0.00001")}),
    ({"prompt_tokens": 5, "completion_tokens": 1, "cost": -1}, {"cost": None}),
    ({"prompt_tokens": 5, "completion_tokens": 1, "cost": "free"}, {"cost": None}),
    ({"prompt_tokens": 5, "completion_tokens": 1, "prompt_audio_seconds": 9}, {"seconds": Decimal(9)}),
]


@pytest.mark.parametrize(("value", "kept"), REPORTED)
def test_details_are_kept_in_the_shapes_of_all_providers(value: dict[str, Any], kept: dict[str, Any]) -> None:
    for body in (orjson.dumps({"choices": [], "usage": value}), b'data: {"usage":' + orjson.dumps(value) + b"}\n\n"):
        tail = usage.Tail()
        tail.add(body)
        counted = CallUsage(kind="chat", **usage.count_tokens(tail))
        reported.read(counted)
        assert {name: getattr(counted, name) for name in kept} == kept


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"text":"a","usage":{"type":"duration","seconds":9}}', "9"),
        (b'{"task":"transcribe","language":"english","duration":8.47,"text":"a","segments":[]}', "8.47"),
        (b"1\n00:00:00,000 --> 00:00:02,500\na\n\n2\n00:00:02,500 --> 01:00:04,250\nb\n", "3604.25"),
        (b"WEBVTT\n\n00:00.000 --> 00:03.120\na\n", "3.12"),
        (b"only words", "0"),
        (b'{"text":"a","usage":{"input_tokens":5,"output_tokens":7}}', "0"),
    ],
)
def test_the_length_of_what_was_written_down_is_counted(body: bytes, seconds: str) -> None:
    tail = usage.Tail()
    tail.add(body)
    assert usage.count_transcript(tail).get("seconds", 0) == Decimal(seconds)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_counting(tail: bytes) -> None:
    assert read_tokens(b'"usage":{' + tail) is not None
    reported.read(CallUsage(kind="chat", reported=b"{" + tail))


@given(st.text(max_size=50), st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_text_of_an_answer_is_taken_for_its_usage(text: str, told: int, answered: int) -> None:
    answer = {"choices": [{"message": {"content": f'"usage": {{"prompt_tokens": 1}} {text}'}}]}
    counted = {**answer, "usage": {"prompt_tokens": told, "completion_tokens": answered}}
    assert read_tokens(orjson.dumps(answer)) == (0, 0)
    assert read_tokens(orjson.dumps(counted)) == (told, answered)


@pytest.mark.parametrize("word", ["network_error", "error", "sensitive", "insufficient_system_resource"])
def test_an_answer_that_ended_with_a_word_for_a_failure_has_failed(word: str) -> None:
    for text in (
        '{"choices":[{"finish_reason":"WORD","message":{"content":"stop"}}],"usage":{}}',
        'data: {"choices":[{"delta":{},"finish_reason": "WORD"}]}\n\ndata: {"choices":[]}\n\ndata: [DONE]\n\n',
    ):
        tail = usage.Tail()
        tail.add(text.replace("WORD", word).encode())
        assert usage.failed(tail)
        ordinary = usage.Tail()
        ordinary.add(text.replace("WORD", "length").encode())
        assert not usage.failed(ordinary)


@pytest.mark.parametrize(
    ("body", "has_failed"),
    [
        ('data: {"choices":[{"delta":{"content":"a"}}]}\n\nerror: {"message":"GPU lost"}\n\n', True),
        ('data: {"choices":[],"error":{"message":"GPU lost"}}\n\n', True),
        ('data: {"choices":[{"delta":{},"finish_reason":"stop","error":"GPU lost"}]}\n\n', True),
        ('{"choices":null,"base_resp":{"status_code":1008,"status_msg":"no balance"}}', True),
        ('{"choices":[{"finish_reason":"stop"}],"base_resp":{"status_code":0,"status_msg":""}}', False),
        ('{"choices":[{"finish_reason":"stop"}],"error":null}', False),
        ('{"choices":[{"finish_reason":"stop"}],"error":""}', False),
        ('{"choices":[{"message":{"content":"\\nerror: x \\"error\\":{"},"finish_reason":"stop"}]}', False),
    ],
)
def test_an_error_inside_an_answer_is_a_failure(body: str, has_failed: bool) -> None:
    tail = usage.Tail()
    tail.add(body.encode())
    assert usage.failed(tail) is has_failed


def test_an_end_before_many_other_choices_is_found() -> None:
    tail = usage.Tail()
    tail.add(b'{"choices":[{"finish_reason":"error"}' + b',{"finish_reason":null}' * 8 + b"]}")
    assert usage.failed(tail)


@given(st.text(max_size=50))
def test_no_text_of_an_answer_is_taken_for_its_end(text: str) -> None:
    tail = usage.Tail()
    content = f'"finish_reason":"error" {text}'
    tail.add(orjson.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}))
    assert not usage.failed(tail)


def test_only_the_tail_is_kept() -> None:
    tail = usage.Tail()
    for _ in range(1000):
        tail.add(b"x" * 1000)
    tail.add(b'{"usage":{"prompt_tokens":5,"completion_tokens":7}}')
    assert tail._size < usage.TAIL_BYTES + 2000
    assert read_tokens(tail.text) == (5, 7)
    assert tail.end == b":7}}"


def test_a_packed_piece_is_looked_through_in_parts() -> None:
    looked = [usage.PackedTail(Unpacker(("gzip",)))._left]
    packed = gzip.compress(b"x" * 2**23 + b'{"usage":{"prompt_tokens":5,"completion_tokens":7}}')
    tail = usage.PackedTail(Unpacker(("gzip",)))
    for piece in (packed[:-5], *(packed[at : at + 1] for at in range(-5, -1)), packed[-1:]):
        tail.add(piece)
        looked.append(tail._left)
    assert max(before - after for before, after in pairwise(looked)) <= usage.MAX_UNPACKED_AT_ONCE + PIECE
    assert (read_tokens(tail.text), tail.received) == ((5, 7), len(packed))


# --- records ----------------------------------------------------------------------------------------------------------


def records(count: int = 1) -> list[Any]:
    """The rows, once there are `count`: a record is made after the last byte has been sent."""
    pause = threading.Event()
    for _ in range(1000):
        usage.flush()
        found = list(UsageRecord.objects.order_by("pk"))
        if len(found) >= count:
            break
        pause.wait(0.01)
    return found


@pytest.fixture(params=["lane", "view"])
def entrance(request, site):
    return site.url if request.param == "lane" else site.views_url


def ask(site: Any, entrance: str, key: str, path: str = "/v1/chat/completions", **more: Any) -> Any:
    body = {"model": "m1", **({"messages": [{"role": "user", "content": "hi"}]} if "chat" in path else {}), **more}
    return site.session(key=key).post(f"{entrance}{path}", json=body)


def test_a_call_is_recorded_with_who_what_and_how_long(site, entrance, connection, upstream, api_key, alice):
    upstream.answer("one two", usage={"prompt_tokens": 5, "completion_tokens": 2})
    ask(site, entrance, api_key)
    [one] = records()
    assert (one.user, one.connection, one.model, one.kind, one.status) == (alice, connection, "m1", "chat", 200)
    assert one.key == ClientKey.objects.get()
    assert (one.tokens_in, one.tokens_out) == (5, 2)
    assert 0 <= one.first_byte_ms <= one.duration_ms


def test_a_record_says_where_a_call_went_and_why_it_failed(site, entrance, connection, upstream, api_key):
    words = "No room for " + "x" * 400
    upstream.script(oai.error(503, message=words, headers={"x-request-id": "req_at_provider"}))
    answer = ask(site, entrance, api_key)
    [one] = records()
    assert answer.headers["x-request-id"] == one.provider_request_id == "req_at_provider"
    assert one.request_id not in ("", one.provider_request_id)
    assert (one.upstream_id, one.config_version) == ("m1", catalogue.known_version())
    assert one.error_message == words[:300]
    assert one.tried == []


def test_a_session_is_recorded_without_a_key(site, connection, alice):
    session = site.session(alice)
    session.post(
        f"{site.url}/v1/chat/completions", json={"model": "m1", "messages": [{"role": "user", "content": "a"}]}
    )
    [one] = records()
    assert (one.user, one.key) == (alice, None)


@pytest.mark.parametrize(
    ("path", "more", "kind", "tokens"),
    [
        ("/v1/chat/completions", {"stream": True, "stream_options": {"include_usage": True}}, "chat", True),
        ("/v1/chat/completions", {"stream": True}, "chat", True),
        ("/v1/embeddings", {"input": ["a", "b"]}, "embeddings", True),
        ("/v1/embeddings", {"input": ["a"] * 500, "dimensions": 400}, "embeddings", True),
        ("/v1/completions", {"prompt": "a"}, "completions", True),
        (
            "/v1/completions",
            {"prompt": "a", "stream": True, "stream_options": {"include_usage": True}},
            "completions",
            True,
        ),
        ("/v1/rerank", {"query": "a", "documents": ["b"]}, "rerank", True),
        ("/v1/responses", {"input": "hi"}, "responses", True),
        ("/v1/responses", {"input": "hi", "stream": True}, "responses", True),
    ],
)
def test_tokens_are_counted_in_the_shapes_of_providers(site, connection, api_key, path, more, kind, tokens):
    assert ask(site, site.url, api_key, path, **more).status_code == 200
    [one] = records()
    assert one.kind == kind
    assert (one.tokens_in > 0) is tokens


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        ({"results": [], "usage": {"total_tokens": 7}}, (7, 0)),
        ({"results": [], "usage": {"prompt_tokens": 6, "completion_tokens": 1, "total_tokens": 7}}, (6, 1)),
        ({"usage": {"total_tokens": 7}, "results": [{"document": {"text": "long " * 20_000}}]}, (7, 0)),
        ({"results": [], "meta": {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 7}}}, (7, 0)),
        ({"results": [], "meta": {"billed_units": {"search_units": 1}}}, (0, 0)),
        ({"results": [{"document": {"text": '"usage":{"total_tokens":7}'}}]}, (0, 0)),
        ({"results": [], "usage": None}, (0, 0)),
    ],
)
def test_tokens_of_reranking_are_input_wherever_they_stand(answer, counts):
    tail = usage.Tail()
    body = orjson.dumps(answer)
    for start in range(0, len(body), 4096):
        tail.add(body[start : start + 4096])
    counted = usage.count_reranking(tail)
    assert (counted["tokens_in"], counted["tokens_out"]) == counts


@pytest.mark.parametrize(
    "behaviour",
    [oddities.transformers_serve(), oddities.litellm(usage={"prompt_tokens": 5, "completion_tokens": 2})],
    ids=["on the finish chunk", "with a choice"],
)
def test_usage_is_taken_from_whichever_chunk_has_it(site, connection, upstream, api_key, behaviour):
    upstream.script(behaviour)
    ask(site, site.url, api_key, stream=True)
    [one] = records()
    assert (one.tokens_in, one.tokens_out) == (5, 2)


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (oai.error(429), 429),
        (oai.error(500), 500),
        (Reply(200, oai.EVENTS, steps=[]), 502),
        (Reply(200, oai.EVENTS, steps=[b"data: {}\n\n", DROP]), 502),
    ],
)
def test_calls_that_fail_are_recorded_with_how_they_failed(site, connection, upstream, api_key, behaviour, status):
    upstream.script(behaviour)
    ask(site, site.url, api_key, stream=True)
    [one] = records()
    assert one.status == status


def test_an_answer_that_failed_inside_is_recorded_and_passed_on(site, connection, upstream, api_key):
    body = b'data: {"choices":[{"delta":{"content":"Bl"},"finish_reason":"network_error"}]}\n\ndata: [DONE]\n\n'
    upstream.script(in_bytes(body, "text/event-stream"))
    assert ask(site, site.url, api_key, stream=True).content == body
    [one] = records()
    assert one.status == 502


def test_what_never_reached_a_provider_is_not_recorded(site, connection, api_key):
    assert ask(site, site.url, api_key, model="m9").status_code == 404
    assert ask(site, site.url, "sk-nobody").status_code == 401
    assert records(0) == []


def test_each_connection_that_was_tried_has_its_record(site, connection, upstream, start_upstream, api_key):
    people.make_connection(start_upstream().url, "m1", name="Second", position=1)
    upstream.script(oai.error(503))
    assert ask(site, site.url, api_key).status_code == 200
    assert [(one.connection.name, one.status) for one in records(2)] == [("Scripted", 503), ("Second", 200)]


def test_usage_that_is_no_usage_counts_nothing(site, connection, upstream, api_key):
    upstream.script(in_json({"usage": "none"}))
    ask(site, site.url, api_key)
    [one] = records()
    assert (one.tokens_in, one.tokens_out) == (0, 0)


# --- writing behind ---------------------------------------------------------------------------------------------------


def writer():
    return runtime.state(usage.UsageWriter)


@pytest.mark.django_db(transaction=True)
def test_records_are_written_behind_without_anybody_asking(monkeypatch):
    monkeypatch.setattr(row_writer, "IDLE_SECONDS", 0.0)
    usage.record(CallUsage(kind="chat", model="m1", status=200))
    thread = writer().thread
    assert thread is not None
    thread.join(20)
    assert [one.model for one in UsageRecord.objects.all()] == ["m1"]
    assert writer().thread is None  # until the next record


@pytest.mark.django_db(transaction=True)
def test_a_thousand_records_are_a_few_statements(django_assert_max_num_queries):
    for number in range(1000):
        writer().waiting.append(CallUsage(kind="chat", model=f"m{number}"))
    with django_assert_max_num_queries(8):
        usage.flush()
    assert UsageRecord.objects.count() == 1000
    assert UsageRecord.objects.order_by("pk").last().model == "m999"


@pytest.mark.django_db(transaction=True)
def test_records_of_people_and_keys_that_are_gone_are_kept_without_them():
    alice = people.make_user("Alice")
    gone = people.make_user("Gone")
    for user in (alice, gone):
        writer().waiting.append(CallUsage(kind="chat", user_id=user.pk, key_id=77, connection_id=88, model=user.name))
    gone.delete()
    usage.flush()
    kept = {one.model: (one.user, one.key, one.connection) for one in UsageRecord.objects.all()}
    assert kept == {"Alice": (alice, None, None), "Gone": (None, None, None)}


class _Away:
    """The database of a machine that does not answer."""

    def __init__(self, error: Exception) -> None:
        self.tries, self.error = 0, error

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.tries += 1
        raise self.error


def damaged() -> DatabaseError:
    """The error of SQLite for a damaged database file."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(b"x" * 4096)
        with pytest.raises(sqlite3.DatabaseError) as caught:
            database.execute("SELECT * FROM sqlite_master")
    error = DatabaseError(str(caught.value))
    error.__cause__ = caught.value
    return error


AWAY = OperationalError("the server closed the connection")


@pytest.mark.parametrize("error", [AWAY, damaged()], ids=["away", "damaged"])
@pytest.mark.django_db(transaction=True)
def test_records_wait_while_the_database_is_away(caplog, error):
    writer().waiting.extend(CallUsage(kind="chat", model=f"m{number}") for number in range(3))
    with connection.execute_wrapper(_Away(error)), caplog.at_level(logging.WARNING, "providers.relay.usage"):
        usage.flush()
    assert "3 usage records wait" in caplog.text
    usage.flush()
    assert UsageRecord.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_what_no_longer_fits_is_counted_in_the_log(caplog, monkeypatch):
    monkeypatch.setattr(row_writer, "QUEUE_ROWS", 5)
    for _ in range(8):
        usage.record(CallUsage(kind="chat"))
    with caplog.at_level(logging.ERROR, "providers.relay.usage"):
        usage.flush()
    assert UsageRecord.objects.count() == 5
    assert "3 usage records were lost" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_record_that_can_never_be_written_does_not_stop_the_others(caplog):
    writer().waiting.append(CallUsage(kind="chat", when=None))  # type: ignore[arg-type]
    usage.flush()
    usage.record(CallUsage(kind="chat"))
    usage.flush()
    assert UsageRecord.objects.count() == 1
    assert "cannot be written" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_what_waits_is_written_when_the_process_ends():
    usage.record(CallUsage(kind="chat", model="m1", status=200))
    thread = writer().thread
    runtime.close()
    assert not thread.is_alive()
    assert [one.model for one in UsageRecord.objects.all()] == ["m1"]
