"""The pool of PostgreSQL connections: its size, its queue, and replacement of dead connections."""

import threading
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest

from providers.process import waiting
from providers.process.outages import DatabaseAway, DatabaseBusy
from tests.upstream import unused_port
from webui.postgresql import pool as pools
from webui.postgresql.pool import Pool

DATABASE = "postgres"


@pytest.fixture
def connect(_postgres_server):
    return partial(psycopg.connect, _postgres_server, autocommit=True)


@pytest.fixture
def pool(settings) -> Iterator[Pool]:
    settings.DATABASE_POOL_SIZE = 3
    made = Pool()
    yield made
    made.close()


def in_threads(count, work):
    """The results or exceptions of `work(number)`, in threads that run at the same time."""
    results = []

    def run(number):
        try:
            results.append(work(number))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_more_threads_than_places_take_turns(pool, connect):
    in_use, most, lock = 0, 0, threading.Lock()

    def work(_number):
        nonlocal in_use, most
        connection = pool.take(DATABASE, connect)
        with lock:
            in_use += 1
            most = max(most, in_use)
        connection.execute("SELECT pg_sleep(0.02)")
        with lock:
            in_use -= 1
        pool.bring_back(connection)
        return "done"

    assert in_threads(24, work) == ["done"] * 24
    assert most == 2  # the third place is for the site's own work
    assert (pool.slots.taken, pool.lent) == (0, {})


def test_a_used_up_pool_refuses_in_time_and_comes_back_by_itself(pool, connect, monkeypatch):
    monkeypatch.setattr(pools, "REQUEST_PATIENCE", 0.05)
    held = [pool.take(DATABASE, connect) for _ in range(2)]
    with pytest.raises(DatabaseBusy):
        pool.take(DATABASE, connect)
    pool.bring_back(held.pop())
    pool.bring_back(pool.take(DATABASE, connect))
    pool.bring_back(held.pop())
    assert pool.slots.taken == 0


def test_the_line_is_bounded(pool, connect, monkeypatch):
    monkeypatch.setattr(pools, "LINE", 0)
    held = [pool.take(DATABASE, connect) for _ in range(2)]
    with pytest.raises(DatabaseBusy, match="Too many"):
        pool.take(DATABASE, connect)
    for connection in held:
        pool.bring_back(connection)


def test_own_work_gets_a_connection_while_requests_have_all_of_theirs(pool, connect):
    held = [pool.take(DATABASE, connect) for _ in range(2)]

    def work(_number):
        waiting.mark_own_work()
        connection = pool.take(DATABASE, connect)
        pool.bring_back(connection)
        return "done"

    assert in_threads(1, work) == ["done"]
    for connection in held:
        pool.bring_back(connection)


def test_a_connection_is_used_again_and_a_dead_one_is_not(pool, connect):
    first = pool.take(DATABASE, connect)
    pool.bring_back(first)
    again = pool.take(DATABASE, connect)
    assert again is first
    with connect() as other:
        pool.bring_back(again)
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [first.info.backend_pid])
    replaced = pool.take(DATABASE, connect)
    assert replaced is not first
    assert replaced.execute("SELECT 1").fetchone() == (1,)
    pool.bring_back(replaced)


def test_a_transaction_that_nobody_ended_does_not_come_back(pool, connect):
    connection = pool.take(DATABASE, partial(connect, autocommit=False))
    connection.execute("SELECT 1")
    pool.bring_back(connection)
    assert connection.closed
    assert pool.idle == []


def test_another_database_gets_connections_of_its_own(pool, connect):
    pool.bring_back(pool.take(DATABASE, connect))
    kept = pool.idle[0].connection
    other = pool.take("other", connect)
    assert other is not kept
    pool.bring_back(other)


def test_while_the_server_is_away_everybody_is_told_at_once(pool, connect, caplog):
    asked = []

    def refused():
        asked.append(1)
        return psycopg.connect(f"postgres://u@127.0.0.1:{unused_port()}/none")

    for _ in range(20):
        with pytest.raises(DatabaseAway):
            pool.take(DATABASE, refused)
    assert len(asked) <= 2  # one attempt a second asks whether it is back
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    pool.next_try = float("-inf")
    pool.bring_back(pool.take(DATABASE, connect))
    pool.bring_back(pool.take(DATABASE, connect))
    assert (pool.away, pool.slots.taken) == (False, 0)


def test_a_server_without_room_is_no_server_that_is_away(pool, connect, monkeypatch):
    """The first thread's connection comes back and does for the second, which got none of its own."""
    first = pool.take(DATABASE, connect)
    refusing = threading.Event()

    def full():
        refusing.set()
        raise psycopg.OperationalError("FATAL:  sorry, too many clients already")

    taken = []
    second = threading.Thread(target=lambda: taken.append(pool.take(DATABASE, full)))
    second.start()
    assert refusing.wait(10)
    pool.bring_back(first)
    second.join(10)
    assert taken == [first]
    pool.bring_back(first)


def test_a_connection_that_outlived_an_outage_does_not_hide_its_end(pool, connect):
    def hanging():
        raise psycopg.errors.ConnectionTimeout("connection timeout expired")

    held = pool.take(DATABASE, connect)
    with pytest.raises(DatabaseAway):
        pool.take(DATABASE, hanging)
    pool.bring_back(held)
    pool.next_try = float("-inf")
    pool.bring_back(pool.take(DATABASE, connect))
    assert not pool.away
