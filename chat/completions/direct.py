"""A program's own answer, not kept in any chat: the provider's bytes, with what this site does on the way.

Where no tools are offered the bytes go on unchanged. Where they are, this site runs what the model calls and the
client sees one answer: texts as they come, no calls of ours, one id, the sum of the usage.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson

from chat import pipeline, tools
from chat.answers import reader as reading
from chat.answers.calls import CallReader
from chat.pipeline import Turn
from providers import error_responses, event_streams, relay
from providers.errors import GatewayError
from providers.relay.views import pass_on
from providers.upstream import sse
from providers.upstream.error_bodies import error_of

ALIVE_SECONDS = 15.0  # a comment goes out this often while a tool runs: proxies end what stands still
OF_THE_BODY = ("content-length", "content-encoding")  # headers that are true of the provider's own bytes alone


@dataclass(frozen=True, slots=True)
class DirectResponse:
    """What the client gets."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


async def begin(turn: Turn) -> DirectResponse | None:
    """The answer to a turn; None when a handler finished it. Raises as `relay.begin`."""
    await pipeline.run(turn)
    if turn.finished:
        return None
    rounds = await tools.begin(turn)
    reply = await relay.begin(turn.relay_request(rounds.payload))
    try:
        if rounds.offers and reply.status >= 400:
            body = await reply.read()
            await reply.aclose()
            if not rounds.gives_up(error_of(reply.status, body, {})):
                return DirectResponse(reply.status, dict(reply.headers), _once(body))
            reply = await relay.begin(turn.relay_request(rounds.payload))
        if not rounds.offers or _is_encoded(reply):
            watched = turn.message_id and reply.status < 400 and not _is_encoded(reply)
            return DirectResponse(
                reply.status, dict(reply.headers), _watched(turn, reply) if watched else pass_on(reply)
            )
        if _is_stream(reply):
            headers = {name: value for name, value in reply.headers if name not in OF_THE_BODY}
            return DirectResponse(reply.status, headers, _streamed(turn, rounds, reply))
        return await _whole(turn, rounds, reply)
    except BaseException:
        await reply.aclose()
        raise


# --- without tools ----------------------------------------------------------------------------------------------------


async def _watched(turn: Turn, reply: relay.RelayResponse) -> AsyncIterator[bytes]:
    """The very bytes; pictures among them are kept, and told before the piece that completes them goes on."""
    splitter, streamed, held = sse.Splitter(), _is_stream(reply), list[bytes]()
    async with aclosing(pass_on(reply)) as pieces:
        async for piece in pieces:
            if not streamed:
                held.append(piece)
                continue
            for frame in splitter.feed(piece):
                await _keep_pictures(turn, frame.data)
            yield piece
    if held:
        await _keep_pictures(turn, b"".join(held).decode(errors="replace"))
    for piece in held:
        yield piece


async def _keep_pictures(turn: Turn, text: str) -> None:
    if turn.message_id and '"image' in text and (urls := reading.pictures_in(_parsed(text))):
        await pipeline.receive_pictures(turn, urls)


# --- with tools, in one piece -----------------------------------------------------------------------------------------


async def _whole(turn: Turn, rounds: tools.Rounds, reply: relay.RelayResponse) -> DirectResponse:
    said: list[str] = []
    while True:
        try:
            body = await reply.read()
        finally:
            await reply.aclose()
        await _keep_pictures(turn, body.decode(errors="replace"))
        message, answer = _message_of(body)
        if reply.status < 400 and isinstance(usage := answer.get("usage"), dict):
            answer["usage"] = rounds.count(usage)
        reader = CallReader()
        reader.take(message)
        text = reading.text_in(message)
        if reply.status < 400 and rounds.offers and reader.end() and await rounds.run(reader.message(text)):
            said.append(text)
            payload = {name: value for name, value in rounds.payload.items() if name != "stream_options"}
            reply = await relay.begin(turn.relay_request({**payload, "stream": False}))
            continue
        if message and (said or reader.calls):
            _as_one(answer, [*said, text])
            body = orjson.dumps(answer)
        headers = {name: value for name, value in reply.headers if name != "content-length"}
        return DirectResponse(reply.status, headers, _once(body))


def _message_of(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first choice's message and the answer it stands in; empty where there is none."""
    answer = _parsed(body)
    choices = answer.get("choices") if isinstance(answer, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return (message, answer) if isinstance(message, dict) else ({}, {})


def _as_one(answer: dict[str, Any], texts: list[str]) -> None:
    choice = answer["choices"][0]
    kept = {name: value for name, value in choice["message"].items() if name not in ("tool_calls", "function_call")}
    choice["message"] = {**kept, "content": "\n\n".join(text.strip() for text in texts if text.strip())}
    choice["finish_reason"] = _without_calls(choice.get("finish_reason"))


# --- with tools, as a stream ------------------------------------------------------------------------------------------


async def _streamed(turn: Turn, rounds: tools.Rounds, reply: relay.RelayResponse) -> AsyncGenerator[bytes, None]:
    """A client that leaves cancels this generator, and with it the tool that runs and the call to the provider."""
    view = View(rounds)
    try:
        while True:
            async for frame in _frames(reply):
                await _keep_pictures(turn, frame.data)
                for data in view.take(frame):
                    yield data
            await reply.aclose()
            calls = view.calls()
            if calls is None:
                break
            running = asyncio.ensure_future(rounds.run(calls))
            async with aclosing(_until_done(running)) as comments:
                async for comment in comments:
                    yield comment
            if not running.result():
                break
            reply = await relay.begin(turn.relay_request(rounds.payload))
            if reply.status >= 400:
                raise await reply.error()
        for data in view.end():
            yield data
    except GatewayError as error:
        yield b"data: " + error_responses.openai_body(error) + b"\n\n"
    finally:
        await reply.aclose()


class View:
    """Pure: of the frames of all rounds, those that the client sees, as one answer."""

    def __init__(self, rounds: tools.Rounds) -> None:
        self._rounds = rounds
        self._id: Any = None
        self._said = False  # some text went out in an earlier round: the next begins a paragraph
        self._held: list[dict[str, Any]] = []  # how a round ends that calls: shown only when it was the last
        self._done = False
        self._failed = False  # the provider reported an error: what it called before is not run
        self._next_round()

    def _next_round(self) -> None:
        self._reader = CallReader()
        self._texts: list[str] = []
        self._begun = False

    def take(self, frame: sse.Frame) -> Iterator[bytes]:
        if frame.is_done:
            self._done = True
            return
        if not self._begun:
            self._held, self._begun, self._done = [], True, False
        data = _parsed(frame.data)
        if not isinstance(data, dict) or not isinstance(data.get("choices"), list):
            self._failed = self._failed or (isinstance(data, dict) and bool(data.get("error")))
            yield _packed(frame.data.encode(), frame.event)  # an error, or something we do not know
            return
        shown = self._shown(data)
        if shown is not None:
            yield _packed(orjson.dumps(shown), frame.event)

    def _shown(self, data: dict[str, Any]) -> dict[str, Any] | None:
        self._id = self._id or data.get("id")
        if self._id:
            data["id"] = self._id
        if isinstance(data.get("usage"), dict):
            data["usage"] = self._rounds.count(data["usage"])
        if not self._rounds.offers:
            return data
        choice = data["choices"][0] if data["choices"] and isinstance(data["choices"][0], dict) else {}
        delta = choice["delta"] if isinstance(choice.get("delta"), dict) else {}
        self._reader.take(delta)
        called = [delta.pop(name) for name in ("tool_calls", "function_call") if name in delta]
        if text := reading.text_in(delta):
            self._texts.append(text)
            if self._said and text.strip() and isinstance(delta.get("content"), str):
                delta["content"], self._said = f"\n\n{text.lstrip()}", False
        says_more = any(delta.values())
        if self._reader.calls and (choice.get("finish_reason") or not choice):
            self._held.append({**data, "choices": [{**choice, "delta": {}}] if choice else []})
            choice["finish_reason"] = None
            return data if says_more else None
        return None if called and not says_more else data

    def calls(self) -> dict[str, Any] | None:
        """The message of a round that has ended in calls; the next frames are of the next round."""
        if self._failed or not self._rounds.offers or not self._reader.end():
            return None
        text = "".join(self._texts).strip()
        message = self._reader.message(text)
        self._said = self._said or bool(text)
        self._next_round()
        return message

    def end(self) -> Iterator[bytes]:
        """What is left when the last round has ended: of one that called in vain, its end."""
        for data in self._held:
            for choice in data["choices"]:
                choice["finish_reason"] = _without_calls(choice.get("finish_reason"))
            yield _packed(orjson.dumps(data))
        if self._done:
            yield b"data: [DONE]\n\n"


async def _frames(reply: relay.RelayResponse) -> AsyncIterator[sse.Frame]:
    """The frames of a stream; of a server that suddenly does not stream, its answer as one."""
    if _is_stream(reply):
        async for frame in sse.frames(reply.chunks()):
            yield frame
        return
    answer = _parsed(await reply.read())
    for choice in answer.get("choices") or () if isinstance(answer, dict) else ():
        if isinstance(choice, dict):
            choice["delta"] = choice.pop("message", {})
    yield sse.Frame("", orjson.dumps(answer).decode())


async def _until_done(running: "asyncio.Future[bool]") -> AsyncGenerator[bytes, None]:
    """A comment now and then while a tool runs; a client that leaves cancels it, and waits until it has ended."""
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
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _is_stream(reply: relay.RelayResponse) -> bool:
    return event_streams.is_event_stream(dict(reply.headers).get("content-type", ""))


def _is_encoded(reply: relay.RelayResponse) -> bool:
    return "content-encoding" in dict(reply.headers)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
