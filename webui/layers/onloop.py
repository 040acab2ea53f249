"""Django's middleware as coroutines, without a change of thread for each.

Under ASGI Django hands every `process_request`, `process_view` and `process_response` to a thread, because it cannot
know whether it waits for something: fourteen hops in our list, most of what a request cost (measured: 4 of 6 ms). These
subclasses know. They run on the loop, and go to a thread only where theirs would wait: to save a session or messages,
to read a form for its token.
"""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages import get_messages
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.messages.storage.base import BaseStorage
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.gzip import GZipMiddleware
from django.middleware.locale import LocaleMiddleware
from django.middleware.security import SecurityMiddleware

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class OnLoop:
    """Mixin that precedes a middleware class of Django's. `waits`: whether its `process_response` may block."""

    get_response: Any

    def waits(self, request: HttpRequest) -> bool:
        return False

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        before = getattr(self, "process_request", None)
        after: Any = getattr(self, "process_response", None)
        response: HttpResponseBase = (before and before(request)) or await self.get_response(request)
        if after is None:
            return response
        dressed: HttpResponseBase = (
            await sync_to_async(after)(request, response) if self.waits(request) else after(request, response)
        )
        return dressed


class Security(OnLoop, SecurityMiddleware):
    """Never blocks."""


class Compression(OnLoop, GZipMiddleware):
    """Pages in a quarter of their size, with Django's padding against guesses from lengths (BREACH).

    Streams and files go out as they come: a compressor would hold back what a model has just said.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed


class Session(OnLoop, SessionMiddleware):
    def waits(self, request: HttpRequest) -> bool:
        return getattr(getattr(request, "session", None), "modified", True)


class Locale(OnLoop, LocaleMiddleware):
    """Never blocks."""


class Common(OnLoop, CommonMiddleware):
    """Never blocks."""


class Csrf(OnLoop, CsrfViewMiddleware):
    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        if self.async_mode:
            self.process_view = self._judge  # type: ignore[assignment]

    async def _judge(self, request: HttpRequest, callback: Any, args: Any, kwargs: Any) -> Any:
        """Check in a thread what may block: reading a large form for its token, rendering the page of a refusal."""
        judge = super().process_view
        if request.method in SAFE_METHODS or getattr(callback, "csrf_exempt", False):
            return judge(request, callback, args, kwargs)
        return await sync_to_async(judge)(request, callback, args, kwargs)


class Authentication(OnLoop, AuthenticationMiddleware):
    """Never blocks: `request.user` makes its query when it is first read."""


class Messages(OnLoop, MessageMiddleware):
    def waits(self, request: HttpRequest) -> bool:
        messages = get_messages(request)  # a list where the request never came to its storage
        return isinstance(messages, BaseStorage) and (messages.used or messages.added_new)
