"""Pulls: started from a page, run by a loop of this process, told in rows that every process reads.

A pull holds no thread of a request and no database connection: one thread per process has the loop of all its pulls,
and each writes its row once a second. That write reads whether somebody cancelled it, in whatever process. A row that
nobody has written for `STALE_SECONDS` belonged to a process that died; the server keeps what it had got, and the next
pull goes on from there.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from providers import http, json_bodies, runtime
from providers.catalogue import discovery
from providers.errors import BadRequest, Conflict, GatewayError, ProviderError
from providers.facts import Caller, ConnectionFacts
from providers.models import Connection, ModelPull
from providers.process import background, clock, waiting
from providers.sentences import sentence as _
from providers.upstream import kinds
from providers.upstream.error_bodies import error_of
from providers.upstream.headers import headers_for, secrets_in

HEARTBEAT_SECONDS = 1.0
STALE_SECONDS = 30
MOST_OVER = 20  # pulls that are over, of each connection
LONGEST_NAME = 255
LONGEST_LINE = 2**16  # bytes of a line of progress
MAX_BYTES = 2**28  # of all lines: a pull of days
IDLE_SECONDS = 900.0  # between two lines: the check of a large file says nothing
CLOSE_SECONDS = 3.0

logger = logging.getLogger(__name__)


class Pulls:
    """The pulls of this process, and their loop, which a thread runs from the first one on."""

    def __init__(self) -> None:
        runtime.state(background.Background)  # made first, so closed last: pulls write their rows there
        self.lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: threading.Thread | None = None
        self.running: dict[int, asyncio.Task[None]] = {}

    def start(self, pull_id: int, model: str, facts: ConnectionFacts, by: Caller | None) -> None:
        with self.lock:
            if self.loop is None:
                self.loop = asyncio.new_event_loop()
                self.thread = threading.Thread(target=self.loop.run_forever, name="pulls", daemon=True)
                self.thread.start()
        self.loop.call_soon_threadsafe(self._spawn, pull_id, model, facts, by)

    def _spawn(self, pull_id: int, model: str, facts: ConnectionFacts, by: Caller | None) -> None:
        task = asyncio.ensure_future(_Pull(pull_id, model, facts, by).run())
        self.running[pull_id] = task
        task.add_done_callback(lambda _task: self.running.pop(pull_id, None))

    def close(self) -> None:
        with self.lock:
            loop, thread, self.loop = self.loop, self.thread, None
        if loop is None or thread is None:
            return
        try:
            waiting.for_future(asyncio.run_coroutine_threadsafe(self._end(), loop), CLOSE_SECONDS)
        except TimeoutError:
            logger.warning("Pulls did not end within %s s", CLOSE_SECONDS)
            return
        loop.call_soon_threadsafe(loop.stop)
        waiting.for_thread(thread)
        loop.close()

    async def _end(self) -> None:
        tasks = list(self.running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await http.aclose()


# --- verbs ------------------------------------------------------------------------------------------------------------


def start(row: Connection, facts: ConnectionFacts, model: str, *, by: Caller | None, user: Any = None) -> ModelPull:
    """Begin to pull a model. Blocking. Raises BadRequest for what is no name, Conflict while it is pulled already."""
    name = model.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or any(mark.isspace() for mark in name):
        raise BadRequest(_("Enter the name of a model, such as “gemma3:4b”."), code="invalid_value", param="model")
    settle(row.pk)
    try:
        with transaction.atomic():
            pull = ModelPull.objects.create(connection=row, model=name, by=user)
    except IntegrityError as error:
        raise Conflict(_("“%(model)s” is being pulled already.") % {"model": name}, code="already_running") from error
    over = ModelPull.objects.filter(connection=row).exclude(state=ModelPull.PullState.RUNNING)
    ModelPull.objects.filter(pk__in=list(over.values_list("pk", flat=True)[MOST_OVER:])).delete()
    begin = partial(runtime.state(Pulls).start, pull.pk, name, facts, by)
    transaction.on_commit(begin)
    return pull


def cancel(row: Connection, pull_id: int) -> None:
    """Have a pull end within a second or two, in whatever process it runs. Harmless when it is over."""
    ModelPull.objects.filter(connection=row, pk=pull_id, state=ModelPull.PullState.RUNNING).update(cancels=True)
    settle(row.pk)


def of_connection(connection_id: int) -> list[ModelPull]:
    """The newest pulls, those that run first."""
    settle(connection_id)
    pulls = list(ModelPull.objects.filter(connection_id=connection_id)[: MOST_OVER + 50])
    return sorted(pulls, key=lambda pull: not pull.is_running)


def settle(connection_id: int) -> None:
    """Mark pulls whose process died as failed."""
    running = ModelPull.objects.filter(connection_id=connection_id, state=ModelPull.PullState.RUNNING)
    lost = running.filter(clock.is_older("updated", timedelta(seconds=STALE_SECONDS), timezone.now()))
    lost.update(state=ModelPull.PullState.FAILED, error=str(_INTERRUPTED))


_INTERRUPTED = _("The site stopped meanwhile. Pull the model again: it goes on where it was.")


# --- one pull ---------------------------------------------------------------------------------------------------------


class _Pull:
    """One pull while it runs."""

    def __init__(self, pull_id: int, model: str, facts: ConnectionFacts, by: Caller | None) -> None:
        self.id, self.model, self.facts, self.by = pull_id, model, facts, by
        self.progress: dict[str, Any] = {}  # columns of the row

    async def run(self) -> None:
        reading = asyncio.ensure_future(self._read())
        end: dict[str, Any] = {"state": ModelPull.PullState.FAILED, "error": str(_INTERRUPTED)}
        try:
            while not (await asyncio.wait({reading}, timeout=HEARTBEAT_SECONDS))[0]:
                if await self._is_cancelled():
                    end = {"state": ModelPull.PullState.CANCELLED}
                    return
            reading.result()
            end = {"state": ModelPull.PullState.DONE}
        except GatewayError as error:
            end = {"state": ModelPull.PullState.FAILED, "error": error.full_message}
        except Exception:  # the outermost edge of this task
            logger.exception("The pull of %s failed", self.model)
            end["error"] = str(_("Something went wrong on this site."))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            background.write(partial(self._write, **end), what=f"the end of the pull of {self.model}")
        discovery.refresh(only=(self.facts.id,), timeout=0.0)

    async def _is_cancelled(self) -> bool:
        def write() -> bool:
            self._write()
            return not ModelPull.objects.filter(
                pk=self.id, cancels=False, state=ModelPull.PullState.RUNNING, connection__enabled=True
            ).exists()

        try:
            return await asyncio.wrap_future(background.submit(write))
        except Exception as error:  # without a database the pull goes on
            logger.warning("The progress of the pull of %s could not be written: %s", self.model, error)
            return False

    def _write(self, **end: Any) -> None:
        values = {**self.progress, **end, "updated": timezone.now()}
        ModelPull.objects.filter(pk=self.id, state=ModelPull.PullState.RUNNING).update(**values)

    async def _read(self) -> None:
        """Read the server's progress until it says `success`. Raises GatewayError, with the server's words."""
        facts = self.facts
        headers = await headers_for(facts, caller=self.by)
        limits = http.Limits(facts.limits.connect, IDLE_SECONDS, IDLE_SECONDS, max_bytes=MAX_BYTES)
        async with http.stream(
            "POST",
            kinds.ollama_url(facts, "api/pull"),
            headers=headers,
            body=json_bodies.dumps({"model": self.model, "stream": True}),
            limits=limits,
            tls=facts.tls,
            secrets=secrets_in(facts, headers),
            unpacked=True,
        ) as answer:
            if answer.status >= 400:
                raise error_of(answer.status, await answer.beginning(), dict(answer.headers))
            succeeded = False
            async for step in _steps(answer):
                if step.get("error"):
                    raise ProviderError(_("The server could not pull the model."), provider=str(step["error"])[:2000])
                self._note(step)
                succeeded = step.get("status") == "success"
        if not succeeded:
            raise ProviderError(_("The server ended the pull early. Pull the model again: it goes on where it was."))

    def _note(self, step: Mapping[str, Any]) -> None:
        status = step.get("status")
        self.progress = {
            "status": status[:300] if isinstance(status, str) else "",
            "completed": _bytes(step.get("completed")),
            "total": _bytes(step.get("total")),
        }


def _bytes(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**62 else 0


async def _steps(answer: http.PiecewiseBody) -> AsyncIterator[dict[str, Any]]:
    """The objects of a body in lines. Lines that are none, and those that are too long, are left out."""
    rest = b""
    async for piece in answer.chunks():
        *lines, rest = (rest + piece).split(b"\n")
        rest = rest[:LONGEST_LINE]
        for line in lines:
            if (step := _object(line)) is not None:
                yield step
    if (step := _object(rest)) is not None:
        yield step


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json_bodies.parse_response(line) if line.strip() else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
