"""The snapshot: every route, connection and switch in memory, and how it notices that a row changed.

A process trusts its snapshot for `CONFIG_CHECK_SECONDS`, then looks at the version (one tiny query, one for all who
wait) and builds a new snapshot only when the number differs. A database that is away, or hangs, keeps the old one:
that costs freshness, never a request.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from providers import background, runtime, versioning
from providers.catalogue import discovery, health, snapshot_loader
from providers.facts import Caller, ConnectionFacts, GatewayFacts, Route, Snapshot, Source, is_trusted
from providers.process import outages, waiting

__all__ = [
    "Caller",
    "ConnectionFacts",
    "GatewayFacts",
    "Route",
    "Snapshot",
    "Source",
    "forget",
    "is_trusted",
    "note_failure",
    "note_success",
    "snapshot",
    "snapshot_blocking",
]

PATIENCE = 0.5  # seconds that a request waits for a look at the version before it takes the snapshot it knows

logger = logging.getLogger(__name__)


class _Look:
    """One look at the version, shared by all who ask while it runs. It fails only where no snapshot is known yet."""

    def __init__(self, known: Snapshot | None, keep: "Callable[[_Look, Snapshot], None]") -> None:
        self.started = time.monotonic()
        self.keep = keep  # before anybody has the result: who asks again finds it
        self.known = known
        self.newer = False  # the version differs: the new snapshot is worth any wait
        self.lost = False  # the database did not answer
        self.future: Future[Snapshot] = background.submit(self._run)

    def _run(self) -> Snapshot:
        found = self._read()
        self.keep(self, found)
        return found

    def _read(self) -> Snapshot:
        try:
            version = snapshot_loader.load_version()
            if self.known is not None and version == self.known.version:
                return self.known
            self.newer = True
            return snapshot_loader.load_snapshot(version)
        except (DatabaseError, InterfaceError) as error:
            self.newer, self.lost = False, True
            if self.known is None:
                raise outages.of_database(error) from error
            logger.warning("The configuration cannot be read, going on with what is known: %s", error)
            return self.known


class Snapshots:
    """The newest snapshot, and the look at the version that is under way."""

    def __init__(self) -> None:
        self.current: Snapshot | None = None
        self.checked = float("-inf")
        self.lost = False  # the last look failed or took too long: until one succeeds, nobody waits for it
        self.look: _Look | None = None
        self.generation = 0
        self.lock = threading.Lock()

    def fresh(self) -> Snapshot | None:
        return self.current if time.monotonic() - self.checked < settings.CONFIG_CHECK_SECONDS else None

    def ask(self) -> _Look:
        """The look that is under way, or a new one."""
        with self.lock:
            look = self.look
            if look is None or look.future.done():
                look = self.look = _Look(self.current, partial(self._keep, self.generation))
            return look

    def _keep(self, generation: int, look: _Look, new: Snapshot) -> None:
        if generation == self.generation:
            if look.known is not None and new is not look.known:
                _reopen_edited(look.known, new)
            self.current, self.checked, self.lost = new, look.started, look.lost
            discovery.tend()

    def forget(self) -> None:
        with self.lock:
            self.generation += 1
            self.checked = float("-inf")
            self.look = None  # one that is under way may have looked before the change

    def patience(self, look: _Look) -> float | None:
        """Seconds to wait for this look; None = as long as it takes."""
        if look.known is None or look.newer:
            return None
        return 0.0 if self.lost else max(0.0, look.started + PATIENCE - time.monotonic())

    def give_up(self, look: _Look, known: Snapshot) -> Snapshot:
        self.lost = not look.newer
        return known


async def snapshot() -> Snapshot:
    """The configuration now. No thread hop while it is trusted. Raises Unavailable only before the first one."""
    snapshots = runtime.state(Snapshots)
    found = snapshots.fresh()
    if found is not None:
        return found
    look = snapshots.ask()
    answer = asyncio.wrap_future(look.future)
    answer.add_done_callback(_retrieve)
    await asyncio.wait((answer,), timeout=snapshots.patience(look))
    if not answer.done() and look.newer:
        await asyncio.wait((answer,))
    if answer.done() or look.known is None:
        return answer.result()
    return snapshots.give_up(look, look.known)


def snapshot_blocking() -> Snapshot:
    """The same for synchronous code. Inside a transaction it is read anew, with that one's changes, and not kept."""
    if connection.in_atomic_block:
        return snapshot_loader.load_snapshot(snapshot_loader.load_version())
    snapshots = runtime.state(Snapshots)
    found = snapshots.fresh()
    if found is not None:
        return found
    look = snapshots.ask()
    try:
        return waiting.for_rows(look.future, snapshots.patience(look))
    except FutureTimeout:
        if look.newer or look.known is None:
            return waiting.for_rows(look.future)
        return snapshots.give_up(look, look.known)


def forget() -> None:
    """Look at the version again before the next answer. Called after each change that this process commits."""
    runtime.state(Snapshots).forget()


versioning.listen(forget)


async def note_failure(connection_id: int, error: BaseException) -> None:
    """A call through this connection failed on its side: it rests a while and comes after others."""
    health.failed(connection_id, error)


async def note_success(connection_id: int, ms: float) -> None:
    """A call through this connection was answered; `ms` = time to the first byte."""
    health.answered(connection_id, ms)


def _reopen_edited(old: Snapshot, new: Snapshot) -> None:
    """A connection that was edited gets a fresh chance: what failed before says nothing about it."""
    for pk, facts in new.connections.items():
        if old.connections.get(pk) not in (None, facts):
            health.reopen(pk)


def _retrieve(answer: "asyncio.Future[Snapshot]") -> None:
    if not answer.cancelled():
        answer.exception()  # read, so that asyncio does not report it where a caller left early
