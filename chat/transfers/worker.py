"""The threads of each process that run works: one at a time for each person, also those of processes that died.

A row says which process runs it, with a heartbeat, as those of picture jobs do. A work whose process ended is begun
again: works are written so that what is done is done once.
"""

import logging
import secrets
import threading
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, transaction
from django.db.models import Q
from django.utils import timezone, translation

from chat.files import stores
from chat.models import Transfer
from chat.transfers import base, table
from chat.transfers.base import Leaving, TransferCancelled, Work
from providers import runtime
from providers.errors import GatewayError
from providers.process import clock, identity, waiting
from providers.sentences import sentence as _

THREADS = 2
IDLE_SECONDS = 3.0  # between looks for works that other processes queued, or left behind
STALE = timedelta(seconds=60)  # a row with an older heartbeat belongs to a process that has died
ATTEMPTS = 4  # a work that ends its process each time is not begun again

logger = logging.getLogger(__name__)
State = Transfer.TransferState


class TransferWorkers:
    """The threads of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wake = threading.Event()
        self.ending = threading.Event()
        self.claiming = threading.Lock()
        self.threads: list[threading.Thread] = []

    def start(self) -> None:
        with self.lock:
            self.threads = [thread for thread in self.threads if thread.is_alive()]
            while len(self.threads) < THREADS and not self.ending.is_set():
                thread = threading.Thread(target=self._live, name=f"transfers-{len(self.threads)}", daemon=True)
                self.threads.append(thread)
                thread.start()

    def start_and_wake(self) -> None:
        self.start()
        self.wake.set()

    def close(self) -> None:
        """Let the works of this process go, so that the next one begins them again."""
        self.ending.set()
        self.wake.set()
        for thread in list(self.threads):
            if thread is not threading.current_thread():
                waiting.for_thread(thread, base.LEAVE_SECONDS)

    def _live(self) -> None:
        waiting.mark_own_work()
        while not self.ending.is_set():
            row = None
            try:
                with self.claiming:
                    row = _claim()
                if row is not None:
                    _run(row, is_leaving=self.ending.is_set)
            except Exception:  # the outermost frame of this thread
                logger.exception("Transfers cannot be run right now")
            finally:
                connections.close_all()
            if row is None:
                waiting.for_event(self.wake, IDLE_SECONDS)
                self.wake.clear()


def _claim() -> Transfer | None:
    """The oldest work that nobody runs, of a person of whom none runs; it is running from here on."""
    now = timezone.now()
    running = Transfer.objects.filter(state=State.RUNNING)
    alive = {
        pk: user_id
        for pk, owner, heartbeat, user_id in running.values_list("pk", "worker", "heartbeat", "user_id")
        if not (identity.has_ended(owner) or heartbeat is None or clock.is_old(heartbeat, STALE, now))
    }
    rows = Transfer.objects.filter(Q(state=State.QUEUED) | Q(state=State.RUNNING)).exclude(pk__in=list(alive))
    for row in rows.exclude(user_id__in=list(alive.values())).order_by("created")[:10]:
        if row.attempts >= ATTEMPTS:
            _end(row, State.FAILED, error=_lost())
        elif _take(row, list(alive)):
            return row
    return None


@transaction.atomic
def _take(row: Transfer, alive: list[Any]) -> bool:
    """Whether the row is this process's now. `alive`: the works that others were seen to run."""
    # The person's row is the lock: two processes would each find that none of their works runs.
    get_user_model()._default_manager.select_for_update().get(pk=row.user_id)
    others = Transfer.objects.filter(user_id=row.user_id, state=State.RUNNING).exclude(pk=row.pk)
    if others.filter(Q(pk__in=alive) | Q(heartbeat__gt=timezone.now() - STALE)).exists():
        return False
    unchanged = Transfer.objects.filter(pk=row.pk, state=row.state, worker=row.worker, heartbeat=row.heartbeat)
    # A name for this run alone: one of the same process from which it was taken must not go on as if it had it.
    row.state, row.worker = State.RUNNING, f"{identity.name()}:{secrets.token_hex(4)}"
    row.heartbeat = timezone.now()
    row.attempts += 1
    mine = {name: getattr(row, name) for name in ("state", "worker", "heartbeat", "attempts")}
    return bool(unchanged.update(**mine))


def _run(row: Transfer, *, is_leaving: Any) -> None:
    work = Work(row, is_leaving=is_leaving)
    language = row.user.preferences.get("language") or translation.get_language()
    try:
        with translation.override(language), work.alive():
            report = table.function_of(row.kind)(work)
        ready = row.kind == Transfer.TransferKind.IMPORT and not row.options.get("go")
        _end(row, State.READY if ready else State.DONE, report=report, drops_file=work.drops_file)
    except TransferCancelled:
        _end(row, State.CANCELLED)
    except Leaving:
        _let_go(row)
    except GatewayError as error:
        logger.info("Transfer %s failed: %s", row.pk, error.code)
        _end(row, State.FAILED, error=error)
    except Exception:  # a row must never stay "running"
        logger.exception("Transfer %s failed", row.pk)
        message = _("Something went wrong on this site. Its log has the details. What was done so far stays.")
        _end(row, State.FAILED, error=GatewayError(message))


def _let_go(row: Transfer) -> None:
    base.ours(row).update(state=State.QUEUED, worker="", heartbeat=None, attempts=row.attempts - 1)


def _end(
    row: Transfer, state: str, *, report: Any = None, error: GatewayError | None = None, drops_file: bool = False
) -> None:
    """Store the end, unless another one was stored or another run has the work: then nothing of it changes."""
    values: dict[str, Any] = {"state": state, "ended": timezone.now(), "expires_at": row.expires_at}
    values["error"] = error.message_body() if error else None
    if report is not None:
        values["report"] = report
    uploaded = row.storage_name
    if drops_file:
        values["storage_name"] = ""
    if not Transfer.objects.filter(pk=row.pk, worker=row.worker, state=row.state).update(**values):
        return
    for name, value in values.items():
        setattr(row, name, value)
    if drops_file and uploaded:
        stores.delete(uploaded)  # behind the end: a work that is begun again needs it
    base.tell(row)


def _lost() -> GatewayError:
    return GatewayError(
        _("This ended several times before it was done: it may be too large for this site. What was done stays."),
        code="interrupted",
    )


def wake_after_commit() -> None:
    """Start the threads, or wake them, once a queued row can be seen."""
    transaction.on_commit(_wake)


def _wake() -> None:
    runtime.state(TransferWorkers).start_and_wake()


def start() -> None:
    """Start the threads; safe to call again. A server does this once it serves."""
    runtime.state(TransferWorkers).start()
