"""Permits: a stream, reply, job or socket ends when its person loses the account, the key or the right to it.

Code that runs for a person holds a `Permit` while it runs. While a process has permits, one thread reads the version of
the configuration every `LOOK_SECONDS`. Taking a right away changes this version, in whichever process it happens. The
thread then checks all permits in a few queries, and ends those that are no longer valid.
"""

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any

from django.contrib.auth import get_user_model
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from providers import catalogue, runtime
from providers.callers import check_address, proof_of
from providers.catalogue import snapshot_loader
from providers.errors import GatewayError, Unauthenticated
from providers.facts import Caller, Snapshot
from providers.matching import patterns
from providers.models import ClientKey
from providers.process import background, waiting
from providers.process.background import Background
from providers.sentences import sentence as _

LOOK_SECONDS = 0.3

End = Callable[[GatewayError], None]
Check = Callable[[Snapshot, Caller], None]  # of the caller as it is now; raises GatewayError for what it may not do

logger = logging.getLogger(__name__)


class Permit:
    """The right of a caller to go on. When it ends, `end` is called once, with the error that says why.

    It ends when the account, the session or the key ends, and when `check` raises. `end` is called on the event loop
    that made the permit. If there was none, the thread of the permits calls it; then it must not wait.
    """

    __slots__ = ("_permits", "caller", "check", "end", "judged", "loop")

    def __init__(self, caller: Caller, end: End, *, check: Check | None = None) -> None:
        self.caller, self.end, self.check = caller, end, check
        self.judged: int | None = None  # the version of the configuration at which it was last valid
        try:
            self.loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self.loop = None
        self._permits = runtime.state(Permits)
        self._permits.add(self)

    def close(self) -> None:
        """Give the permit back when the work is done. May be called several times."""
        self._permits.discard(self)


class Permits:
    """The permits of this process, and the thread that checks them."""

    def __init__(self) -> None:
        runtime.state(Background)  # made first, so that it is closed after this one, which uses it
        self.held: set[Permit] = set()
        self.some = threading.Event()  # set while there are permits
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def add(self, permit: Permit) -> None:
        self.held.add(permit)
        if not self.some.is_set():
            self.some.set()
            self._start()

    def discard(self, permit: Permit) -> None:
        self.held.discard(permit)

    def close(self) -> None:
        self.ending.set()
        self.some.set()
        if self.thread is not None and self.thread is not threading.current_thread():
            waiting.for_thread(self.thread)

    def _start(self) -> None:
        with self.lock:
            if self.thread is None and not self.ending.is_set():
                self.thread = threading.Thread(target=self._live, name="permits", daemon=True)
                self.thread.start()

    def _live(self) -> None:
        waiting.mark_own_work()
        while not self.ending.is_set():
            if not self.held:
                self.some.clear()
                if self.held:  # added between the two lines above
                    self.some.set()
            waiting.for_event(self.some)
            if waiting.for_event(self.ending, LOOK_SECONDS):
                return
            try:
                self._look()
            except (DatabaseError, InterfaceError, GatewayError) as error:
                logger.warning("Permits cannot be judged for now: %s", type(error).__name__)
            except Exception:  # the thread must live on: without it, no permit would end
                logger.exception("Permits cannot be judged for now")

    def _look(self) -> None:
        held = list(self.held)
        if not held:
            return
        version = background.run(snapshot_loader.load_version)
        unjudged = [permit for permit in held if permit.judged != version]
        if not unjudged:
            return
        snapshot = catalogue.snapshot_blocking()
        if snapshot.version != version:
            catalogue.forget()
            snapshot = catalogue.snapshot_blocking()
        for permit, error in background.run(partial(_judge, unjudged, snapshot)):
            self.discard(permit)
            _call(permit, error)


def _call(permit: Permit, error: GatewayError) -> None:
    if permit.loop is None:
        permit.end(error)
        return
    with suppress(RuntimeError):  # the loop is closed: what the permit was for has ended with it
        permit.loop.call_soon_threadsafe(permit.end, error)


def _judge(permits: Collection[Permit], snapshot: Snapshot) -> list[tuple[Permit, GatewayError]]:
    """The permits that are no longer valid, each with the reason; the others are marked with the snapshot's version."""
    accounts = _Accounts(permits)
    ended = []
    for permit in permits:
        try:
            caller = accounts.caller_now(permit.caller)
            if permit.check is not None:
                permit.check(snapshot, caller)
        except GatewayError as error:
            ended.append((permit, error))
        else:
            permit.judged = snapshot.version
    return ended


class _Accounts:
    """The present state of the people and keys of some permits, read in three queries."""

    def __init__(self, permits: Collection[Permit]) -> None:
        user_model: Any = get_user_model()
        people = {permit.caller.user_id for permit in permits}
        self.users: dict[int, Any] = user_model._default_manager.in_bulk(people)
        self.groups: dict[int, set[int]] = defaultdict(set)
        for user_id, group_id in user_model.groups.through._default_manager.filter(user_id__in=people).values_list(
            "user_id", "group_id"
        ):
            self.groups[user_id].add(group_id)
        keys = {permit.caller.key_id for permit in permits} - {None}
        self.keys: dict[int, Any] = ClientKey.objects.in_bulk(keys) if keys else {}

    def caller_now(self, caller: Caller) -> Caller:
        """The caller with the present role, groups, scopes and models. Raises Unauthenticated, Forbidden."""
        user = self.users.get(caller.user_id)
        if user is None or not user.is_active:
            raise Unauthenticated(_("This account is not active."), code="account_inactive")
        if caller.proof and proof_of(user) != caller.proof:
            raise Unauthenticated(_("This session has ended."), code="session_ended")
        scopes, models = caller.scopes, caller.models
        if caller.key_id is not None:
            key = self.keys.get(caller.key_id)
            if key is None or key.revoked_at is not None:
                raise Unauthenticated(_("This API key was revoked."))
            end = key.end_of(caller.secret_digest) if caller.secret_digest else key.expires_at
            if end is not None and end <= timezone.now():
                raise Unauthenticated(_("This API key has expired."))
            # A token is used by a provider, wherever that is; a picture job outlives its call, and is nowhere.
            if not caller.proof and caller.address:
                check_address(key.allowed_networks, caller.address)
            models = patterns.compiled(key.models)
            scopes = scopes if caller.proof else frozenset(key.scopes)  # a token has fewer than its key
        return replace(caller, role=user.role, group_ids=frozenset(self.groups[user.pk]), scopes=scopes, models=models)


class PermitScope:
    """A permit for the steps of a task: `with scope: await …` is cancelled when the permit ends, and raises why."""

    __slots__ = ("_baseline", "_error", "_permit", "_task")

    def __init__(self, caller: Caller, *, check: Check | None = None) -> None:
        self._error: GatewayError | None = None
        self._task: asyncio.Task[Any] | None = None
        self._baseline = 0
        self._permit = Permit(caller, self._end, check=check)

    @property
    def has_ended(self) -> bool:
        return self._error is not None

    def close(self) -> None:
        self._permit.close()

    def __enter__(self) -> None:
        if self._error is not None:
            raise self._error
        self._task = asyncio.current_task(self._permit.loop)
        self._baseline = self._task.cancelling() if self._task is not None else 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._error is None or task is None or kind is not asyncio.CancelledError:
            return
        if task.uncancel() <= self._baseline:  # the permit alone cancelled the task
            raise self._error from None

    def _end(self, error: GatewayError) -> None:
        self._error = error
        if self._task is not None:
            self._task.cancel()
