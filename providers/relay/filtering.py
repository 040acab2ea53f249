"""Filters of pipelines servers around the calls of programs, where the administrator has switched that on.

A request that no filter changes is sent as it was received. The filters see an answer when it is complete; one that is
streamed has been passed on by then, so it stays as it is.
"""

from dataclasses import replace
from typing import Any

from providers import json_bodies, pipelines
from providers.facts import FilterFacts, Route, Snapshot
from providers.process import waiting
from providers.relay.operations import Operation
from providers.relay.request import RelayRequest
from providers.relay.response import RelayResponse, WrappedResponse
from providers.responses import stream_ends
from providers.upstream import sse

MAX_ANSWER = 16 * 1024 * 1024  # bytes of an answer that filters see
ENDS = (b"[DONE]", b'"done":true')  # in the last frame of a stream


def filters_of(
    request: RelayRequest, operation: Operation, snapshot: Snapshot, route: Route
) -> tuple[FilterFacts, ...]:
    """The filters through which a call has to pass: none for what a chat has sent through them, and for programs
    where it is switched off. Small tasks of the site (`kind`) pass as the chats do for which they are.
    """
    if request.is_filtered or not operation.has_messages:
        return ()
    if not snapshot.gateway.filter_api_calls and request.kind != "task":
        return ()
    return pipelines.filters_for(snapshot, route)


async def filtered(request: RelayRequest, operation: Operation, filters: tuple[FilterFacts, ...]) -> RelayRequest:
    """The request after its filters. Raises as `pipelines.inlet`, and BadRequest for a body that cannot be used."""
    body = await pipelines.inlet(filters, request.payload, request.caller)
    if body.get("user") == pipelines.user_of(request.caller) and "user" not in request.payload:
        del body["user"]
    if body == request.payload:
        return replace(request, is_filtered=True)
    operation.check(body)
    return replace(request, payload=body, raw=None, is_filtered=True)


async def shown(response: RelayResponse, request: RelayRequest, filters: tuple[FilterFacts, ...]) -> RelayResponse:
    """A response as the filters leave it; small tasks are not shown to them. Raises as `pipelines.outlet`."""
    if response.status >= 400 or request.kind:
        return response
    filtered_response = FilteredResponse(response, request, filters)
    await filtered_response.prepare()
    return filtered_response


class FilteredResponse(WrappedResponse):
    """A response whose answer the filters see. In one piece it is held until they have; a stream passes, and its end
    waits for them.
    """

    __slots__ = ("_filters", "_is_shown", "_pieces", "_request", "_rest", "_size")

    def __init__(self, inner: RelayResponse, request: RelayRequest, filters: tuple[FilterFacts, ...]) -> None:
        super().__init__(inner)
        self._request, self._filters = request, filters
        self._pieces: list[bytes] = []
        self._size = 0
        self._rest = b""
        self._is_shown = False

    async def prepare(self) -> None:
        """Have the filters see an answer in one piece. Raises as `pipelines.outlet`; the response is closed then."""
        if self._streams:
            return
        try:
            self._rest = await self._changed(await self._inner.read(MAX_ANSWER))
        except BaseException:
            await self._inner.aclose()
            raise

    @property
    def _streams(self) -> bool:
        return stream_ends.is_stream(dict(self.headers).get("content-type", ""))

    async def read_some(self) -> bytes:
        if not self._streams:
            rest, self._rest = self._rest, b""
            return rest
        piece = await self._inner.read_some()
        if self._is_shown:
            return piece
        if self._size <= MAX_ANSWER:
            self._pieces.append(piece)
            self._size += len(piece)
        if not piece or any(mark in piece for mark in ENDS):  # clients leave at the mark of the end
            self._is_shown = True
            if text := await waiting.off_loop(self._size, _text_of_stream, b"".join(self._pieces)):
                await self._show(text)
            self._pieces.clear()
        return piece

    async def _changed(self, body: bytes) -> bytes:
        """The body with the answer that the filters return."""
        try:
            value = await waiting.off_loop(len(body), json_bodies.parse_response, body)
        except ValueError:
            return body
        message = _message_of(value)
        text = message.get("content") if message is not None else None
        if message is None or not isinstance(text, str) or not text:
            return body
        changed = await self._show(text)
        if changed == text:
            return body
        message["content"] = changed
        return await waiting.off_loop(len(body), json_bodies.dumps, value)

    async def _show(self, text: str) -> str:
        """Have the filters see the answer; returns the one that they make of it."""
        messages = [*self._request.payload["messages"], {"role": "assistant", "content": text}]
        body = {"model": self._request.payload["model"], "messages": messages}
        returned = await pipelines.outlet(self._filters, body, self._request.caller)
        last = returned["messages"][-1] if returned["messages"] else None
        content = last.get("content") if isinstance(last, dict) and last.get("role") == "assistant" else None
        return content if isinstance(content, str) else text


def _message_of(value: Any) -> dict[str, Any] | None:
    """The message of an answer, in OpenAI's form or in Ollama's."""
    if not isinstance(value, dict):
        return None
    choices = value.get("choices")
    holder = choices[0] if isinstance(choices, list) and choices else value
    message = holder.get("message") if isinstance(holder, dict) else None
    return message if isinstance(message, dict) else None


def _text_of_stream(body: bytes) -> str:
    """The text of a stream: of chat completion chunks, or of Ollama's lines."""
    if body.lstrip().startswith(b"{"):
        return "".join(_text_in(line, ("message",)) for line in body.splitlines())
    return "".join(_text_in(frame.data, ("choices", 0, "delta")) for frame in sse.Splitter().feed(body))


def _text_in(data: str | bytes, path: tuple[str | int, ...]) -> str:
    try:
        value: Any = json_bodies.parse_response(data)
        for step in (*path, "content"):
            value = value[step]
    except (ValueError, LookupError, TypeError):
        return ""
    return value if isinstance(value, str) else ""
