"""A provider's chat completion as pieces of an answer, from a stream or from one JSON body.

Raises ProviderError for what is no answer: an error frame (object or text), a stream without any line, an end without
`finish_reason` (cut off), an answer that only calls tools which were not offered, an empty answer. The pieces before it
have been yielded by then.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson
from django.conf import settings

from chat.answers import deltas, responses
from chat.answers.calls import CallReader
from chat.answers.pictures import InlinePicture, InlinePictureSplitter
from chat.answers.reasoning import ThinkSplitter
from providers import json_bodies
from providers.errors import ContentRefused, GatewayError, ProviderError
from providers.json_bodies import whole_characters
from providers.process import waiting
from providers.sentences import sentence as _
from providers.upstream import endings, error_bodies, sse

MAX_UNREADABLE = 10  # lines in a row
DRAIN_SECONDS = 2.0  # how long a server may take to end the body after [DONE]
MAX_FRAMES = 500_000  # of an answer: some servers send empty ones without end
MAX_PICTURE = sse.LONGEST_PICTURE  # characters of one picture in the text, over many frames
MAX_BODY = sse.LONGEST_PICTURE  # bytes of an answer in one piece
MAX_USAGE = 4_000  # bytes of a usage object; of a longer one only the plain numbers are kept
LONGEST_PIECE = 2**15  # characters; a longer text comes in several pieces, each of which is sent as an event
WORDS = 2000  # characters of a provider's own words that are kept
# `[heartbeat]`, `{ping}`, `<ping>`: words in brackets that are neither JSON nor a page.
_SIGN_OF_LIFE = re.compile(r"\[[a-z_-]{1,40}\]|\{[a-z_-]{1,40}\}|<(?!html)[a-z_-]{1,40}/?>", re.IGNORECASE)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """The content that one frame adds to an answer. `images` are data or http URLs of pictures; `notice` is a message
    of ours to the person.

    `inline` is a picture in the middle of the text. `calls` is the whole message in which the model calls tools; it
    comes last. With `was_reasoning` all content before this piece was reasoning. With `is_cut` the answer ended at its
    limit.
    """

    content: str = ""
    reasoning: str = ""
    images: tuple[str, ...] = ()
    usage: dict[str, Any] | None = None
    notice: str = ""
    inline: InlinePicture | None = None
    calls: dict[str, Any] | None = None
    was_reasoning: bool = False
    is_cut: bool = False


async def read(
    chunks: AsyncGenerator[bytes, None],
    *,
    may_call: bool = False,
    may_be_silent: bool = False,
    room: int | None = None,
) -> AsyncGenerator[Piece, None]:
    """The pieces of a successful (2xx) answer, whatever its content type says.

    The body is read to its end, also after `[DONE]`: only then its connection can be reused. With `may_call` tools were
    offered, with `may_be_silent` an empty answer is accepted. `room` is how many characters of text are taken, without
    it `CHAT_ANSWER_MAX_CHARACTERS`; there the answer ends with an error. What is large is parsed in a thread.
    """
    answer = AnswerReader(may_call=may_call, may_be_silent=may_be_silent)
    answer.room = answer.room if room is None else room
    beginning = b""
    async for chunk in chunks:
        beginning = (beginning + chunk).lstrip()
        if beginning and not json_bodies.BYTE_ORDER_MARK.startswith(beginning):
            break
    start = beginning.removeprefix(json_bodies.BYTE_ORDER_MARK).lstrip()
    if start[:1] in (b"{", b"[", b"<"):
        body = await _whole(start, chunks)
        for piece in await _collected(len(body), answer.take_body(body)):
            yield piece
    else:
        frames = sse.frames(_joined(beginning, chunks), longest=sse.LONGEST_WITH_PICTURES)
        async for frame in frames:
            if frame.is_done:
                answer.take_done()
                await _drain(frames)
                break
            if frame.size > waiting.LARGE:
                pieces = await _collected(frame.size, answer.take_frame(frame))
            else:
                pieces = answer.take(frame.data, event=frame.event)
            for piece in pieces:
                yield piece
        if not answer.frames and start[:1] not in (b"", b":"):  # neither frames nor comments: a message of a proxy
            raise _not_an_answer(start[: error_bodies.MAX_PLAIN].decode(errors="replace"))
    for piece in await _collected(answer.held, answer.end()):
        yield piece


async def _whole(start: bytes, chunks: AsyncIterator[bytes]) -> bytes:
    pieces, size = [start], len(start)
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > MAX_BODY:
            raise too_long()
    return await waiting.off_loop(size, b"".join, pieces)


async def _collected(size: int, pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The pieces of an iterator, computed in a thread if they are made of many bytes."""
    return pieces if size <= waiting.LARGE else iter(await waiting.in_own_thread(_CollectedPieces, pieces))


class _CollectedPieces:
    """Pieces, and the error that they end with."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces: list[Piece] = []
        self._error: GatewayError | None = None
        try:
            self._pieces.extend(pieces)
        except GatewayError as error:
            self._error = error

    def __iter__(self) -> Iterator[Piece]:
        yield from self._pieces
        if self._error is not None:
            raise self._error


async def _drain(frames: AsyncIterator[sse.Frame]) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _frame in frames:
                pass
    except (TimeoutError, GatewayError) as error:
        logger.info("An answer did not end after [DONE]: %s", error)  # the answer is complete all the same


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


@dataclass(slots=True)
class AnswerReader:
    """Turns frames into pieces, without I/O. Its attributes decide at the end whether this was an answer."""

    may_call: bool = False
    may_be_silent: bool = False
    room: int = field(default_factory=lambda: settings.CHAT_ANSWER_MAX_CHARACTERS)  # characters of text
    finish_reason: str = ""
    frames: int = 0
    characters: int = 0
    has_content: bool = False
    unreadable: int = 0  # lines in a row that are no JSON
    _passed_over: str = ""  # the last of them
    _has_deltas: bool = False  # text comes in `delta`, not in `message`
    _messages: deltas.RepeatedText = field(default_factory=deltas.RepeatedText)  # where text comes in `message`
    _thoughts: deltas.RepeatedText = field(default_factory=deltas.RepeatedText)  # and where reasoning does
    _ended_empty: bool = False  # the last `finish_reason` was ""
    _calls: CallReader = field(default_factory=CallReader)
    _text: list[str] = field(default_factory=list)  # its text, collected where calls may follow
    _halves: deltas.HalfCharacters = field(default_factory=deltas.HalfCharacters)
    _splitter: ThinkSplitter = field(default_factory=ThinkSplitter)
    _inline: InlinePictureSplitter = field(default_factory=InlinePictureSplitter)

    @property
    def held(self) -> int:
        """The number of characters that `end` has yet to process."""
        return self.characters + self._inline.size

    def take_frame(self, frame: sse.Frame) -> Iterator[Piece]:
        """One frame of a stream, decoded when the first piece is asked for."""
        yield from self.take(frame.data, event=frame.event)

    def take(self, data: str, *, event: str = "") -> Iterator[Piece]:
        """The data of one frame of a stream."""
        stripped = data.strip()
        if not stripped:
            return
        is_error = event == "error"
        if not is_error and (not stripped.startswith(("{", "[", "<", '"')) or _SIGN_OF_LIFE.fullmatch(stripped)):
            return self._pass_over(data)
        self.unreadable = 0
        yield from self._take(*_parsed(data), is_error=is_error)

    def take_done(self) -> None:
        """The end mark. With it an answer whose `finish_reason` is "" has ended; one that names none was cut off."""
        if self._ended_empty and not self.finish_reason:
            self.finish_reason = "stop"

    def _pass_over(self, data: str) -> None:
        self.unreadable += 1
        self._passed_over = data
        if self.unreadable >= MAX_UNREADABLE:
            raise _not_an_answer(data)

    def take_body(self, body: bytes) -> Iterator[Piece]:
        """A whole answer in one JSON body, from servers that do not stream although they were asked to."""
        yield from self._take(*_parsed(body.decode(errors="replace")))
        if (self.has_content or self._calls.calls) and not self.finish_reason:
            self.finish_reason = "stop"  # a whole body cannot be cut off

    def _take(self, frame: Any, halves: Any, *, is_error: bool = False) -> Iterator[Piece]:
        """One frame, and the same with its halves of surrogate pairs. Its error is raised after its text."""
        self.frames += 1
        if self.frames > MAX_FRAMES:
            raise too_long()
        if not isinstance(frame, dict):
            raise _not_an_answer(str(frame))
        frame, halves = responses.as_chat(frame) or frame, responses.as_chat(halves) or halves
        usage = frame.get("usage")
        if isinstance(usage, dict):
            yield Piece(usage=_bounded(usage))
        choices = deltas.choices_of(frame)
        for choice, half in zip(choices, deltas.choices_of(halves), strict=True):
            if isinstance(choice, dict) and not choice.get("index"):  # we ask for one choice
                yield from self._take_choice(choice, half)
        if is_error or _reports_an_error(frame, has_choices=bool(choices)):
            raise _provider_error(frame)

    def _take_choice(self, choice: dict[str, Any], halves: dict[str, Any]) -> Iterator[Piece]:
        delta, text_of = choice.get("delta"), halves.get("delta")
        self._has_deltas = self._has_deltas or deltas.says_something(delta)
        is_message = not self._has_deltas and bool(choice.get("message"))
        if is_message:  # some servers repeat the whole message beside deltas or after them
            delta, text_of = choice["message"], halves["message"]
        if not isinstance(delta, dict) or not isinstance(text_of, dict):
            delta = text_of = {}
        content, reasoning, images = deltas.parts_of(text_of.get("content"))
        if is_message:
            content = self._messages.added(content, may_be_same=bool(choice.get("finish_reason")))
        content += deltas.text_of(delta.get("refusal"))
        reasoning += (
            deltas.text_of(delta.get("reasoning_content"))
            or deltas.text_of(delta.get("reasoning"))
            or deltas.details_of(delta.get("reasoning_details"))
        )
        if is_message and reasoning:
            reasoning = self._thoughts.added(reasoning, may_be_same=True)  # repeated as it is while the text grows
        images += deltas.images_of(delta.get("images"))
        self._calls.take(delta)
        self.finish_reason = deltas.text_of(choice.get("finish_reason")) or self.finish_reason
        self._ended_empty = choice.get("finish_reason") == ""
        answer, thinking = self._splitter.feed(self._halves.complete(content))
        if self._splitter.was_reasoning:
            self._splitter.was_reasoning = False
            self._text.clear()
            self.has_content = False
            yield Piece(reasoning=self._splitter.reasoning_before, was_reasoning=True)
        yield from self._pieces(answer, whole_characters(reasoning) + thinking, images)
        if choice.get("error"):
            raise _provider_error(choice)

    def _pieces(self, content: str, reasoning: str = "", images: tuple[str, ...] = ()) -> Iterator[Piece]:
        """Text and the pictures in it, in their order."""
        yield from self._piece("", reasoning, images)
        for part in self._inline.feed(content):
            if isinstance(part, InlinePicture):
                self.has_content = True
                yield Piece(inline=part)
            else:
                yield from self._piece(part)
        if self._inline.size > MAX_PICTURE:
            raise too_long()

    def _piece(self, content: str, reasoning: str = "", images: tuple[str, ...] = ()) -> Iterator[Piece]:
        """The text, cut at the remaining room; a long one comes in several pieces."""
        left = self.room - self.characters
        self.characters += len(content) + len(reasoning)
        reasoning = reasoning[:left]
        content = content[: left - len(reasoning)]
        self.has_content = self.has_content or bool(content.strip() or images)
        if self.may_call:
            self._text.append(content)
        while content or reasoning or images:
            yield Piece(content=content[:LONGEST_PIECE], reasoning=reasoning[:LONGEST_PIECE], images=images)
            content, reasoning, images = content[LONGEST_PIECE:], reasoning[LONGEST_PIECE:], ()
        if self.characters > self.room:
            raise too_long()

    def end(self) -> Iterator[Piece]:
        """The last pieces; then an error is raised if this was no answer."""
        yield from self._pieces(*self._splitter.end())
        for rest in self._inline.end():
            yield from self._piece(str(rest))
        if not self.frames and self._passed_over:
            raise _not_an_answer(self._passed_over)
        if not self.frames:
            raise ProviderError(
                _("The provider sent an empty answer. The conversation may be too long for this model."),
                code="empty_stream",
                retryable=True,
            )
        if self.finish_reason == "content_filter":
            raise ContentRefused(_("The provider's safety rules ended the answer."))
        if not self.finish_reason:
            raise ProviderError(_("The answer was cut off."), code="cut_off", retryable=True)
        if self.finish_reason not in endings.ORDINARY:
            raise endings.ended_early(self.finish_reason, self.finish_reason[:WORDS])
        if self.may_call and self._calls.end():
            yield Piece(calls=self._calls.message("".join(self._text).strip()))
        elif not self.has_content and not self.may_be_silent:
            raise self._no_content()
        if self.finish_reason == "length":
            yield Piece(notice=_("The answer was cut off at the maximum length."), is_cut=True)

    def _no_content(self) -> ProviderError:
        if names := [call.name for call in self._calls.calls]:
            return ProviderError(
                _("The model tried to use a tool that is not available here: %(names)s.")
                % {"names": ", ".join(dict.fromkeys(names))},
                code="tool_calls_only",
            )
        if self.finish_reason == "length":
            return ProviderError(
                _("The model used up its token limit before it wrote an answer."),
                code="length",
                retryable=True,
            )
        return ProviderError(_("The model sent an empty answer."), code="empty_answer", retryable=True)


def too_long() -> ProviderError:
    """The error of an answer that is longer than it may be."""
    return ProviderError(
        _("The answer became too long and was stopped. What came until then is kept."), code="answer_too_long"
    )


def _bounded(usage: dict[str, Any]) -> dict[str, Any]:
    """A usage object that can be stored with every answer."""
    if len(orjson.dumps(usage, default=str)) <= MAX_USAGE:
        return usage
    numbers = {name: value for name, value in usage.items() if len(name) <= 60 and type(value) in (int, float)}
    return dict(islice(numbers.items(), 40))


def _parsed(text: str) -> tuple[Any, Any]:
    """The value, and the same with halves of surrogate pairs: of a text, the next frame may hold the other half."""
    try:
        return deltas.with_halves(text)
    except ValueError as error:
        raise _not_an_answer(text) from error


def _reports_an_error(frame: dict[str, Any], *, has_choices: bool) -> bool:
    """Whether a frame tells of an error: it says so, or has no choices but a sentence.

    Frames with usage and those of a list of events hold sentences that are none.
    """
    if frame.get("error") or error_bodies.has_failed_inside(frame):
        return True
    return not has_choices and not frame.get("usage") and "base_resp" not in frame and bool(_words_in(frame))


def _words_in(frame: dict[str, Any]) -> str:
    return whole_characters(error_bodies.of_value(frame.get("error") or frame).message)


def _provider_error(frame: dict[str, Any]) -> ProviderError:
    words = _words_in(frame)
    error = frame.get("error")
    code = str(error.get("code") or "") if isinstance(error, dict) else ""
    return ProviderError(
        _("The provider reported an error while it answered."),
        code=code or None,
        provider=words,
        retryable=code not in ("context_length_exceeded", "insufficient_quota"),
    )


def _not_an_answer(text: str) -> ProviderError:
    return ProviderError(
        _("The provider sent an answer that cannot be read."),
        code="invalid_answer",
        provider=text[:WORDS],
        retryable=True,
    )
