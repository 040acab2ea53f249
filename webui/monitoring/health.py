"""Probes: is the process alive, is the site ready, what does it count.

The first two are answered by SiteMiddleware before anything else: a probe has no session and names any host it likes.
"""

import hmac
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

LOOPBACK = ("127.0.0.1", "::1")


class NotReady(Exception):
    """The message is for whoever runs the site; it names no host and no secret."""


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Touches nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the site can work; 503 with the reasons otherwise."""
    checks = {name: _try(check) for name, check in CHECKS.items()}
    ready = all(words == "ok" for words in checks.values())
    return JsonResponse(
        {"status": "ready" if ready else "not ready", "checks": checks},
        status=200 if ready else 503,
        headers={"Cache-Control": "no-store"},
    )


def _try(check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as reason:
        return str(reason)
    return "ok"


def _database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        connection.close()
        raise NotReady("the database does not answer") from error


def _migrations() -> None:
    from webui.tables import pending_migrations

    try:
        pending = pending_migrations()
    except DatabaseError as error:
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


CHECKS: dict[str, Callable[[], None]] = {"database": _database, "migrations": _migrations, "redis": _redis}
PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/healthz": healthz, "/readyz": readyz}


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for METRICS_TOKEN, an administrator, or this machine itself when no token is set."""
    if not _may_see_metrics(request):
        return JsonResponse(
            {
                "detail": "Send METRICS_TOKEN as a Bearer token, or sign in as an administrator.",
                "code": "invalid_api_key",
            },
            status=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
    from webui.monitoring.metrics import page

    return HttpResponse(page(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_see_metrics(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme.lower() == "bearer":
        return hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    if request.user.is_authenticated and request.user.is_superuser:
        return True
    if settings.METRICS_TOKEN or settings.BEHIND_PROXY:
        return False
    # Whatever came through a proxy on this machine came from elsewhere.
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip"))
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not forwarded
