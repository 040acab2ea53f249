"""Health of connections: a circuit per connection in memory, whose state is written to the row in the background.

A connection that failed rests, longer each time; meanwhile others are tried first. Resting refuses no call: where no
other connection offers the model, it is tried. Health is no configuration: it makes no new version and no history.
"""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, connection
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from providers import runtime, stored_errors
from providers.errors import OF_CALLER, GatewayError
from providers.models import Connection
from providers.process import background

FIRST_PAUSE = 5.0  # seconds; doubled with each further failure
LONGEST_PAUSE = 300.0
REFUSAL_WRITE_SECONDS = 10.0  # a refusal is written at most this often
MOST_KEPT = 1000  # characters of an error
NO_FAULT: dict[str, Any] = {"last_error": "", "last_fault": None}
OK_WRITE_SECONDS = 60.0  # the health of a working connection is written at most this often

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Circuit:
    """The failures in a row of a connection, and until when it rests."""

    failures: int = 0
    next_try: float = 0.0  # on the monotonic clock
    ok_written: float = float("-inf")
    refusal_written: float = float("-inf")


class Circuits:
    """The circuits of this process, by connection id."""

    def __init__(self) -> None:
        self.by_id: dict[int, Circuit] = {}
        self.resting_sources: dict[tuple[int, str], float] = {}  # until when, on the monotonic clock
        self.lock = threading.Lock()


def pause_after(failures: int) -> float:
    """Seconds of rest after so many failures in a row: 5, 10, 20 … 300."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10)) if failures else 0.0


def is_resting(connection_id: int) -> bool:
    circuit = runtime.state(Circuits).by_id.get(connection_id)
    return circuit is not None and circuit.next_try > time.monotonic()


def is_source_resting(connection_id: int, upstream_id: str) -> bool:
    """Whether others are tried first: the connection rests, or this model at it was called too often."""
    if is_resting(connection_id):
        return True
    until = runtime.state(Circuits).resting_sources.get((connection_id, upstream_id))
    return until is not None and until > time.monotonic()


def rest_source(connection_id: int, upstream_id: str, seconds: float) -> None:
    """Let one model at a connection rest, which is well otherwise: its rate limit is reached."""
    circuits = runtime.state(Circuits)
    now = time.monotonic()
    with circuits.lock:
        resting = circuits.resting_sources
        for key in [key for key, until in resting.items() if until <= now]:
            del resting[key]
        resting[connection_id, upstream_id] = now + min(seconds, LONGEST_PAUSE)


def failed(connection_id: int, error: BaseException) -> None:
    """Note a failure: the connection rests, and its row is written in the background."""
    if isinstance(error, OF_CALLER):
        return
    columns = _fail(connection_id, error)
    background.write(lambda: write_row(connection_id, **columns), what="a connection's failure")


def record_failure(connection_id: int, error: BaseException) -> None:
    """Note a failure and write the row at once, in this thread and transaction."""
    if not isinstance(error, OF_CALLER):
        write_now(_rows(connection_id), **_fail(connection_id, error))


def answered(connection_id: int, milliseconds: float) -> None:
    """Note an answer: the rest ends. The row is written in the background, at most once a minute without failures."""
    circuit = runtime.state(Circuits).by_id.get(connection_id)
    if circuit is not None and not circuit.failures and time.monotonic() - circuit.ok_written < OK_WRITE_SECONDS:
        return
    columns = _answer(connection_id, milliseconds)
    background.write(lambda: write_row(connection_id, **columns), what="a connection's health")


def record_answer(connection_id: int, milliseconds: float) -> None:
    """Note an answer and write the row at once, in this thread and transaction."""
    write_now(_rows(connection_id), **_answer(connection_id, milliseconds))


def write_now(rows: QuerySet[Any], **columns: Any) -> None:
    """Write health columns if possible: the result of a check counts more than the note of it."""
    try:
        rows.update(**columns)
    except (DatabaseError, InterfaceError) as error:
        if connection.in_atomic_block:
            raise  # the transaction is lost
        logger.warning("The health of a row could not be written: %s", error)


def _rows(connection_id: int) -> QuerySet[Any]:
    """The row in a queryset whose writes make no new version of the configuration."""
    return Connection.objects.quietly().filter(pk=connection_id)


def _fail(connection_id: int, error: BaseException) -> dict[str, Any]:
    circuits = runtime.state(Circuits)
    with circuits.lock:
        circuit = circuits.by_id.setdefault(connection_id, Circuit())
        circuit.failures += 1
        pause = pause_after(circuit.failures)
        circuit.next_try = time.monotonic() + pause
        circuit.ok_written = float("-inf")
        failures = circuit.failures
    now = timezone.now()
    return {
        "failures": failures,
        **fault_columns(error),
        "last_checked": now,
        "next_try": now + timedelta(seconds=pause),
    }


def _answer(connection_id: int, milliseconds: float) -> dict[str, Any]:
    circuits = runtime.state(Circuits)
    with circuits.lock:
        circuit = circuits.by_id.setdefault(connection_id, Circuit())
        circuit.failures, circuit.next_try, circuit.ok_written = 0, 0.0, time.monotonic()
    now = timezone.now()
    return {
        "failures": 0,
        **NO_FAULT,
        "last_ok": now,
        "last_checked": now,
        "last_duration_ms": max(0, round(milliseconds)),
        "next_try": None,
    }


def write_row(connection_id: int, **columns: Any) -> None:
    """Write health columns without a new version of the configuration."""
    _rows(connection_id).update(**columns)


def fault_columns(error: BaseException) -> dict[str, Any]:
    """The columns that keep an error of a server: its code and facts, and English for whoever reads rows."""
    fault = error.message_body() if isinstance(error, GatewayError) else None
    with translation.override("en"):
        return {"last_error": in_words(error), "last_fault": fault}


def cause(row: Any) -> str:
    """Why a server fails, in the language of whoever reads it; empty while it works."""
    return stored_errors.cause(row.last_fault, row.last_error) if row.last_error else ""


def refused(connection_id: int, error: BaseException) -> None:
    """Note that the provider refuses this site: its administrators have to act. It answers, so it does not rest."""
    if isinstance(error, OF_CALLER):
        return
    circuits = runtime.state(Circuits)
    with circuits.lock:
        circuit = circuits.by_id.setdefault(connection_id, Circuit())
        if time.monotonic() - circuit.refusal_written < REFUSAL_WRITE_SECONDS:
            return
        circuit.refusal_written = time.monotonic()
        circuit.ok_written = float("-inf")  # the next good answer is written at once
    columns = {**fault_columns(error), "last_checked": timezone.now()}
    background.write(lambda: write_row(connection_id, **columns), what="a provider's refusal")


def in_words(error: BaseException) -> str:
    """An error as one text: never a traceback or a key."""
    return error.full_message[:MOST_KEPT] if isinstance(error, GatewayError) else type(error).__name__


def reopen(connection_id: int) -> None:
    """Drop the circuit of a connection that was edited."""
    circuits = runtime.state(Circuits)
    with circuits.lock:
        circuits.by_id.pop(connection_id, None)
        for key in [key for key in circuits.resting_sources if key[0] == connection_id]:
            del circuits.resting_sources[key]


def state_of(row: Any) -> tuple[str, str]:
    """The health of a row: its name for the style sheet (ok, failing, unknown, off) and a text for people."""
    if not row.enabled:
        return "off", _("switched off")
    if row.last_error:
        failures = getattr(row, "failures", 1)  # engines do not count them
        if failures < 2:
            return "failing", _("failing")
        words = ngettext("failing, %(n)s time in a row", "failing, %(n)s times in a row", failures)
        return "failing", words % {"n": failures}
    if row.last_ok is None:
        return "unknown", _("not tried yet")
    if row.last_duration_ms:
        return "ok", _("answers in %(ms)s ms") % {"ms": row.last_duration_ms}
    return "ok", _("answers")
