"""Responses that this site gives itself: from an operation's cache, or estimated where the connection has none."""

from decimal import Decimal
from typing import Any

from providers import catalogue, json_bodies
from providers.facts import Route, Source
from providers.process import request_ids
from providers.relay import rate_limits, usage
from providers.relay.operations import Operation
from providers.relay.request import RelayRequest
from providers.relay.response.access import permit_scope
from providers.relay.response.base import RelayResponse
from providers.speech.clips import Clip


class CachedResponse(RelayResponse):
    """A response through the operation's cache: a stored clip, or a download that other calls may share."""

    __slots__ = ("_clip", "_permit_scope")

    def __init__(
        self, request: RelayRequest, scope: str, route: Route, clip: Clip, admission: rate_limits.Admission | None
    ) -> None:
        self.public_id, self.connection, self.connection_id = route.public_id, "", None
        self.status, self.headers, self.hold = clip.status, list(clip.headers), None
        if clip.length is not None and self.length is None:
            self.headers.append(("content-length", str(clip.length)))
        self._limit(admission)
        self._clip = clip
        self._permit_scope = permit_scope(request.caller, scope, route, None)
        if clip.stored:  # a download has a ProviderResponse, which records it
            _record(request, self, route, audio_bytes=clip.length or 0)

    async def read_some(self) -> bytes:
        with self._permit_scope:
            return await anext(self._clip.pieces, b"")

    @property
    def clip(self) -> Clip:
        return self._clip

    @property
    def refusal(self) -> bytes:
        return self._clip.refusal.body if self._clip.refusal is not None else b""

    async def aclose(self) -> None:
        """Stop reading. The download goes on: other calls may share it, and the result is stored."""
        self._permit_scope.close()
        if self.hold is not None:  # what a download used, its ProviderResponse counts
            self.hold.release()
        await self._clip.pieces.aclose()


class EstimatedResponse(RelayResponse):
    """An answer that this site makes, because the connection has none in this form."""

    __slots__ = ("_body",)

    def __init__(
        self,
        request: RelayRequest,
        operation: Operation,
        route: Route,
        source: Source,
        admission: rate_limits.Admission | None,
        answer: dict[str, Any],
    ) -> None:
        self.public_id, self.status, self.hold = route.public_id, 200, None
        self.connection, self.connection_id = source.connection.name, source.connection.id
        self._body = json_bodies.dumps(answer)
        self.headers = [("content-type", operation.accept), ("content-length", str(len(self._body)))]
        self._limit(admission)
        _record(request, self, route)

    async def read_some(self) -> bytes:
        piece, self._body = self._body, b""
        return piece

    async def aclose(self) -> None:
        """Nothing was spent."""
        if self.hold is not None:
            self.hold.release()


def _record(request: RelayRequest, response: RelayResponse, route: Route, *, audio_bytes: int = 0) -> None:
    """Record a call that cost nothing, because nobody was asked."""
    caller = request.caller
    usage.record(
        usage.CallUsage(
            kind=request.kind or request.operation,
            user_id=caller.user_id,
            key_id=caller.key_id,
            connection_id=response.connection_id,
            model=route.counted_as[:255],
            audio_bytes=audio_bytes,
            status=response.status,
            cost=Decimal(0),
            request_id=request_ids.current.get(),
            config_version=catalogue.known_version(),
            group_names=caller.group_names,
        )
    )
