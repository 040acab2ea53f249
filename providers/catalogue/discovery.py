"""Discovery of models: `store` writes a list to rows, `refresh_one` asks one server, `refresh` asks many.

No page and no call waits for a list: they use the stored rows, and `refresh_if_due` asks again in the background when
rows are older than `MODELS_CACHE_TTL`. All servers are asked at the same time, each with its own timeout, so a dead one
delays no other. A server that failed rests (`health`) and keeps its last list. Models that a server no longer lists are
marked, never deleted.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypedDict, cast

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from providers import auth, http, runtime, versioning
from providers.catalogue import health, snapshot_loader
from providers.errors import GatewayError
from providers.facts import Caller, ConnectionFacts
from providers.models import HEALTH_FIELDS, PEOPLES, ChatModel, Connection, ModelSource
from providers.process import background, clock, waiting
from providers.upstream import kinds, model_lists
from providers.upstream.error_bodies import with_own_credential
from providers.upstream.headers import headers_for, headers_for_blocking, secrets_in
from providers.upstream.model_lists import ListedModel, ListReader

MIN_PAUSE, MAX_PAUSE = 1.0, 30.0  # seconds between two checks whether a list is old
# Columns of a connection whose change gives models other ids or replaces the list (`settle`).
SETTLED_COLUMNS = frozenset({"prefix_id", "model_ids"})
CLOSE_SECONDS = 1.0  # how long the end of a process waits for a cancelled run
# Columns that do not affect what a server lists. After a change of any other column the server is asked again. A column
# that is missing here costs one call, never an outdated list.
UNLISTED_COLUMNS = frozenset(
    """
    id name position prefix_id tags connection_type forward_cookies connect_timeout first_byte_timeout idle_timeout
    access shared_access demo created updated retries retry_seconds
    extra_params dropped_params learn_params speaks
    """.split()  # noqa: SIM905  names read better than quoted names
) | {*HEALTH_FIELDS}
LISTED_COLUMNS = frozenset(column.name for column in Connection._meta.concrete_fields) - UNLISTED_COLUMNS
CHUNK = 500  # ids per query: SQLite allows 32766 variables, PostgreSQL is slow to plan long lists

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """The result of refreshing one connection; `error` is None for a success."""

    connection_id: int
    total: int = 0
    added: int = 0
    gone: int = 0
    ms: int = 0
    error: GatewayError | None = None


class ListCall(TypedDict):
    """The options of a call that asks for a list."""

    headers: Mapping[str, str]
    limits: http.Limits
    tls: http.Tls
    secrets: http.Secrets
    redirects: bool


# --- rows ------------------------------------------------------------------------------------------------------------


def public_id_of(prefix: str, upstream_id: str) -> str:
    """The id that callers use. It is made here only and stored; nothing parses it. The ids of people's own presets are
    theirs: a model that a provider calls so is offered below `models/`.
    """
    public_id = f"{prefix}.{upstream_id}" if prefix else upstream_id
    return f"models/{public_id}" if public_id.startswith(PEOPLES) else public_id


def store(connection_id: int, listed: Sequence[ListedModel] | None, *, keep_raw: bool = False) -> RefreshResult:
    """Write a connection's list to its rows. None: only give the models ids with the connection's present prefix.

    `keep_raw`: the list has no details (ids that an administrator entered), so stored ones stay. Counts the version up
    only when something changed.
    """
    with versioning.exclusive():
        prefix = Connection.objects.filter(pk=connection_id).values_list("prefix_id", flat=True).first()
        if prefix is None:
            return RefreshResult(connection_id)
        stored = {
            source.upstream_id: source
            for source in ModelSource.objects.filter(connection_id=connection_id).select_related("model")
        }
        if listed is None:
            listed = [ListedModel(source.upstream_id, source.raw) for source in stored.values() if source.listed]
        listed = [item for item in listed if len(public_id_of(prefix, item.upstream_id)) <= model_lists.MAX_ID]
        result, changed = _write(connection_id, prefix, stored, listed, keep_raw=keep_raw)
        if changed:
            versioning.changed()
        return result


def _write(
    connection_id: int, prefix: str, stored: dict[str, ModelSource], listed: Sequence[ListedModel], *, keep_raw: bool
) -> tuple[RefreshResult, bool]:
    now = timezone.now()
    public_ids = {item.upstream_id: public_id_of(prefix, item.upstream_id) for item in listed}
    moved = [row for row in stored.values() if row.model.public_id != public_id_of(prefix, row.upstream_id)]
    missing_ids = {public_id for upstream_id, public_id in public_ids.items() if upstream_id not in stored}
    models = _models_for(missing_ids | {public_id_of(prefix, source.upstream_id) for source in moved})

    elsewhere = _listed_elsewhere(connection_id, missing_ids)

    new = [
        ModelSource(
            model_id=models[public_ids[item.upstream_id]],
            connection_id=connection_id,
            upstream_id=item.upstream_id,
            raw=dict(item.raw),
            first_seen=now,
            last_seen=now,
        )
        for item in listed
        if item.upstream_id not in stored
    ]
    edited = {}
    for item in listed:
        source = stored.get(item.upstream_id)
        if source is not None and (not source.listed or (not keep_raw and _differs(source.raw, item.raw))):
            source.listed = True
            source.raw = source.raw if keep_raw else dict(item.raw)
            edited[source.pk] = source
    former_models = {source.model_id for source in moved}
    for source in moved:
        source.model_id = models[public_id_of(prefix, source.upstream_id)]
        edited[source.pk] = source
    gone = [source.pk for upstream_id, source in stored.items() if source.listed and upstream_id not in public_ids]

    rows = ModelSource.objects.quietly()
    rows.bulk_create(new, batch_size=CHUNK, ignore_conflicts=True)
    rows.bulk_update(edited.values(), ["model", "raw", "listed"], batch_size=100)
    for chunk in _chunks(gone):
        rows.filter(pk__in=chunk).update(listed=False)
    rows.filter(connection_id=connection_id, listed=True).update(last_seen=now)
    prune(former_models)
    result = RefreshResult(connection_id, total=len(listed), added=len(missing_ids - elsewhere), gone=len(gone))
    return result, bool(new or edited or gone)


def _listed_elsewhere(connection_id: int, public_ids: set[str]) -> set[str]:
    """The models among these that another connection offers: they are new here, not on the site."""
    rows = ModelSource.offered().exclude(connection_id=connection_id)
    existing: set[str] = set()
    for chunk in _chunks(sorted(public_ids)):
        existing |= set(rows.filter(model__public_id__in=chunk).values_list("model__public_id", flat=True))
    return existing


def _models_for(public_ids: set[str]) -> dict[str, int]:
    """The primary keys of models by public id; missing models are created."""
    models: dict[str, int] = {}
    for chunk in _chunks(sorted(public_ids)):
        rows = ChatModel.objects.filter(public_id__in=chunk)
        existing = dict(rows.values_list("public_id", "pk"))
        missing = [ChatModel(public_id=public_id) for public_id in chunk if public_id not in existing]
        if missing:
            ChatModel.objects.quietly().bulk_create(missing, ignore_conflicts=True)
            existing = dict(rows.values_list("public_id", "pk"))
        models |= existing
    return models


def _differs(old: Any, new: Any) -> bool:
    """Whether two objects of a model differ, except in `created`, which some servers change with every list."""
    return {**old, "created": None} != {**new, "created": None}


def prune(model_ids: Iterable[int]) -> None:
    """Delete those of these models that have no source, no preset and no setting."""
    for chunk in _chunks(sorted(model_ids)):
        untouched = ChatModel.objects.quietly().filter(
            pk__in=chunk, sources=None, presets=None, base=None, groups=None, users=None, owner=None, enabled=True,
            access="inherit", name="", description="", system_prompt="", params={}, tags=[], vision=None, tools=None,
            order="position", fallbacks=[], extra_params={}, dropped_params=[],
        )  # fmt: skip
        ChatModel.objects.quietly().filter(pk__in=list(untouched.values_list("pk", flat=True))).delete()


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def settle(row: Connection) -> None:
    """Update the models after an edit of a connection, without network: new prefix, entered model ids, another server.

    What the old server listed is not offered until the new one lists it; settings of the models stay.
    """
    if row.model_ids:
        store(row.pk, model_lists.static_list(row.model_ids), keep_raw=True)
    elif row.moved:
        store(row.pk, [])
    elif any(
        public_id != public_id_of(row.prefix_id, upstream_id)
        for upstream_id, public_id in row.sources.values_list("upstream_id", "model__public_id")
    ):
        store(row.pk, None)


# --- one server ------------------------------------------------------------------------------------------------------


def refresh_one(row: Connection, *, by: Caller | None = None) -> RefreshResult:
    """Ask one server for its models now, in this thread, and store them. Raises GatewayError, which its health shows
    too.

    `by`: the caller whose credential is sent, for auth types that need one.
    """
    started = time.monotonic()
    try:
        with with_own_credential(auth.needs_user(row.auth_type)):
            listed = list_models(row, by=by)
    except GatewayError as error:
        health.record_failure(row.pk, error)
        raise
    ms = round((time.monotonic() - started) * 1000)
    result = replace(store(row.pk, listed, keep_raw=bool(row.model_ids)), ms=ms)
    _note_listed(row.pk)
    if not row.model_ids:
        health.record_answer(row.pk, ms)
    return result


def list_models(row: Connection, *, by: Caller | None = None) -> list[ListedModel]:
    """The present list of a connection, which need not be saved; nothing is stored. Raises GatewayError."""
    if row.model_ids:
        return model_lists.static_list(row.model_ids)
    return fetch_blocking(snapshot_loader.facts_of(row), by=by)


def fetch_blocking(facts: ConnectionFacts, *, by: Caller | None = None) -> list[ListedModel]:
    """Ask a server for its list, in this thread. Raises GatewayError."""
    options = list_options(facts, headers_for_blocking(facts, caller=by, lists=True))
    pages = ListReader(kinds.of(facts).list_urls(facts))
    started, limits = time.monotonic(), options["limits"]
    while pages.url is not None:
        options["limits"] = limits.after(started)  # the pages together are the list
        answer = http.request("GET", pages.url, **options)
        pages.take(answer.status, answer.content, answer.headers)
    return pages.models()


async def fetch(facts: ConnectionFacts) -> list[ListedModel]:
    """Ask a server for its list, on the event loop, without a caller. Raises GatewayError."""
    options = list_options(facts, await headers_for(facts, lists=True))
    pages = ListReader(kinds.of(facts).list_urls(facts))
    started, limits = time.monotonic(), options["limits"]
    while pages.url is not None:
        options["limits"] = limits.after(started)  # as above
        async with http.stream("GET", pages.url, **options, unpacked=True) as answer:
            body = await answer.read(model_lists.MAX_BYTES)
        pages.take(answer.status, body, {name.lower(): value for name, value in answer.headers})
    return pages.models()


def list_options(facts: ConnectionFacts, headers: Mapping[str, str]) -> "ListCall":
    return {
        "headers": headers,
        "limits": model_lists.limits_of(facts),
        "tls": facts.tls,
        "secrets": secrets_in(facts, headers),
        "redirects": True,  # `ListReader` follows them
    }


def _note_listed(connection_id: int) -> None:
    health.write_row(connection_id, listed_at=timezone.now())


# --- many servers ----------------------------------------------------------------------------------------------------


class _RefreshThread(threading.Thread):
    """One refresh of many connections, in a thread with its own event loop; it does not delay the process's end."""

    def __init__(self, *, only_due: bool, only: frozenset[int] | None) -> None:
        super().__init__(name="discovery", daemon=True)
        self.only_due = only_due
        self.only = only
        self.results: dict[int, RefreshResult] = {}
        self._cancelled = False
        self._end: Callable[[], object] = lambda: None

    def run(self) -> None:
        try:
            chosen = waiting.for_future(background.submit(self._choose))
            if chosen:
                asyncio.run(self._refresh_all(chosen))
        except asyncio.CancelledError:
            pass  # `cancel` was called
        except Exception:  # the outermost edge of this thread: the stored lists stay
            logger.exception("The model lists could not be refreshed")

    def cancel(self) -> None:
        """End the run, from any thread. Servers that have not answered keep their lists."""
        self._cancelled = True
        with suppress(RuntimeError):  # its loop has ended already
            self._end()

    def _choose(self) -> list[ConnectionFacts]:
        rows = Connection.objects.filter(enabled=True)
        if self.only is not None:
            rows = rows.filter(pk__in=self.only)
        if self.only_due:
            rows = rows.filter(_is_due())
        # Auth types that need a person are left out: an administrator refreshes such lists by hand.
        return [snapshot_loader.facts_of(row) for row in rows if row.model_ids or not auth.needs_user(row.auth_type)]

    async def _refresh_all(self, chosen: list[ConnectionFacts]) -> None:
        task = asyncio.current_task()
        self._end = partial(asyncio.get_running_loop().call_soon_threadsafe, cast("asyncio.Task[None]", task).cancel)
        if self._cancelled:
            return
        try:
            await asyncio.gather(*(self._refresh_one(facts) for facts in chosen))
        finally:
            await http.aclose()

    async def _refresh_one(self, facts: ConnectionFacts) -> None:
        started = time.monotonic()
        try:
            listed = model_lists.static_list(facts.model_ids) if facts.model_ids else await fetch(facts)
        except GatewayError as error:
            health.failed(facts.id, error)
            self.results[facts.id] = RefreshResult(facts.id, error=error)
            return
        ms = round((time.monotonic() - started) * 1000)

        def write() -> RefreshResult:
            result = store(facts.id, listed, keep_raw=bool(facts.model_ids))
            _note_listed(facts.id)
            return result

        if not facts.model_ids:
            health.answered(facts.id, ms)
        self.results[facts.id] = replace(await asyncio.wrap_future(background.submit(write)), ms=ms)


def _is_due() -> Q:
    now = timezone.now()
    never = Q(listed_at=None)
    ttl = settings.MODELS_CACHE_TTL
    old = clock.is_older("listed_at", timedelta(seconds=ttl), now) if ttl is not None else Q(pk=None)
    longest = timedelta(seconds=health.LONGEST_PAUSE)
    rested = Q(next_try=None) | Q(next_try__lte=now) | clock.is_older("next_try", longest, now)
    return (never | old) & rested


class Refreshes:
    """The run of this process, one at a time, and when to check again whether a list is old."""

    def __init__(self) -> None:
        runtime.state(background.Background)  # made first, so closed last: a run reads and writes its rows there
        self.lock = threading.Lock()
        self.run: _RefreshThread | None = None
        self.next_check = float("-inf")

    def start(self, *, only_due: bool, only: Iterable[int] | None = None) -> _RefreshThread:
        """Start a run, or return the running one if it is for the same connections."""
        chosen = frozenset(only) if only is not None else None
        with self.lock:
            if (
                self.run is not None
                and self.run.is_alive()
                and (self.run.only_due, self.run.only) == (only_due, chosen)
            ):
                return self.run
            run = _RefreshThread(only_due=only_due, only=chosen)
            run.start()
            self.run = run
            return run

    def close(self) -> None:
        if self.run is not None:
            self.run.cancel()
            waiting.for_thread(self.run, CLOSE_SECONDS)


def refresh(*, only: Iterable[int] | None = None, timeout: float | None = None) -> dict[int, RefreshResult]:
    """Ask all enabled connections, or these, at the same time, and wait at most `timeout` seconds.

    Returns the results by then; the run goes on in the background. For synchronous code outside a transaction.
    """
    run = runtime.state(Refreshes).start(only_due=False, only=only)
    waiting.for_thread(run, timeout)
    return dict(run.results)


def refresh_due(*, timeout: float) -> None:
    """Refresh lists that are old or missing, waiting at most `timeout` seconds (at the start of a process)."""
    waiting.for_thread(runtime.state(Refreshes).start(only_due=True), timeout)


def refresh_if_due() -> None:
    """Start a refresh in the background when it is time to check for old lists. Returns at once."""
    now = time.monotonic()
    refreshes = runtime.state(Refreshes)
    if now < refreshes.next_check:
        return
    refreshes.next_check = now + min(MAX_PAUSE, max(MIN_PAUSE, (settings.MODELS_CACHE_TTL or MAX_PAUSE) / 10))
    refreshes.start(only_due=True)


def drain() -> None:
    """Wait for the end of the running refresh."""
    run = runtime.state(Refreshes).run
    if run is not None:
        waiting.for_thread(run)
