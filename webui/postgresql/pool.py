"""The PostgreSQL connections of this process: `DATABASE_POOL_SIZE` at most, which threads take and bring back.

Who finds all of them in use waits in line, for a bounded time. The site's own work (usage, health, jobs, running
replies) comes first, and some places are only for it, so that no crowd of requests keeps it from going on. While the
server is away everybody is told at once: one attempt a second asks whether it is back.

Why not psycopg's pool: its callers wait for their whole time while the server is away, and it sleeps a second for each
dead connection that its check finds (`ConnectionPool._getconn_with_check_loop`), so a restart of the server would be
felt for long after it.
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

REQUEST_PATIENCE, OWN_PATIENCE = 10.0, 60.0  # seconds in line, for a request and for the site's own work
LINE = 1000  # requests that wait at the same time
RETRY_SECONDS = 1.0  # between two attempts to reach a server that is away
FULL_SECONDS = 0.2  # between two attempts to reach one that takes no more connections, while others of ours work
MAX_AGE, MAX_IDLE = 3600.0, 600.0  # seconds after which a connection is closed
UNCHECKED_SECONDS = 30.0  # a connection that lay for longer is asked whether it still works
# What a dead peer sets on a socket; data that nobody asked for may be the server's farewell.
PEER_CLOSED = getattr(select, "POLLRDHUP", 0)  # Linux has it
GONE = PEER_CLOSED | select.POLLHUP | select.POLLERR | select.POLLNVAL

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Kept:
    """A connection that nobody uses."""

    connection: psycopg.Connection[Any]
    database: str
    opened: float  # on the monotonic clock
    since: float


@dataclass(slots=True)
class Loan:
    """A connection that a thread uses."""

    connection: psycopg.Connection[Any]
    database: str
    opened: float
    own_work: bool


@dataclass(slots=True)
class Waiter:
    own_work: bool
    called: threading.Event = field(default_factory=threading.Event)
    has_place: bool = False


class Places:
    """Who may have a connection: so many at a time, requests in the order in which they came, own work before them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.for_requests = size - min(2, size // 2)  # of ten, eight; of three, two
        self.taken = self.taken_by_requests = 0
        self.lines: dict[bool, deque[Waiter]] = {True: deque(), False: deque()}  # by whether it is own work
        self.lock = threading.Lock()

    def enter(self, *, own_work: bool) -> None:
        """Take a place, waiting for one. Raises DatabaseBusy."""
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
            if not waiter.has_place:
                line.remove(waiter)
                raise DatabaseBusy("No connection to the database became free in time")

    def leave(self, *, own_work: bool) -> None:
        """Give the place to whoever is next."""
        with self.lock:
            self.taken -= 1
            self.taken_by_requests -= not own_work
            for first in (True, False):
                line = self.lines[first]
                while line and self._is_free(first):
                    waiter = line.popleft()
                    self._take(first)
                    waiter.has_place = True
                    waiter.called.set()

    def _is_free(self, own_work: bool) -> bool:
        return self.taken < self.size and (own_work or self.taken_by_requests < self.for_requests)

    def _take(self, own_work: bool) -> None:
        self.taken += 1
        self.taken_by_requests += not own_work


class Pool:
    """The connections, those in use and those kept for the next thread."""

    def __init__(self) -> None:
        self.places = Places(max(1, settings.DATABASE_POOL_SIZE))
        self.kept: list[Kept] = []  # the last to come back is the next to go
        self.loans: dict[int, Loan] = {}  # by the connection's id()
        self.lock = threading.Lock()
        self.away = False
        self.next_try = float("-inf")

    def take(self, database: str, connect: Callable[[], Any]) -> Any:
        """A connection that works. Raises DatabaseBusy, DatabaseAway."""
        own_work = waiting.is_own_work()
        self._refuse_while_away()
        self.places.enter(own_work=own_work)
        try:
            connection, opened = self._connection(database, connect)
        except BaseException:
            self.places.leave(own_work=own_work)
            raise
        with self.lock:
            self.loans[id(connection)] = Loan(connection, database, opened, own_work)
        return connection

    def bring_back(self, connection: Any) -> None:
        """Keep a connection for the next thread; close one that is broken, old, in a transaction, or not ours."""
        with self.lock:
            loan = self.loans.pop(id(connection), None)
        if loan is None:
            connection.close()
            return
        now = time.monotonic()
        idle = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        if idle and not self.away and now - loan.opened < MAX_AGE:
            with self.lock:
                self.kept.append(Kept(connection, loan.database, loan.opened, now))
        else:
            connection.close()
        self.places.leave(own_work=loan.own_work)
        self._close_idle(now)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self.lock:
            unused, self.kept = self.kept, []
        for one in unused:
            one.connection.close()

    # --- one that works -----------------------------------------------------------------------------------------------

    def _connection(self, database: str, connect: Callable[[], Any]) -> tuple[Any, float]:
        """A kept connection or a new one, and when it was opened.

        While others of ours work, a server that refuses may only have no room for more: then one of theirs will do.
        """
        end = time.monotonic() + REQUEST_PATIENCE
        while True:
            if kept := self._working(database):
                return kept.connection, kept.opened
            try:
                connection = connect()
            except psycopg.OperationalError as error:
                if outages.is_used_up(error):
                    raise DatabaseBusy(_first_line(error)) from error
                if isinstance(error, psycopg.errors.ConnectionTimeout) or not self._others_work():
                    self._note_away(error)
                    raise DatabaseAway(_first_line(error)) from error
                if time.monotonic() > end:
                    raise DatabaseBusy(_first_line(error)) from error
                time.sleep(FULL_SECONDS)
            else:
                self._note_back()
                return connection, time.monotonic()

    def _working(self, database: str) -> Kept | None:
        """A kept connection that is not dead; the dead are closed on the way."""
        while True:
            with self.lock:
                found = next((one for one in reversed(self.kept) if one.database == database), None)
                if found is None:
                    return None
                self.kept.remove(found)
            if _works(found):
                return found
            found.connection.close()

    def _others_work(self) -> bool:
        with self.lock:
            others = [loan.connection for loan in self.loans.values()]
            others += [kept.connection for kept in self.kept]  # one may just have come back
        return any(not is_dead(connection) for connection in others)

    def _close_idle(self, now: float) -> None:
        with self.lock:
            old = [one for one in self.kept if now - one.since > MAX_IDLE]
            if old:
                self.kept = [one for one in self.kept if now - one.since <= MAX_IDLE]
        for one in old:
            one.connection.close()

    # --- away ---------------------------------------------------------------------------------------------------------

    def _refuse_while_away(self) -> None:
        with self.lock:
            if not self.away:
                return
            now = time.monotonic()
            if now >= self.next_try:
                self.next_try = now + RETRY_SECONDS  # this one asks; the others need not wait for its answer
                return
        raise DatabaseAway("The database does not answer")

    def _note_away(self, error: BaseException) -> None:
        with self.lock:
            news, self.away = not self.away, True
            self.next_try = time.monotonic() + RETRY_SECONDS
        if news:
            logger.error("The database does not answer: %s", _first_line(error))
        self.close()  # what is kept is as doubtful: whether the server is back, a new connection shows

    def _note_back(self) -> None:
        with self.lock:
            news, self.away = self.away, False
        if news:
            logger.warning("The database answers again")


def is_dead(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has closed this connection, as far as this machine knows."""
    return bool(_events(connection) & GONE)


def _works(kept: Kept) -> bool:
    """Whether a kept connection can be used: without a word to the server, unless there is a reason for doubt."""
    if kept.connection.closed:
        return False
    if not _events(kept.connection) and time.monotonic() - kept.since < UNCHECKED_SECONDS:
        return True
    try:
        kept.connection.execute("")
    except psycopg.Error:
        return False
    return True


def _events(connection: psycopg.Connection[Any]) -> int:
    """What the connection's socket has to say of itself: nothing while all is well and nobody uses it."""
    try:
        descriptor = connection.fileno()
    except psycopg.OperationalError:  # closed
        return GONE
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | PEER_CLOSED)
    return sum(events for _descriptor, events in poll.poll(0))


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
