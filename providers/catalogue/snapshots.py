"""The snapshot: the configuration in memory, replaced when a row changes.

A process uses its snapshot for `CONFIG_CHECK_SECONDS`, then reads the version (one small query for all waiting calls),
and builds a new snapshot only when the number differs. While the database does not answer, the old snapshot stays in
use: settings may be out of date, no request fails.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.dispatch import receiver

from providers import runtime, versioning
from providers.catalogue import discovery, health, snapshot_loader
from providers.facts import Caller, ConnectionFacts, GatewayFacts, Route, Snapshot, Source, is_trusted
from providers.process import background, outages, waiting

__all__ = [
    "Caller",
    "ConnectionFacts",
    "GatewayFacts",
    "Route",
    "Snapshot",
    "Source",
    "is_trusted",
]

PATIENCE = 0.5  # seconds that a request waits for the version before it uses the old snapshot

logger = logging.getLogger(__name__)


class _VersionCheck:
    """One check of the version, shared by all calls that wait for it. It fails only where there is no snapshot yet."""

    def __init__(self, previous: Snapshot | None, keep: "Callable[[_VersionCheck, Snapshot], None]") -> None:
        self.started = time.monotonic()
        self.keep = keep  # called before anybody gets the result, so that the next call finds it
        self.previous = previous
        self.newer = False  # the version differs: calls wait for the new snapshot
        self.lost = False  # the database did not answer
        self.future: Future[Snapshot] = background.submit(self._run)

    def _run(self) -> Snapshot:
        snapshot = self._read()
        self.keep(self, snapshot)
        return snapshot

    def _read(self) -> Snapshot:
        try:
            version = snapshot_loader.load_version()
            if self.previous is not None and version == self.previous.version:
                return self.previous
            self.newer = True
            return snapshot_loader.load_snapshot(version)
        except (DatabaseError, InterfaceError) as error:
            self.newer, self.lost = False, True
            if self.previous is None:
                raise outages.of_database(error) from error
            logger.warning("The configuration cannot be read, the old snapshot stays in use: %s", error)
            return self.previous


class Snapshots:
    """The newest snapshot, and the check of the version that is running."""

    def __init__(self) -> None:
        self.current: Snapshot | None = None
        self.fresh_until = float("-inf")  # on the monotonic clock
        self.lost = False  # the last check failed or took too long: until one succeeds, no call waits
        self.check: _VersionCheck | None = None
        self.generation = 0
        self.lock = threading.Lock()

    def fresh(self) -> Snapshot | None:
        return self.current if time.monotonic() < self.fresh_until else None

    def start_check(self) -> _VersionCheck:
        """The check that is running, or a new one."""
        with self.lock:
            check = self.check
            if check is None or check.future.done():
                check = self.check = _VersionCheck(self.current, partial(self._keep, self.generation))
            return check

    def _keep(self, generation: int, check: _VersionCheck, new: Snapshot) -> None:
        if generation == self.generation:
            if check.previous is not None and new is not check.previous:
                _reopen_edited(check.previous, new)
            self.current, self.lost = new, check.lost
            self.fresh_until = check.started + settings.CONFIG_CHECK_SECONDS
            discovery.refresh_if_due()

    def forget(self) -> None:
        with self.lock:
            self.generation += 1
            self.fresh_until = float("-inf")
            self.check = None  # a running check may have read the version before the change

    def patience(self, check: _VersionCheck) -> float | None:
        """The number of seconds to wait for a check; None: until it is done."""
        if check.previous is None or check.newer:
            return None
        return 0.0 if self.lost else max(0.0, check.started + PATIENCE - time.monotonic())

    def give_up(self, check: _VersionCheck, previous: Snapshot) -> Snapshot:
        self.lost = not check.newer
        return previous


async def snapshot() -> Snapshot:
    """The current configuration, without a thread hop while fresh. Raises Unavailable before the first one."""
    snapshots = runtime.state(Snapshots)
    fresh = snapshots.fresh()
    if fresh is not None:
        return fresh
    check = snapshots.start_check()
    answer = asyncio.wrap_future(check.future)
    answer.add_done_callback(_retrieve)
    await asyncio.wait((answer,), timeout=snapshots.patience(check))
    if not answer.done() and check.newer:
        await asyncio.wait((answer,))
    if answer.done() or check.previous is None:
        return answer.result()
    return snapshots.give_up(check, check.previous)


def snapshot_blocking() -> Snapshot:
    """`snapshot` for synchronous code. Inside a transaction the rows are read, and the snapshot is not kept."""
    if connection.in_atomic_block:
        return snapshot_loader.load_snapshot(snapshot_loader.load_version())
    snapshots = runtime.state(Snapshots)
    fresh = snapshots.fresh()
    if fresh is not None:
        return fresh
    check = snapshots.start_check()
    try:
        return waiting.for_rows(check.future, snapshots.patience(check))
    except FutureTimeout:
        if check.newer or check.previous is None:
            return waiting.for_rows(check.future)
        return snapshots.give_up(check, check.previous)


def known_version() -> int | None:
    """The number of the newest snapshot of this process; None before the first one."""
    current = runtime.state(Snapshots).current
    return None if current is None else current.version


def forget() -> None:
    """Check the version before the next use."""
    runtime.state(Snapshots).forget()


@receiver(versioning.committed)
def _configuration_changed(sender: Any, **_more: Any) -> None:
    forget()


def note_failure(connection_id: int, error: BaseException) -> None:
    """Note that a call failed on the connection's side: it rests, and other connections are tried first."""
    health.failed(connection_id, error)


def note_refusal(connection_id: int, error: BaseException) -> None:
    """Note that a provider refuses this site: administrators see it, and calls go on as before."""
    health.refused(connection_id, error)


def note_success(connection_id: int, ms: float) -> None:
    """Note that a call was answered; `ms` is the time to the first byte."""
    health.answered(connection_id, ms)


def note_rate_limit(connection_id: int, upstream_id: str, seconds: float | None) -> None:
    """Note that a model was called too often: for so long its other sources are tried first."""
    health.rest_source(connection_id, upstream_id, health.FIRST_PAUSE if seconds is None else seconds)


def _reopen_edited(old: Snapshot, new: Snapshot) -> None:
    """End the rest of connections that were edited: earlier failures say nothing about the new settings."""
    for pk, facts in new.connections.items():
        if old.connections.get(pk) not in (None, facts):
            health.reopen(pk)


def _retrieve(answer: "asyncio.Future[Snapshot]") -> None:
    if not answer.cancelled():
        answer.exception()  # read it, so that asyncio does not report it where a caller was cancelled
