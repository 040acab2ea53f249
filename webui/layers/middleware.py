"""Security headers, the content security policy and a request id: one middleware, async-capable."""

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from providers.process import context, request_ids
from providers.process.request_ids import current
from webui.monitoring.health import PROBES

SANE_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")
ADMIN, DOCS = "/admin/", "/api/docs"
PERMISSIONS = (
    "camera=(self), microphone=(self), clipboard-write=(self), geolocation=(), payment=(), usb=(), display-capture=()"
)


def strict_policy(host: str) -> str:
    """The policy without inline scripts and styles, and without other origins. Sockets may connect to `host`."""
    own = f"ws://{host} wss://{host}" if SANE_HOST.fullmatch(host) else ""
    sources = {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' blob:",
        "connect-src": f"'self' {own}".strip(),  # older Safari does not count sockets as 'self'
        "font-src": "'self'",
        "form-action": " ".join(["'self'", *_origins_of(settings.OPENID_PROVIDER_URL)]),
        "frame-ancestors": "'none'",
        "object-src": "'none'",
        "base-uri": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in sources.items())


@lru_cache(maxsize=4)
def _origins_of(provider: str) -> list[str]:
    """The provider's origin for `form-action`, which browsers also apply to the redirect from the sign-in form."""
    if not provider:
        return []
    parts = urlsplit(provider)
    return [f"{parts.scheme}://{parts.netloc}"]


def policy_for(path: str, host: str) -> str:
    policy = strict_policy(host)
    if path.startswith(ADMIN):  # Unfold runs on Alpine, which evaluates attributes, and styles elements inline
        return policy.replace("script-src 'self'", "script-src 'self' 'unsafe-inline' 'unsafe-eval'").replace(
            "style-src 'self'", "style-src 'self' 'unsafe-inline'"
        )
    if path.startswith(DOCS):  # Swagger UI styles elements inline
        return policy.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
    return policy


class SiteMiddleware:
    """First in the list, so that its headers are on every answer and its id in every log line."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer probes before anything else: a probe has no session and may send any host."""
        request_id = request_ids.take(request.headers.get("X-Request-Id", ""))
        request.id = request_id  # type: ignore[attr-defined]
        if request.content_type == "multipart/form-data" and request.encoding:
            request.encoding = "utf-8"  # Python's codecs make halves of surrogate pairs, or no text at all
        if self.is_async:
            return self._answer_later(request, request_id)
        with context.assigned(current, request_id):
            answer = PROBES.get(request.path) or self.get_response
            return self._dress(request, answer(request), request_id)

    async def _answer_later(self, request: HttpRequest, request_id: str) -> HttpResponseBase:
        with context.assigned(current, request_id):
            probe = PROBES.get(request.path)
            answer = await sync_to_async(probe)(request) if probe else await self.get_response(request)
            return self._dress(request, answer, request_id)

    @staticmethod
    def _dress(request: HttpRequest, response: HttpResponseBase, request_id: str) -> HttpResponseBase:
        headers = response.headers
        headers.setdefault("X-Request-Id", request_id)  # a relayed response keeps the provider's id
        # A view that serves what users uploaded sets its own, stricter policy.
        if "Content-Security-Policy" not in headers:
            headers["Content-Security-Policy"] = policy_for(request.path, request.META.get("HTTP_HOST", ""))
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", PERMISSIONS)
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("X-Frame-Options", "DENY")
        return response
