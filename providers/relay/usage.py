"""What was used: every call that reached a provider becomes a row, written behind by one thread, in batches.

`record` never blocks and never fails. The thread writes at most a second behind. While the database is away records
wait, and those that no longer fit are counted in the log. What is left is written when the process ends.
"""

import logging
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, connection, connections, transaction

from providers import runtime
from providers.process import waiting

BATCH_SECONDS = 0.5  # how long the thread gathers
IDLE_SECONDS = 10.0  # how long it waits for more before it ends
BATCH_ROWS = 500
QUEUE_ROWS = 20_000  # about 10 MB: at 1,000 calls a second the database may be away for 20 s
CLIENT_LEFT = 499  # nginx's number for a caller who did not wait for the answer
TAIL_BYTES = 64 * 1024  # the end of an answer, where its usage stands
MAX_TOKENS = 2**31 - 1  # what the column holds

logger = logging.getLogger(__name__)
_IS_OBJECT = re.compile(rb'"usage"\s*:\s*\{')
_TOLD = re.compile(rb'"(?:prompt|input)_tokens"\s*:\s*(\d{1,18})\s*[,}]')
_ANSWERED = re.compile(rb'"(?:completion|output)_tokens"\s*:\s*(\d{1,18})\s*[,}]')


@dataclass(slots=True)
class CallUsage:
    """One call, as `UsageRecord` keeps it. Its fields are the columns."""

    kind: str  # chat, embeddings, responses, speech, image, task
    user_id: int | None = None
    key_id: int | None = None
    connection_id: int | None = None
    model: str = ""  # public id
    tokens_in: int = 0
    tokens_out: int = 0
    images: int = 0
    audio_bytes: int = 0
    status: int = 0
    first_byte_ms: int | None = None
    duration_ms: int = 0
    when: float = field(default_factory=time.time)  # seconds since the epoch


COLUMNS = tuple(column.name for column in fields(CallUsage))


def record(usage: CallUsage) -> None:
    """Queue one call. Returns at once, from any thread or loop."""
    runtime.state(UsageWriter).add(usage)


def flush() -> None:
    """Write what waits, in this thread."""
    runtime.state(UsageWriter).write()


class Tail:
    """The end of an answer, as the pieces it came in: how many tokens it tells of, and how many bytes there were."""

    __slots__ = ("_pieces", "_size", "received")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self.received = 0

    def add(self, piece: bytes) -> None:
        size = len(piece)
        self._pieces.append(piece)
        self._size += size
        self.received += size
        while self._size - len(self._pieces[0]) >= TAIL_BYTES:
            self._size -= len(self._pieces.popleft())

    def tokens(self) -> tuple[int, int]:
        """Tokens in and out, by the last usage object of a chat, responses or embeddings answer; zeros without one."""
        return tokens_in(b"".join(self._pieces)[-TAIL_BYTES:])

    @property
    def end(self) -> bytes:
        """The last few bytes."""
        return b"".join(list(self._pieces)[-4:])[-4:]


def count_tokens(tail: Tail) -> dict[str, int]:
    """The columns of an answer whose end says how many tokens it used."""
    told, answered = tail.tokens()
    return {"tokens_in": told, "tokens_out": answered}


def count_sound(tail: Tail) -> dict[str, int]:
    """The columns of an answer that is a sound."""
    return {"audio_bytes": tail.received}


def tokens_in(tail: bytes) -> tuple[int, int]:
    """See `Tail.tokens`. Looks for the member from behind, then for two numbers: parsing costs ten times as much.

    Inside a JSON string every quote is escaped, so none of the names can be part of a text.
    """
    end = len(tail)
    while (start := tail.rfind(b'"usage"', 0, end)) >= 0:
        if _IS_OBJECT.match(tail, start):
            told, answered = _TOLD.search(tail, start, end), _ANSWERED.search(tail, start, end)
            if told or answered:
                return _count(told), _count(answered)
        end = start  # null, the word as a value, or an object of another kind
    return 0, 0


def _count(found: re.Match[bytes] | None) -> int:
    return min(int(found[1]), MAX_TOKENS) if found else 0


class UsageWriter:
    """The queue and its thread, which starts with the first record (so after any fork) and ends when none is left."""

    def __init__(self) -> None:
        self.waiting: deque[CallUsage] = deque()
        self.lost = 0
        self.thread: threading.Thread | None = None
        self.starting = threading.Lock()
        self.writing = threading.Lock()
        self.closing = threading.Event()

    def add(self, usage: CallUsage) -> None:
        if len(self.waiting) >= QUEUE_ROWS:
            self.lost += 1
            return
        self.waiting.append(usage)
        if self.thread is None:
            with self.starting:
                if self.thread is None:
                    self.thread = threading.Thread(target=self._run, name="usage", daemon=True)
                    self.thread.start()

    def _run(self) -> None:
        """Gather and write. On SQLite the connection stays open meanwhile: opening one costs as much as 100 rows."""
        waiting.mark_own_work()
        try:
            idle = 0.0
            while idle < IDLE_SECONDS or not self._ends():
                if waiting.for_event(self.closing, BATCH_SECONDS):
                    return
                idle = 0.0 if self.waiting else idle + BATCH_SECONDS
                self.write()
        finally:
            connections.close_all()

    def _ends(self) -> bool:
        with self.starting:
            self.thread = None  # before the last look: whoever adds from here on starts another one
            if self.waiting:
                self.thread = threading.current_thread()
            return self.thread is None

    def close(self) -> None:
        """End the thread and write what is left, in this one."""
        self.closing.set()
        thread = self.thread
        if thread is not None:
            waiting.for_thread(thread)
        if not self.waiting:
            return
        was_open = connection.connection is not None
        try:
            self.write()
        finally:
            if not was_open:
                connection.close()

    def write(self) -> None:
        """Write all that waits. What a database that is away does not take stays for the next time."""
        with self.writing:
            while self.waiting:
                batch = [self.waiting[index] for index in range(min(BATCH_ROWS, len(self.waiting)))]
                try:
                    _insert(batch)
                except (OperationalError, InterfaceError) as error:
                    logger.warning("%s usage records wait for the database: %s", len(self.waiting), error)
                    if not connection.in_atomic_block:
                        connection.close()  # it may be broken; the next try opens another
                    return
                except Exception:
                    # The outermost edge: a batch that can never be written must not stop those behind it.
                    logger.exception("%s usage records cannot be written", len(batch))
                for _ in batch:
                    self.waiting.popleft()
            if self.lost:
                logger.error("%s usage records were lost while the database was away", self.lost)
                self.lost = 0


def _insert(batch: list[CallUsage]) -> None:
    try:
        _write_rows([_row(usage) for usage in batch])
    except IntegrityError:
        _detach(batch)
        _write_rows([_row(usage) for usage in batch])


def _row(usage: CallUsage) -> tuple[Any, ...]:
    return tuple(
        connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(usage.when, UTC))
        if name == "when"
        else getattr(usage, name)
        for name in COLUMNS
    )


def _write_rows(rows: list[tuple[Any, ...]]) -> None:
    """Plain SQL: hundreds a second are written beside the calls, and through the ORM a row costs ten times as much."""
    from providers.models import UsageRecord

    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in COLUMNS)
    marks = ", ".join(["%s"] * len(COLUMNS))
    with transaction.atomic(), connection.cursor() as cursor:
        table = quote(UsageRecord._meta.db_table)
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608  names of our columns


def _detach(batch: list[CallUsage]) -> None:
    """Somebody or something was deleted while its records waited: they are kept without it."""
    from django.contrib.auth import get_user_model

    from providers.models import ClientKey, Connection

    for name, model in (("user_id", get_user_model()), ("key_id", ClientKey), ("connection_id", Connection)):
        wanted = {getattr(usage, name) for usage in batch} - {None}
        there = set(model._default_manager.filter(pk__in=wanted).values_list("pk", flat=True))
        for usage in batch:
            if getattr(usage, name) not in there:
                setattr(usage, name, None)
