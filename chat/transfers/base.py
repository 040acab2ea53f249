"""What a work is given to run with."""

import logging
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from django.core.files.base import File as DjangoFile
from django.db import DatabaseError, connections
from django.db.models import QuerySet
from django.utils import timezone

from chat import events
from chat.files import stores
from chat.models import Transfer
from providers.process import waiting

BEAT_SECONDS = 1.0  # between two heartbeats
ALIVE_SECONDS = 10.0  # between those that say no more than that the process lives
LEAVE_SECONDS = 3.0

logger = logging.getLogger(__name__)


class TransferCancelled(Exception):
    """The person does not want the work any more."""


class Leaving(Exception):
    """This process ends: another one goes on with the work, from its beginning."""


class Work:
    """One run of a work. Its function calls `beat` often: with each chat, each file, each few thousand values."""

    def __init__(self, row: Transfer, *, is_leaving: Callable[[], bool]) -> None:
        self.row = row
        self.drops_file = False  # what was uploaded is needed no more, once the end of the work is stored
        self._is_leaving = is_leaving
        self._beat_at = 0.0

    def beat(self, **progress: Any) -> None:
        """Say that the work goes on, and how far it is. Raises TransferCancelled, Leaving."""
        if self._is_leaving():
            raise Leaving
        if progress:
            self.row.progress = {**self.row.progress, **progress}
        now = time.monotonic()
        if now - self._beat_at < BEAT_SECONDS:
            return
        self._beat_at = now
        wanted = ours(self.row).filter(cancel_requested=False)
        if not wanted.update(heartbeat=timezone.now(), progress=self.row.progress):
            raise TransferCancelled  # asked for, deleted with its person, or taken over by another process
        tell(self.row)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Send heartbeats also while one large chat or file is stored, which takes longer than a dead process is
        waited for.
        """
        ended = threading.Event()

        def live() -> None:
            waiting.mark_own_work()
            while not waiting.for_event(ended, ALIVE_SECONDS):
                try:
                    ours(self.row).update(heartbeat=timezone.now())
                except DatabaseError:
                    logger.warning("Transfer %s could not send a heartbeat", self.row.pk)
                finally:
                    connections.close_all()

        thread = threading.Thread(target=live, name="transfer-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            waiting.for_thread(thread, LEAVE_SECONDS)

    @contextmanager
    def file(self) -> Iterator[IO[bytes]]:
        """The uploaded file, on a local disk."""
        with tempfile.TemporaryFile() as local:
            for piece in stores.read_range(self.row.storage_name, 0, None):
                local.write(piece)
                self.beat()
            local.seek(0)
            yield local

    def keep(self, file: IO[bytes]) -> None:
        """Store what the work made as the file of its row. Raises TransferCancelled."""
        file.seek(0, 2)
        size = file.tell()
        file.seek(0)
        # A name of this run's own: another one may have taken the work over meanwhile.
        name = stores.write(f"transfers/{self.row.pk}-{secrets.token_hex(4)}", DjangoFile(file, self.row.name))
        if not ours(self.row).update(storage_name=name, size=size):
            stores.delete(name)
            raise TransferCancelled
        self.row.storage_name, self.row.size = name, size


def ours(row: Transfer) -> QuerySet[Transfer]:
    """The row, as long as this run has it."""
    return Transfer.objects.filter(pk=row.pk, state=Transfer.TransferState.RUNNING, worker=row.worker)


def tell(row: Transfer) -> None:
    """Let the person's pages know how the work stands."""
    data = {"id": str(row.pk), "kind": row.kind, "state": row.state, "share": row.progress.get("share")}
    events.emit_soon(row.user_id, type="data:transfer", data=data)
