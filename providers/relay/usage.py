"""Usage records: one row for each call, written in batches by a thread in the background.

`record` never blocks and never fails. The thread writes within a second. Without a database records wait in a queue;
those that no longer fit are lost, and the log says how many. The end of the process writes what is still queued.
"""

import logging
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, connections, transaction

from providers import runtime
from providers.http.content_encoding import CannotUnpack, Unpacker
from providers.models import ClientKey, Connection, UsageRecord
from providers.process import outages, waiting
from providers.upstream import endings

BATCH_SECONDS = 0.5  # between two batches
IDLE_SECONDS = 10.0  # the thread ends after this long without records
BATCH_ROWS = 500
QUEUE_ROWS = 20_000  # about 10 MB: 20 s without a database at 1,000 calls a second
CLIENT_LEFT = 499  # nginx's status for a client that disconnected before the end of the response
TAIL_BYTES = 64 * 1024  # the end of a response, which has its usage
HEAD_BYTES = 1024  # the beginning, where servers that rerank put it
LAST_REASONS = 16  # members `finish_reason` that are looked at, from the end
MAX_UNPACKED = 2**26  # bytes of a packed response that are looked through
MAX_UNPACKED_AT_ONCE = 2**21  # of them, because the event loop waits meanwhile
MAX_TOKENS = 2**31 - 1  # of the column

logger = logging.getLogger(__name__)
_IS_OBJECT = re.compile(rb'"usage"\s*:\s*\{')
_INPUT = re.compile(rb'"(?:prompt|input)_tokens"\s*:\s*(\d{1,18})\s*[,}]')
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"([^"\\]{1,60})"')
# An error in the form of a member (an object or words, not null), MiniMax's `base_resp`, or a line of a stream.
_ERROR = re.compile(
    rb'"error"\s*:\s*(?:\{|"[^"])|"base_resp"\s*:\s*\{[^{}]{0,200}"status_code"\s*:\s*-?[1-9]|(?:^|[\r\n])error:'
)
_TOTAL = re.compile(rb'"total_tokens"\s*:\s*(\d{1,18})\s*[,}]')
_OUTPUT = re.compile(rb'"(?:completion|output)_tokens"\s*:\s*(\d{1,18})\s*[,}]')


@dataclass(slots=True)
class CallUsage:
    """The usage of one call. The fields are the columns of `UsageRecord`."""

    kind: str  # the name of an operation, image, task
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
    """Queue the usage of one call. Returns at once, from any thread or loop."""
    runtime.state(UsageWriter).add(usage)


def flush() -> None:
    """Write the queued records, in this thread."""
    runtime.state(UsageWriter).write()


class Tail:
    """The last pieces of a response, for the tokens that it reports, and the number of all bytes received."""

    __slots__ = ("_pieces", "_size", "_text", "head", "received")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self.head = b""  # the first `HEAD_BYTES`, of the first piece
        self._text: bytes | None = None  # of these pieces; two of its readers come at the end of a response
        self.received = 0

    def add(self, piece: bytes) -> None:
        size = len(piece)
        self._text = None
        if not self.head:
            self.head = piece[:HEAD_BYTES]
        self._pieces.append(piece)
        self._size += size
        self.received += size
        while self._size - len(self._pieces[0]) >= TAIL_BYTES:
            self._size -= len(self._pieces.popleft())

    async def finish(self) -> None:
        """Look through what `add` put off. To be called at the end of the body, before anything is counted."""

    def tokens(self) -> tuple[int, int]:
        """Input and output tokens of the last usage object in the response; 0, 0 without one."""
        return read_tokens(self.text)

    @property
    def text(self) -> bytes:
        """The last `TAIL_BYTES`."""
        if self._text is None:
            self._text = b"".join(self._pieces)[-TAIL_BYTES:]
        return self._text

    @property
    def end(self) -> bytes:
        """The last few bytes."""
        return b"".join(list(self._pieces)[-4:])[-4:]


class PackedTail(Tail):
    """The tail of a response that is passed on compressed.

    A piece that unpacks to much is unpacked in parts, one with each piece that follows, and the rest in `finish`.
    """

    __slots__ = ("_is_behind", "_left", "_unpacker")

    def __init__(self, unpacker: Unpacker) -> None:
        super().__init__()
        self._unpacker = unpacker
        self._left = MAX_UNPACKED
        self._is_behind = False  # there may be more to unpack

    def add(self, piece: bytes) -> None:
        if self._left > 0:
            self._unpacker.feed(piece)
        self._keep(self._unpack())
        self.received += len(piece)

    async def finish(self) -> None:
        while self._is_behind:
            self._keep(await waiting.in_own_thread(self._unpack))

    def _keep(self, plain: list[bytes]) -> None:
        received = self.received
        for piece in plain:
            super().add(piece)
        self.received = received

    def _unpack(self) -> list[bytes]:
        """The next part, about `MAX_UNPACKED_AT_ONCE` bytes; less where there is no more."""
        part, end = list[bytes](), max(0, self._left - MAX_UNPACKED_AT_ONCE)
        try:
            while self._left > end and (plain := self._unpacker.take()):
                self._left -= len(plain)
                part.append(plain)
        except CannotUnpack:
            self._left = 0
        self._is_behind = 0 < self._left <= end
        return part


def failed(tail: Tail) -> bool:
    """Whether the response tells of an error, or its last `finish_reason` is a provider's word for a failure."""
    text = tail.text
    if (b'"error"' in text or b'"base_resp"' in text or b"error:" in text) and _ERROR.search(text):
        return True
    end = len(text)
    for _ in range(LAST_REASONS):
        start = text.rfind(b'"finish_reason"', 0, end)
        if start < 0:
            return False
        if match := _FINISH.match(text, start):
            return match[1].decode(errors="replace") not in endings.ORDINARY
        end = start  # null
    return False


def count_tokens(tail: Tail) -> dict[str, int]:
    """The columns of a response that reports its tokens."""
    tokens_in, tokens_out = tail.tokens()
    return {"tokens_in": tokens_in, "tokens_out": tokens_out}


def count_reranking(tail: Tail) -> dict[str, int]:
    """The columns of a response that ranks documents.

    It may name only a total, which is input then, in `usage` or Cohere's `meta`, before or after the documents.
    """
    for text in (tail.text, tail.head):
        tokens_in, tokens_out = read_tokens(text)
        if not tokens_in and not tokens_out:
            start = max(text.rfind(b'"usage"'), text.rfind(b'"meta"'))
            tokens_in = _count((_TOTAL.search(text, start) or _INPUT.search(text, start)) if start >= 0 else None)
        if tokens_in or tokens_out:
            return {"tokens_in": tokens_in, "tokens_out": tokens_out}
    return {"tokens_in": 0, "tokens_out": 0}


def count_audio(tail: Tail) -> dict[str, int]:
    """The columns of a response that is audio."""
    return {"audio_bytes": tail.received}


def read_tokens(tail: bytes) -> tuple[int, int]:
    """See `Tail.tokens`. Searches backwards for the member, then for two numbers: parsing would take ten times as long.

    Quotes inside a JSON string are escaped, so the names cannot be part of a text.
    """
    end = len(tail)
    while (start := tail.rfind(b'"usage"', 0, end)) >= 0:
        if _IS_OBJECT.match(tail, start):
            tokens_in, tokens_out = _INPUT.search(tail, start, end), _OUTPUT.search(tail, start, end)
            if tokens_in or tokens_out:
                return _count(tokens_in), _count(tokens_out)
        end = start  # null, a text, or an object without tokens
    return 0, 0


def _count(match: re.Match[bytes] | None) -> int:
    return min(int(match[1]), MAX_TOKENS) if match else 0


class UsageWriter:
    """The queue and its thread, which starts with the first record (so after any fork) and ends without more."""

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
        """Write batches. On SQLite the database connection stays open: opening one takes as long as 100 rows."""
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
            self.thread = None  # before the last check: `add` starts another thread from here on
            if self.waiting:
                self.thread = threading.current_thread()
            return self.thread is None

    def close(self) -> None:
        """End the thread, and write the rest in this one."""
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
        """Write the queued records. Without a database they stay queued for the next time."""
        with self.writing:
            while self.waiting:
                batch = [self.waiting[index] for index in range(min(BATCH_ROWS, len(self.waiting)))]
                try:
                    _insert(batch)
                except Exception as error:
                    if outages.of(error) is not None:
                        logger.warning("%s usage records wait for the database: %s", len(self.waiting), error)
                        if not connection.in_atomic_block:
                            connection.close()  # the connection may be broken; the next write opens another
                        return
                    # The outermost edge: a batch that can never be written must not block the next ones.
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
    """Insert with plain SQL, because a row takes ten times as long through the ORM."""
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in COLUMNS)
    marks = ", ".join(["%s"] * len(COLUMNS))
    with transaction.atomic(), connection.cursor() as cursor:
        table = quote(UsageRecord._meta.db_table)
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608  names of our columns


def _detach(batch: list[CallUsage]) -> None:
    """Clear references to rows that were deleted while the records waited."""
    for name, model in (("user_id", get_user_model()), ("key_id", ClientKey), ("connection_id", Connection)):
        referenced = {getattr(usage, name) for usage in batch} - {None}
        existing = set(model._default_manager.filter(pk__in=referenced).values_list("pk", flat=True))
        for usage in batch:
            if getattr(usage, name) not in existing:
                setattr(usage, name, None)
