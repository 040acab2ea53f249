"""An answer straight to the program that asked, stored in no chat.

Where no tools are offered, the provider's bytes are passed on unchanged. Where they are, this site runs the tools that
the model calls, and the client sees one answer: the texts of all rounds, none of the calls, one id, the total usage.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from chat import pipeline, tools
from chat.answers import deltas
from chat.answers import reader as reading
from chat.answers.calls import CallReader
from chat.pipeline import Turn
from providers import json_bodies, relay
from providers.errors import GatewayError, ProviderError
from providers.process import waiting
from providers.relay.views import pass_on
from providers.responses import error_responses, event_streams
from providers.upstream import sse
from providers.upstream.error_bodies import error_of

ALIVE_SECONDS = 15.0  # how often a comment is sent while a tool runs: proxies close idle connections
MAX_REFUSAL = 2**20  # bytes of an error response, which is passed on unchanged
MAX_BODY = reading.MAX_BODY  # bytes of an answer in one piece in which this site looks for pictures or calls

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DirectResponse:
    """The response for the client."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


async def begin(turn: Turn) -> DirectResponse | None:
    """The answer to a turn; None when a handler finished it. Raises as `relay.begin`."""
    await pipeline.run(turn)
    if turn.finished:
        return None
    rounds = await tools.begin(turn)
    reply = await relay.begin(turn.relay_request(rounds.payload), unpacked=True)
    try:
        if rounds.offers and reply.status >= 400:
            body = await reply.read(MAX_REFUSAL)
            await reply.aclose()
            if not rounds.gives_up(error_of(reply.status, body, {})):
                return DirectResponse(reply.status, dict(reply.headers), _once(body))
            reply = await relay.begin(turn.relay_request(rounds.payload), unpacked=True)
        if not rounds.offers:
            watched = turn.message_id and reply.status < 400
            return DirectResponse(
                reply.status, dict(reply.headers), _watched(turn, reply) if watched else pass_on(reply)
            )
        if _is_stream(reply):
            headers = {name: value for name, value in reply.headers if name != "content-length"}
            return DirectResponse(reply.status, headers, _streamed(turn, rounds, reply))
        return await _whole(turn, rounds, reply)
    except BaseException:
        await reply.aclose()
        raise


# --- without tools ----------------------------------------------------------------------------------------------------


async def _watched(turn: Turn, reply: relay.RelayResponse) -> AsyncIterator[bytes]:
    """The bytes unchanged. Pictures in them are stored, and shown before the piece that completes them is sent.

    Not those of a frame or a body that is longer than we take.
    """
    frames = sse.Splitter(sse.LONGEST_WITH_PICTURES) if _is_stream(reply) else None
    held, size = list[bytes](), 0
    async with aclosing(pass_on(reply)) as pieces:
        async for piece in pieces:
            if frames is not None:
                try:
                    for frame in frames.feed(piece):
                        await _keep_pictures(turn, frame)
                except ProviderError as error:
                    logger.warning("Pictures of an answer of %s are not looked for: %s", reply.connection, error)
                    frames, size = None, MAX_BODY
            size += len(piece)
            if frames is not None or size > MAX_BODY:
                for earlier in held:
                    yield earlier
                held.clear()
                yield piece
            else:
                held.append(piece)
    if held:
        body = await waiting.off_loop(size, b"".join, held)
        await _keep_pictures(turn, sse.Frame("", body))
    for piece in held:
        yield piece


async def _keep_pictures(turn: Turn, frame: sse.Frame) -> None:
    if turn.message_id and (urls := await waiting.off_loop(frame.size, _pictures_of, frame)):
        await pipeline.receive_pictures(turn, urls)


def _pictures_of(frame: sse.Frame) -> tuple[str, ...]:
    text = frame.data
    return deltas.pictures_in(_parsed(text)) if '"image' in text else ()


# --- with tools, in one piece -----------------------------------------------------------------------------------------


async def _whole(turn: Turn, rounds: tools.Rounds, reply: relay.RelayResponse) -> DirectResponse:
    texts: list[str] = []
    while True:
        try:
            body = await reply.read(MAX_BODY)
        finally:
            await reply.aclose()
        await _keep_pictures(turn, sse.Frame("", body))
        message, answer = await waiting.off_loop(len(body), _message_of, body)
        if reply.status < 400 and isinstance(usage := answer.get("usage"), dict):
            answer["usage"] = rounds.count(usage)
        reader = CallReader()
        reader.take(message)
        text = deltas.text_in(message)
        if reply.status < 400 and rounds.offers and reader.end() and await rounds.run(reader.message(text)):
            texts.append(text)
            payload = {name: value for name, value in rounds.payload.items() if name != "stream_options"}
            reply = await relay.begin(turn.relay_request({**payload, "stream": False}), unpacked=True)
            continue
        if message and (texts or reader.calls):
            _merge(answer, [*texts, text])
            body = await waiting.off_loop(len(body), orjson.dumps, answer)
        headers = {name: value for name, value in reply.headers if name != "content-length"}
        return DirectResponse(reply.status, headers, _once(body))


def _message_of(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first choice's message and the answer it stands in; empty where there is none."""
    answer = _parsed(body)
    choices = answer.get("choices") if isinstance(answer, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return (message, answer) if isinstance(message, dict) else ({}, {})


def _merge(answer: dict[str, Any], texts: list[str]) -> None:
    """Make the last answer the one that the client sees: with the texts of all rounds, without calls."""
    choice = answer["choices"][0]
    others = {name: value for name, value in choice["message"].items() if name not in ("tool_calls", "function_call")}
    choice["message"] = {**others, "content": "\n\n".join(text.strip() for text in texts if text.strip())}
    choice["finish_reason"] = _without_calls(choice.get("finish_reason"))


# --- with tools, as a stream ------------------------------------------------------------------------------------------


async def _streamed(turn: Turn, rounds: tools.Rounds, reply: relay.RelayResponse) -> AsyncGenerator[bytes, None]:
    """Stream the answer. A client that leaves cancels this generator, and with it the running tool and the call."""
    merged = MergedStream(rounds)
    try:
        while True:
            async for frame in _frames(reply):
                await _keep_pictures(turn, frame)
                for data in await waiting.off_loop(frame.size, list[bytes], merged.take(frame)):
                    yield data
            await reply.aclose()
            calls = merged.calls()
            if calls is None:
                break
            running = asyncio.ensure_future(rounds.run(calls))
            async with aclosing(_until_done(running)) as comments:
                async for comment in comments:
                    yield comment
            if not running.result():
                break
            reply = await relay.begin(turn.relay_request(rounds.payload), unpacked=True)
            if reply.status >= 400:
                raise await reply.error()
        for data in merged.end():
            yield data
    except GatewayError as error:
        yield b"data: " + error_responses.openai_body(error) + b"\n\n"
    finally:
        await reply.aclose()


class MergedStream:
    """Merges the frames of all rounds into the frames of one answer, without tool calls. Does no I/O."""

    def __init__(self, rounds: tools.Rounds) -> None:
        self._rounds = rounds
        self._id: Any = None
        self._size = 0  # characters of all texts
        self._has_text = False  # of an earlier round: the text of the next one begins a paragraph
        self._held: list[dict[str, Any]] = []  # the end of a round with calls: sent only if it is the last
        self._done = False
        self._failed = False  # the provider reported an error: earlier calls are not run
        self._next_round()

    def _next_round(self) -> None:
        self._reader = CallReader()
        self._texts: list[str] = []
        self._halves = deltas.HalfCharacters()
        self._begun = False

    def take(self, frame: sse.Frame) -> Iterator[bytes]:
        if frame.is_done:
            self._done = True
            return
        if not self._begun:
            self._held, self._begun, self._done = [], True, False
        data, halves = _with_halves(frame.data)
        if not isinstance(data, dict) or not isinstance(data.get("choices"), list):
            self._failed = self._failed or (isinstance(data, dict) and bool(data.get("error")))
            yield _packed(frame.data.encode(), frame.event)  # an error, or an unknown frame
            return
        visible = self._visible(data, halves)
        if visible is not None:
            yield _packed(orjson.dumps(visible), frame.event)

    def _visible(self, data: dict[str, Any], halves: dict[str, Any]) -> dict[str, Any] | None:
        self._id = self._id or data.get("id")
        if self._id:
            data["id"] = self._id
        if isinstance(data.get("usage"), dict):
            data["usage"] = self._rounds.count(data["usage"])
        choice = data["choices"][0] if data["choices"] and isinstance(data["choices"][0], dict) else {}
        delta = choice["delta"] if isinstance(choice.get("delta"), dict) else {}
        if isinstance(delta.get("content"), str):
            delta["content"] = self._halves.complete(halves["choices"][0]["delta"]["content"])
        if not self._rounds.offers:
            return data
        self._reader.take(delta)
        calls = [delta.pop(name) for name in ("tool_calls", "function_call") if name in delta]
        if text := deltas.text_in(delta):
            self._texts.append(text)
            self._size += len(text)
            if self._size > settings.CHAT_ANSWER_MAX_CHARACTERS:
                raise reading.too_long()
            if self._has_text and text.strip() and isinstance(delta.get("content"), str):
                delta["content"], self._has_text = f"\n\n{text.lstrip()}", False
        has_more = any(delta.values())
        if self._reader.calls and (choice.get("finish_reason") or not choice):
            self._held.append({**data, "choices": [{**choice, "delta": {}}] if choice else []})
            choice["finish_reason"] = None
            return data if has_more else None
        return None if calls and not has_more else data

    def calls(self) -> dict[str, Any] | None:
        """End a round. Returns the model's message if it called tools, else None. Later frames are a new round's."""
        if self._failed or not self._rounds.offers or not self._reader.end():
            return None
        text = "".join(self._texts).strip()
        message = self._reader.message(text)
        self._has_text = self._has_text or bool(text)
        self._next_round()
        return message

    def end(self) -> Iterator[bytes]:
        """The last frames: those held back because the model called tools that are not run, then [DONE]."""
        for data in self._held:
            for choice in data["choices"]:
                choice["finish_reason"] = _without_calls(choice.get("finish_reason"))
            yield _packed(orjson.dumps(data))
        if self._done:
            yield b"data: [DONE]\n\n"


async def _frames(reply: relay.RelayResponse) -> AsyncIterator[sse.Frame]:
    """The frames of a stream; the whole answer as one frame, where the server does not stream this time."""
    if _is_stream(reply):
        async for frame in sse.frames(reply.chunks(), longest=sse.LONGEST_WITH_PICTURES):
            yield frame
        return
    body = await reply.read(MAX_BODY)
    yield await waiting.off_loop(len(body), _as_frame, body)


def _as_frame(body: bytes) -> sse.Frame:
    answer = _parsed(body)
    for choice in answer.get("choices") or () if isinstance(answer, dict) else ():
        if isinstance(choice, dict):
            choice["delta"] = choice.pop("message", {})
    return sse.Frame("", orjson.dumps(answer))


async def _until_done(running: "asyncio.Future[bool]") -> AsyncGenerator[bytes, None]:
    """Yield comments while tools run. When the client leaves, the tools are cancelled and waited for."""
    try:
        while not (await asyncio.wait((running,), timeout=ALIVE_SECONDS))[0]:
            yield b": running a tool\n\n"
    finally:
        if not running.done():
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _without_calls(finish_reason: Any) -> Any:
    return "stop" if finish_reason in ("tool_calls", "function_call") else finish_reason


def _packed(data: bytes, event: str = "") -> bytes:
    return (b"event: %s\n" % event.encode() if event else b"") + b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"


def _parsed(text: str | bytes) -> Any:
    try:
        return json_bodies.parse_response(text)
    except ValueError:
        return None


def _with_halves(text: str) -> tuple[Any, Any]:
    try:
        return deltas.with_halves(text)
    except ValueError:
        return None, None


def _is_stream(reply: relay.RelayResponse) -> bool:
    return event_streams.is_event_stream(dict(reply.headers).get("content-type", ""))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
