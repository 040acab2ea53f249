"""What connections offer, kept as rows: `store` writes a list, `refresh_one` asks a server, `refresh` asks many.

Nobody waits for a list: pages and calls go by the rows there are, and `tend` asks again behind when they are older
than `MODELS_CACHE_TTL`. All servers are asked at the same time, each with its own time limit, so a dead one delays
nobody. A server that failed rests (`health`) and keeps its last list. What a server no longer lists is marked, never
deleted.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from providers import auth, background, http, runtime, versioning
from providers.catalogue import health, snapshot_loader
from providers.errors import GatewayError
from providers.facts import Caller, ConnectionFacts
from providers.models import HEALTH_FIELDS, ChatModel, Connection, ModelSource
from providers.process import waiting
from providers.upstream import kinds, model_lists
from providers.upstream.headers import headers_for, headers_for_blocking
from providers.upstream.model_lists import ListedModel

MIN_PAUSE, MAX_PAUSE = 1.0, 30.0  # seconds between two looks whether a list is old
# Columns of a connection whose change moves models to other ids or replaces the list (`settle`).
SETTLED_COLUMNS = frozenset({"prefix_id", "model_ids"})
CLOSE_SECONDS = 1.0  # how long the end of a process waits for a run that was cancelled
# Columns that say nothing about what a server lists. After a change of any other the server is asked again: a column
# that is forgotten here costs one call, never a stale list.
UNLISTED_COLUMNS = frozenset(
    """
    id name position prefix_id tags connection_type forward_cookies connect_timeout first_byte_timeout idle_timeout
    access demo created updated
    """.split()  # noqa: SIM905  names read better than quoted names
) | {*HEALTH_FIELDS}
LISTED_COLUMNS = frozenset(column.name for column in Connection._meta.concrete_fields) - UNLISTED_COLUMNS
CHUNK = 500  # ids per query: SQLite takes 32766 variables, PostgreSQL plans long lists badly

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one connection's refresh. `error` is None when it worked."""

    connection_id: int
    total: int = 0
    added: int = 0
    gone: int = 0
    ms: int = 0
    error: GatewayError | None = None


# --- rows ------------------------------------------------------------------------------------------------------------


def public_id_of(prefix: str, upstream_id: str) -> str:
    """The id that callers use. Made once, here, and kept as data: nothing ever takes it apart again."""
    return f"{prefix}.{upstream_id}" if prefix else upstream_id


def store(connection_id: int, listed: Sequence[ListedModel] | None, *, keep_raw: bool = False) -> Outcome:
    """Make the rows of one connection say what `listed` says; None only moves them to the connection's prefix.

    `keep_raw`: the list has no details of its own (static ids), so what is known stays. Counts the version up only when
    something changed.
    """
    with versioning.exclusive():
        prefix = Connection.objects.filter(pk=connection_id).values_list("prefix_id", flat=True).first()
        if prefix is None:
            return Outcome(connection_id)
        known = {
            source.upstream_id: source
            for source in ModelSource.objects.filter(connection_id=connection_id).select_related("model")
        }
        if listed is None:
            listed = [ListedModel(source.upstream_id, source.raw) for source in known.values() if source.listed]
        listed = [item for item in listed if len(public_id_of(prefix, item.upstream_id)) <= model_lists.MAX_ID]
        outcome, changed = _write(connection_id, prefix, known, listed, keep_raw=keep_raw)
        if changed:
            versioning.changed()
        return outcome


def _write(
    connection_id: int, prefix: str, known: dict[str, ModelSource], listed: Sequence[ListedModel], *, keep_raw: bool
) -> tuple[Outcome, bool]:
    now = timezone.now()
    wanted = {item.upstream_id: public_id_of(prefix, item.upstream_id) for item in listed}
    astray = [row for row in known.values() if row.model.public_id != public_id_of(prefix, row.upstream_id)]
    missing_ids = {public_id for upstream_id, public_id in wanted.items() if upstream_id not in known}
    models = _models_for(missing_ids | {public_id_of(prefix, source.upstream_id) for source in astray})

    new = [
        ModelSource(
            model_id=models[wanted[item.upstream_id]],
            connection_id=connection_id,
            upstream_id=item.upstream_id,
            raw=dict(item.raw),
            first_seen=now,
            last_seen=now,
        )
        for item in listed
        if item.upstream_id not in known
    ]
    edited = {}
    for item in listed:
        source = known.get(item.upstream_id)
        if source is not None and (not source.listed or (not keep_raw and _differs(source.raw, item.raw))):
            source.listed = True
            source.raw = source.raw if keep_raw else dict(item.raw)
            edited[source.pk] = source
    left = {source.model_id for source in astray}
    for source in astray:
        source.model_id = models[public_id_of(prefix, source.upstream_id)]
        edited[source.pk] = source
    gone = [source.pk for upstream_id, source in known.items() if source.listed and upstream_id not in wanted]

    rows = ModelSource.objects.quietly()
    rows.bulk_create(new, batch_size=CHUNK, ignore_conflicts=True)
    rows.bulk_update(edited.values(), ["model", "raw", "listed"], batch_size=100)
    for some in _chunks(gone):
        rows.filter(pk__in=some).update(listed=False)
    rows.filter(connection_id=connection_id, listed=True).update(last_seen=now)
    prune(left)
    outcome = Outcome(connection_id, total=len(listed), added=len(new), gone=len(gone))
    return outcome, bool(new or edited or gone)


def _models_for(public_ids: set[str]) -> dict[str, int]:
    """The model rows of these ids, made where there are none."""
    models: dict[str, int] = {}
    for some in _chunks(sorted(public_ids)):
        rows = ChatModel.objects.filter(public_id__in=some)
        there = dict(rows.values_list("public_id", "pk"))
        missing = [ChatModel(public_id=public_id) for public_id in some if public_id not in there]
        if missing:
            ChatModel.objects.quietly().bulk_create(missing, ignore_conflicts=True)
            there = dict(rows.values_list("public_id", "pk"))
        models |= there
    return models


def _differs(old: Any, new: Any) -> bool:
    """Some servers say `created` anew with every list; that alone is no change."""
    return {**old, "created": None} != {**new, "created": None}


def prune(model_ids: Iterable[int]) -> None:
    """Delete those of these models that nothing stands behind or upon, and that nobody has given a setting."""
    for some in _chunks(sorted(model_ids)):
        untouched = ChatModel.objects.quietly().filter(
            pk__in=some, sources=None, presets=None, base=None, groups=None, users=None, owner=None, enabled=True,
            access="inherit", name="", description="", system_prompt="", params={}, tags=[], vision=None, tools=None,
        )  # fmt: skip
        ChatModel.objects.quietly().filter(pk__in=list(untouched.values_list("pk", flat=True))).delete()


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def settle(row: Connection) -> None:
    """After an edit: models move to a new prefix, and static ids become rows, both without any network."""
    if row.model_ids:
        store(row.pk, model_lists.static_list(row.model_ids), keep_raw=True)
    elif any(
        public_id != public_id_of(row.prefix_id, upstream_id)
        for upstream_id, public_id in row.sources.values_list("upstream_id", "model__public_id")
    ):
        store(row.pk, None)


# --- one server ------------------------------------------------------------------------------------------------------


def refresh_one(row: Connection, *, by: Caller | None = None) -> Outcome:
    """Ask one server now, in this thread, and write what it says. `by`: in whose name, where the connection has no key.

    Raises GatewayError; the row's health says the same.
    """
    started = time.monotonic()
    try:
        listed = ask(row, by=by)
    except GatewayError as error:
        health.record_failure(row.pk, error)
        raise
    ms = round((time.monotonic() - started) * 1000)
    outcome = replace(store(row.pk, listed, keep_raw=bool(row.model_ids)), ms=ms)
    _note_listed(row.pk)
    if not row.model_ids:
        health.record_answer(row.pk, ms)
    return outcome


def ask(row: Connection, *, by: Caller | None = None) -> list[ListedModel]:
    """The list as it is now, nothing written; for rows that are not saved, too. Raises GatewayError."""
    if row.model_ids:
        return model_lists.static_list(row.model_ids)
    return fetch_blocking(snapshot_loader.facts_of(row), by=by)


def fetch_blocking(facts: ConnectionFacts, *, by: Caller | None = None) -> list[ListedModel]:
    """Ask a server for its list, in this thread. Raises GatewayError."""
    headers = headers_for_blocking(facts, caller=by)
    for url in kinds.of(facts).list_urls(facts):
        answer = http.request("GET", url, headers=headers, limits=model_lists.limits_of(facts), tls=facts.tls)
        if answer.status != 404:
            break
    return model_lists.read_list(answer.status, answer.content, answer.headers)


def probe(facts: ConnectionFacts, *, by: Caller | None = None) -> int | None:
    """Call a server in order to see whether it answers and takes our key; nothing is written. Raises GatewayError.

    How many models it lists, or None: a server whose models are written down by hand may have no list at all.
    """
    answer = probe_answer(facts, by=by)
    if facts.model_ids and answer.status in (404, 405):
        return None
    return len(model_lists.read_list(answer.status, answer.content, answer.headers))


def probe_answer(facts: ConnectionFacts, *, by: Caller | None = None) -> http.BlockingResponse:
    """What a server says when asked for its models; a refused key first, where the list would not refuse it."""
    headers = headers_for_blocking(facts, caller=by)
    limits = model_lists.limits_of(facts)
    if (url := kinds.proof_url(facts)) is not None:
        proof = http.request("GET", url, headers=headers, limits=limits, tls=facts.tls)
        if proof.status in (401, 403):
            return proof
    for url in kinds.probe_urls(facts):
        answer = http.request("GET", url, headers=headers, limits=limits, tls=facts.tls)
        if answer.status != 404:
            break
    return answer


async def fetch(facts: ConnectionFacts) -> list[ListedModel]:
    """The same for the event loop, in nobody's name."""
    headers = await headers_for(facts)
    for url in kinds.of(facts).list_urls(facts):
        async with http.stream(
            "GET", url, headers=headers, limits=model_lists.limits_of(facts), tls=facts.tls
        ) as answer:
            body = await answer.read()
        if answer.status != 404:
            break
    return model_lists.read_list(answer.status, body, {name.lower(): value for name, value in answer.headers})


def _note_listed(connection_id: int) -> None:
    health.write_row(connection_id, listed_at=timezone.now())


# --- many servers ----------------------------------------------------------------------------------------------------


class _Run(threading.Thread):
    """One refresh of many connections, in a thread with an event loop of its own; it never holds up a process's end."""

    def __init__(self, *, only_due: bool, only: frozenset[int] | None) -> None:
        super().__init__(name="discovery", daemon=True)
        self.only_due = only_due
        self.only = only
        self.outcomes: dict[int, Outcome] = {}
        self._unwanted = False
        self._end: Callable[[], object] = lambda: None

    def run(self) -> None:
        try:
            chosen = waiting.for_future(background.submit(self._choose))
            if chosen:
                asyncio.run(self._ask_all(chosen))
        except asyncio.CancelledError:
            pass  # by `cancel`
        except Exception:  # the outermost edge of this thread: whatever it is, the lists stay as they are
            logger.exception("The model lists could not be refreshed")

    def cancel(self) -> None:
        """End the run, from any thread: servers that have not answered keep their lists."""
        self._unwanted = True
        with suppress(RuntimeError):  # its loop has ended by itself
            self._end()

    def _choose(self) -> list[ConnectionFacts]:
        rows = Connection.objects.filter(enabled=True)
        if self.only is not None:
            rows = rows.filter(pk__in=self.only)
        if self.only_due:
            rows = rows.filter(_is_due())
        # A type that proves a person needs one; such lists are read when an administrator asks for them.
        return [snapshot_loader.facts_of(row) for row in rows if row.model_ids or not auth.needs_user(row.auth_type)]

    async def _ask_all(self, chosen: list[ConnectionFacts]) -> None:
        task = asyncio.current_task()
        self._end = partial(asyncio.get_running_loop().call_soon_threadsafe, cast("asyncio.Task[None]", task).cancel)
        if self._unwanted:
            return
        try:
            await asyncio.gather(*(self._ask_one(facts) for facts in chosen))
        finally:
            await http.aclose()

    async def _ask_one(self, facts: ConnectionFacts) -> None:
        started = time.monotonic()
        try:
            listed = model_lists.static_list(facts.model_ids) if facts.model_ids else await fetch(facts)
        except GatewayError as error:
            health.failed(facts.id, error)
            self.outcomes[facts.id] = Outcome(facts.id, error=error)
            return
        ms = round((time.monotonic() - started) * 1000)

        def write() -> Outcome:
            outcome = store(facts.id, listed, keep_raw=bool(facts.model_ids))
            _note_listed(facts.id)
            return outcome

        if not facts.model_ids:
            health.answered(facts.id, ms)
        self.outcomes[facts.id] = replace(await asyncio.wrap_future(background.submit(write)), ms=ms)


def _is_due() -> Q:
    now = timezone.now()
    never = Q(listed_at=None)
    ttl = settings.MODELS_CACHE_TTL
    old = Q(listed_at__lt=now - timedelta(seconds=ttl)) if ttl is not None else Q(pk=None)
    return (never | old) & (Q(next_try=None) | Q(next_try__lte=now))


class Refreshes:
    """This process's runs: one at a time, and when to look again whether a list is old."""

    def __init__(self) -> None:
        runtime.state(background.Background)  # where a run reads and writes its rows
        self.lock = threading.Lock()
        self.run: _Run | None = None
        self.next_look = float("-inf")

    def start(self, *, only_due: bool, only: Iterable[int] | None = None) -> _Run:
        """Begin a run; one of the same kind that is under way is taken instead."""
        chosen = frozenset(only) if only is not None else None
        with self.lock:
            if (
                self.run is not None
                and self.run.is_alive()
                and (self.run.only_due, self.run.only) == (only_due, chosen)
            ):
                return self.run
            run = _Run(only_due=only_due, only=chosen)
            run.start()
            self.run = run
            return run

    def close(self) -> None:
        if self.run is not None:
            self.run.cancel()
            waiting.for_thread(self.run, CLOSE_SECONDS)


def refresh(*, only: Iterable[int] | None = None, timeout: float | None = None) -> dict[int, Outcome]:
    """Ask all enabled connections (or these) now, all at the same time, and wait for `timeout` seconds at most.

    The outcomes that are there by then; the rest goes on behind. For synchronous code outside of a transaction.
    """
    run = runtime.state(Refreshes).start(only_due=False, only=only)
    waiting.for_thread(run, timeout)
    return dict(run.outcomes)


def refresh_due(*, timeout: float) -> None:
    """Ask those whose list is old or missing, waiting `timeout` seconds at most (the start of a process)."""
    waiting.for_thread(runtime.state(Refreshes).start(only_due=True), timeout)


def tend() -> None:
    """Begin a refresh behind when it is time to see whether a list is old. Costs a comparison; waits for nothing."""
    moment = time.monotonic()
    refreshes = runtime.state(Refreshes)
    if moment < refreshes.next_look:
        return
    refreshes.next_look = moment + min(MAX_PAUSE, max(MIN_PAUSE, (settings.MODELS_CACHE_TTL or MAX_PAUSE) / 10))
    refreshes.start(only_due=True)


def drain() -> None:
    """Wait until the run that is under way is over."""
    run = runtime.state(Refreshes).run
    if run is not None:
        waiting.for_thread(run)
