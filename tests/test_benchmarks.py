"""The benchmark: its upstream, its load generator and its table measure correctly."""

import asyncio
import os

import pytest

from benchmarks import load, table
from benchmarks.processes import Process, unused_port


@pytest.fixture(scope="module")
def fast_upstream(tmp_path_factory):
    port = unused_port()
    log = tmp_path_factory.mktemp("bench") / "upstream.log"
    process = Process(["-m", "benchmarks.upstream", str(port)], port, None, os.environ, log)
    yield process
    process.stop()


def target(process: Process) -> load.Target:
    return load.Target(f"{process.url}/v1/chat/completions", "key")


def test_the_load_counts_answers(fast_upstream):
    rate = asyncio.run(load.throughput(target(fast_upstream), 4, 0.2))
    assert rate.requests >= 4
    assert rate.per_second > 0
    assert fast_upstream.memory() > 1


def test_the_first_byte_of_a_stream_is_timed(fast_upstream):
    assert 0 < asyncio.run(load.first_byte(target(fast_upstream), 10)) < 5


def test_the_upstream_says_when_it_had_the_request(fast_upstream):
    assert 0 < asyncio.run(load.until_upstream(target(fast_upstream), 10)) < 5


def test_paced_streams_take_their_ideal_length_or_longer(fast_upstream):
    paced = asyncio.run(load.paced(target(fast_upstream), 5, 100, 20, lambda: 42))
    assert 0.99 < paced.middle <= paced.late
    assert paced.memory == 42


def test_an_answer_that_is_no_success_ends_the_run(site):
    wrong = load.Target(f"{site.url}/v1/chat/completions", "sk-unknown")
    with pytest.raises(RuntimeError, match="401"):
        asyncio.run(load.throughput(wrong, 1, 0.1))


def test_the_table_sets_the_lane_beside_the_bare_pass_through():
    measured = {
        "uvicorn": {
            "bare": {"rps_32": 4000.0, "first_byte_ms": 1.0},
            "lane": {"rps_32": 3000.0, "first_byte_ms": 1.25},
            "view": {"rps_32": 400.0, "pipeline_ms": 0.5},
        }
    }
    assert "| requests/s, 32 connections | 4,000 | 3,000 | 75% | 400 | 10% |" in table.markdown(measured)
    assert "| time to first byte, p50 | 1.00 ms | 1.25 ms | +0.25 ms |  |  |" in table.markdown(measured)
    assert [met for met, _words in table.aims(measured)] == [True, True, True]
    assert "| on top with the chat's pipeline, all handlers off |  |  |  | +0.50 ms |  |" in table.markdown(measured)


def test_the_middle_of_the_rounds_counts():
    assert table.medians([{"a": 1.0}, {"a": 9.0, "b": 2.0}, {"a": 3.0}]) == {"a": 3.0, "b": 2.0}
