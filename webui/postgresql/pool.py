"""The pool of PostgreSQL connections of this process, at most `DATABASE_POOL_SIZE`.

When all are in use, threads queue for a bounded time. The site's own work (usage, health, jobs, running replies) comes
before requests and has some slots of its own, so that many requests cannot block it. While the server does not answer,
calls fail at once; once a second, one call tries to connect.

Why not psycopg's pool: while the server is away, its callers wait until their timeout. For each dead connection that
its check finds, it sleeps a second (`ConnectionPool._getconn_with_check_loop`), which slows the site down after a
restart of the server.
"""

import logging
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.conf import settings
from psycopg.pq import TransactionStatus

from providers.process import outages, waiting
from providers.process.outages import DatabaseAway, DatabaseBusy

REQUEST_PATIENCE, OWN_PATIENCE = 10.0, 60.0  # seconds that a request and the site's own work queue at most
LINE = 1000  # requests that queue at the same time
RETRY_SECONDS = 1.0  # between two attempts to reach a server that is away
FULL_SECONDS = 0.2  # between two attempts while the server refuses further connections but existing ones work
MAX_AGE, MAX_IDLE = 3600.0, 600.0  # seconds after which a connection is closed
UNCHECKED_SECONDS = 30.0  # a connection that was unused for longer is tested with an empty query
# The events of poll for a closed connection.
PEER_CLOSED = getattr(select, "POLLRDHUP", 0)  # Linux has it
GONE = PEER_CLOSED | select.POLLHUP | select.POLLERR | select.POLLNVAL

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class IdleConnection:
    """An unused connection."""

    connection: psycopg.Connection[Any]
    database: str
    opened: float  # on the monotonic clock
    since: float


@dataclass(slots=True)
class LentConnection:
    """A connection in use."""

    connection: psycopg.Connection[Any]
    database: str
    opened: float
    own_work: bool


@dataclass(slots=True)
class Waiter:
    own_work: bool
    called: threading.Event = field(default_factory=threading.Event)
    has_slot: bool = False


class Slots:
    """The slots of the pool, one for each connection. Own work gets a free slot before requests do."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.for_requests = size - min(2, size // 2)  # of ten, eight; of three, two
        self.taken = self.taken_by_requests = 0
        self.lines: dict[bool, deque[Waiter]] = {True: deque(), False: deque()}  # by whether it is own work
        self.lock = threading.Lock()

    def enter(self, *, own_work: bool) -> None:
        """Take a slot, waiting for one. Raises DatabaseBusy."""
        with self.lock:
            line = self.lines[own_work]
            if not line and self._is_free(own_work):
                self._take(own_work)
                return
            if len(line) >= LINE:
                raise DatabaseBusy("Too many wait for a connection to the database")
            waiter = Waiter(own_work)
            line.append(waiter)
        waiter.called.wait(OWN_PATIENCE if own_work else REQUEST_PATIENCE)
        with self.lock:
            if not waiter.has_slot:
                line.remove(waiter)
                raise DatabaseBusy("No connection to the database became free in time")

    def leave(self, *, own_work: bool) -> None:
        """Free the slot, and give free slots to the next in the queues."""
        with self.lock:
            self.taken -= 1
            self.taken_by_requests -= not own_work
            for first in (True, False):
                line = self.lines[first]
                while line and self._is_free(first):
                    waiter = line.popleft()
                    self._take(first)
                    waiter.has_slot = True
                    waiter.called.set()

    def _is_free(self, own_work: bool) -> bool:
        return self.taken < self.size and (own_work or self.taken_by_requests < self.for_requests)

    def _take(self, own_work: bool) -> None:
        self.taken += 1
        self.taken_by_requests += not own_work


class Pool:
    """The connections: those in use, and unused ones for the next threads."""

    def __init__(self) -> None:
        self.slots = Slots(max(1, settings.DATABASE_POOL_SIZE))
        self.idle: list[IdleConnection] = []  # last in, first out
        self.lent: dict[int, LentConnection] = {}  # by the connection's id()
        self.lock = threading.Lock()
        self.away = False
        self.next_try = float("-inf")

    def take(self, database: str, connect: Callable[[], Any]) -> Any:
        """Take a working connection. Raises DatabaseBusy, DatabaseAway."""
        own_work = waiting.is_own_work()
        self._refuse_while_away()
        self.slots.enter(own_work=own_work)
        try:
            connection, opened = self._connection(database, connect)
        except BaseException:
            self.slots.leave(own_work=own_work)
            raise
        with self.lock:
            self.lent[id(connection)] = LentConnection(connection, database, opened, own_work)
        return connection

    def bring_back(self, connection: Any) -> None:
        """Keep a connection for the next thread; close it if it is broken, old, in a transaction or not from here."""
        with self.lock:
            lent = self.lent.pop(id(connection), None)
        if lent is None:
            connection.close()
            return
        now = time.monotonic()
        idle = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        if idle and not self.away and now - lent.opened < MAX_AGE:
            with self.lock:
                self.idle.append(IdleConnection(connection, lent.database, lent.opened, now))
        else:
            connection.close()
        self.slots.leave(own_work=lent.own_work)
        self._close_idle(now)

    def close(self) -> None:
        """Close the unused connections."""
        with self.lock:
            unused, self.idle = self.idle, []
        for idle in unused:
            idle.connection.close()

    # --- working connections ------------------------------------------------------------------------------------------

    def _connection(self, database: str, connect: Callable[[], Any]) -> tuple[Any, float]:
        """An idle or a new connection, and the time it was opened.

        A server that refuses a connection while others of this process work has probably no room for more. Then this
        waits until one of the others is returned.
        """
        end = time.monotonic() + REQUEST_PATIENCE
        was_tried = False
        while True:
            if idle := self._working(database):
                return idle.connection, idle.opened
            try:
                connection = connect()
            except psycopg.OperationalError as error:
                if outages.is_used_up(error):
                    raise DatabaseBusy(_first_line(error)) from error
                if not was_tried and not isinstance(error, psycopg.errors.ConnectionTimeout):
                    was_tried = True  # a restart of the server may have broken off this very attempt
                    continue
                if isinstance(error, psycopg.errors.ConnectionTimeout) or not self._others_work():
                    self._note_away(error)
                    raise DatabaseAway(_first_line(error)) from error
                if time.monotonic() > end:
                    raise DatabaseBusy(_first_line(error)) from error
                time.sleep(FULL_SECONDS)
            else:
                self._note_back()
                return connection, time.monotonic()

    def _working(self, database: str) -> IdleConnection | None:
        """An idle connection that works; dead ones that it finds are closed."""
        while True:
            with self.lock:
                usable = next((idle for idle in reversed(self.idle) if idle.database == database), None)
                if usable is None:
                    return None
                self.idle.remove(usable)
            if _works(usable):
                return usable
            usable.connection.close()

    def _others_work(self) -> bool:
        with self.lock:
            others = [lent.connection for lent in self.lent.values()]
            others += [idle.connection for idle in self.idle]  # a connection may just have been returned
        return any(not is_dead(connection) for connection in others)

    def _close_idle(self, now: float) -> None:
        with self.lock:
            old = [idle for idle in self.idle if now - idle.since > MAX_IDLE]
            if old:
                self.idle = [idle for idle in self.idle if now - idle.since <= MAX_IDLE]
        for idle in old:
            idle.connection.close()

    # --- a server that does not answer --------------------------------------------------------------------------------

    def _refuse_while_away(self) -> None:
        with self.lock:
            if not self.away:
                return
            now = time.monotonic()
            if now >= self.next_try:
                self.next_try = now + RETRY_SECONDS  # this call tries; the others fail without waiting for it
                return
        raise DatabaseAway("The database does not answer")

    def _note_away(self, error: BaseException) -> None:
        with self.lock:
            news, self.away = not self.away, True
            self.next_try = time.monotonic() + RETRY_SECONDS
        if news:
            logger.error("The database does not answer: %s", _first_line(error))
        self.close()  # idle connections are probably dead too; only a new one shows that the server is back

    def _note_back(self) -> None:
        with self.lock:
            news, self.away = self.away, False
        if news:
            logger.warning("The database answers again")


def is_dead(connection: psycopg.Connection[Any]) -> bool:
    """Whether this machine knows that the connection was closed."""
    return bool(_events(connection) & GONE)


def _works(idle: IdleConnection) -> bool:
    """Whether an idle connection can be used. Asks the server only where there is a reason for doubt."""
    if idle.connection.closed:
        return False
    if not _events(idle.connection) and time.monotonic() - idle.since < UNCHECKED_SECONDS:
        return True
    try:
        idle.connection.execute("")
    except psycopg.Error:
        return False
    return True


def _events(connection: psycopg.Connection[Any]) -> int:
    """The events that poll reports for the socket: none for a healthy, unused connection."""
    try:
        descriptor = connection.fileno()
    except psycopg.OperationalError:  # closed
        return GONE
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | PEER_CLOSED)
    return sum(events for _descriptor, events in poll.poll(0))


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
