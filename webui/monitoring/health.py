"""The probes `/healthz` and `/readyz`, and `/metrics`.

SiteMiddleware answers the probes before anything else, because a probe has no session and may send any host.
"""

import hmac
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from providers import runtime
from providers.process import file_store, waiting
from webui.monitoring import metrics as registry
from webui.tables import pending_migrations

LOOPBACK = ("127.0.0.1", "::1")
CHECK_SECONDS = 2.0  # how long a probe waits for all its checks together


class NotReady(Exception):
    """A failed check. The message is for administrators; it has no host and no secret."""


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Checks nothing."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 where the site can work, else 503 with the reasons; always within `CHECK_SECONDS`.

    `?exclude=files,redis` leaves checks out of the status, not out of the answer. Balancers ask so: what all nodes
    share would take them all away at once, though chats and calls go on without it.
    """
    checks = runtime.state(RunningChecks).results()
    excluded = {name.strip() for names in request.GET.getlist("exclude") for name in names.split(",")}
    failing = {name for name, result in checks.items() if result != "ok"}
    ready = failing <= excluded
    return JsonResponse(
        {"status": "degraded" if ready and failing else "ready" if ready else "not ready", "checks": checks},
        status=200 if ready else 503,
        headers={"Cache-Control": "no-store"},
    )


class RunningChecks:
    """The running checks. A check that hangs is not started again; later probes wait for the same one."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(
            max_workers=len(CHECKS), thread_name_prefix="readyz", initializer=waiting.mark_own_work
        )
        self.running: dict[str, Future[str]] = {}
        self.lock = threading.Lock()

    def results(self) -> dict[str, str]:
        """The result of each check: ok, or the reason."""
        if connection.in_atomic_block:  # only this thread sees the rows of its transaction
            return {name: _try(check) for name, check in CHECKS.items()}
        with self.lock:
            for name, check in CHECKS.items():
                if name not in self.running or self.running[name].done():
                    self.running[name] = self.threads.submit(_try_in_thread, check)
            running = dict(self.running)
        until = time.monotonic() + CHECK_SECONDS
        return {name: self._result(future, until) for name, future in running.items()}

    @staticmethod
    def _result(future: "Future[str]", until: float) -> str:
        try:
            return waiting.for_future(future, max(0.0, until - time.monotonic()))
        except TimeoutError:
            return f"no answer within {CHECK_SECONDS:.0f} s"

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)


def _try(check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as reason:
        return str(reason)
    return "ok"


def _try_in_thread(check: Callable[[], None]) -> str:
    try:
        return _try(check)
    finally:
        connections.close_all()


def _database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        raise NotReady("the database does not answer") from error


def _migrations() -> None:
    try:
        pending = pending_migrations()
    except (DatabaseError, InterfaceError) as error:
        raise NotReady("not known: the database does not answer") from error
    if pending:
        raise NotReady(f"{len(pending)} migrations wait for `manage.py bootstrap`")


def _redis() -> None:
    if not settings.REDIS_URL:
        return
    from redis import Redis
    from redis.exceptions import RedisError

    try:
        with Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1) as client:
            client.ping()
    except RedisError as error:
        raise NotReady("Redis does not answer") from error


def _files() -> None:
    if trouble := file_store.check():
        raise NotReady("the file store is full" if trouble.status == 507 else "the file store takes no files")


CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "redis": _redis,
    "files": _files,
}
PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/healthz": healthz, "/readyz": readyz}


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Metrics in Prometheus' format, for METRICS_TOKEN, administrators, and without a token for this machine."""
    if not _may_see_metrics(request):
        return JsonResponse(
            {
                "detail": "Send METRICS_TOKEN as a Bearer token, or sign in as an administrator.",
                "code": "invalid_api_key",
            },
            status=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
    return HttpResponse(registry.page(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_see_metrics(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme.lower() == "bearer":
        return hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    if request.user.is_authenticated and request.user.is_superuser:
        return True
    if settings.METRICS_TOKEN or settings.BEHIND_PROXY:
        return False
    # A request through a proxy on this machine is from elsewhere.
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip"))
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not forwarded
