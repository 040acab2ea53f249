"""The cache of speech: each request is sent to a provider once, and its audio is stored.

The key of a clip is the SHA-256 of its request in canonical form, with connection and model. Requests for a clip that
is being downloaded share the download. It becomes a row, and so visible to other processes, only when all of it is
stored; a broken download is never served. When the store is full, the least recently used clips are removed.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.models import Sum
from django.utils import timezone

from providers import json_bodies, runtime
from providers.errors import (
    BadRequest,
    Conflict,
    GatewayError,
    ProviderError,
    TooLarge,
    Unavailable,
)
from providers.facts import Caller, Source
from providers.models import SpeechClip
from providers.process import file_store, outages, waiting
from providers.responses import event_streams
from providers.sentences import sentence as _
from providers.upstream import error_bodies, kinds

MAX_REFUSAL = 2**20  # bytes of an error response, which is passed on unchanged
MAX_REMEMBERED = 2**16  # bytes of a refusal that is remembered under an idempotency key
MAX_CLIP = 64 * 2**20  # bytes of one clip; 4,096 characters as WAV are about 15 MB
ROOM_ROWS = 1000  # clips that go at once, at most: the next clip makes more room
LOOKS = 3  # for a stored clip, at most
TOUCH_SECONDS = 60  # a clip's last use is written at most this often
IDEMPOTENCY_SECONDS = 24 * 3600
TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
EVENTS = "text/event-stream"  # the type of a response with `stream_format: sse`

logger = logging.getLogger(__name__)


class AudioResponse(Protocol):
    """The response of a provider whose first byte has arrived, as the relay returns it."""

    status: int
    headers: list[tuple[str, str]]

    def chunks(self) -> AsyncIterator[bytes]: ...

    async def read(self, max_bytes: int) -> bytes: ...

    def fail(self, error: GatewayError) -> None: ...  # for its usage record: the audio cannot be used

    async def aclose(self) -> None: ...


Fetch = Callable[[Source], Awaitable[AudioResponse]]


@dataclass(frozen=True, slots=True)
class Clip:
    """The result of a speech request: audio, or the provider's error response unchanged. `pieces` can be read once."""

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: AsyncGenerator[bytes, None]
    length: int | None = None
    stored: bool = False
    refusal: "_Refusal | None" = None  # where it is an error response


def check(payload: Mapping[str, Any]) -> None:
    """Raise BadRequest for a request that cannot be spoken. The provider checks the rest."""
    for name in ("model", "input"):
        value = payload.get(name)
        if not isinstance(value, str) or not value.strip() or (name == "model" and "\0" in value):
            raise BadRequest(_("This must be text and not empty."), param=name)
    audio_format = payload.get("response_format", "mp3")
    if not isinstance(audio_format, str) or audio_format not in TYPES:
        message = _("This must be one of %(formats)s.") % {"formats": ", ".join(TYPES)}
        raise BadRequest(message, param="response_format")


def _most_characters(source: Source) -> int | None:
    return kinds.of(source.connection).speech_characters(source.connection)


def type_of(payload: Mapping[str, Any]) -> str:
    """The content type of the response to a checked request."""
    return EVENTS if payload.get("stream_format") == "sse" else TYPES[payload.get("response_format", "mp3")]


def clip_key(source: Source, payload: Mapping[str, Any]) -> str:
    """The SHA-256 of connection, model and request, with its members in order."""
    canonical = json_bodies.canonical({**payload, "model": source.upstream_id})
    server = source.connection
    return hashlib.sha256(b"%d\0%s\0%s" % (server.id, server.base_url.encode(), canonical)).hexdigest()


class Clips:
    """The cache of the speech operation (`providers.relay.operations`)."""

    async def check(
        self, caller: Caller, payload: Mapping[str, Any], idempotency_key: str
    ) -> "IdempotentRequest | None":
        """The content of the caller's idempotency key; None without a key.

        Raises Conflict where the key was used for another request.
        """
        if not idempotency_key:
            return None
        return await waiting.in_own_thread(_remembered, caller, payload, idempotency_key)

    def fitting(self, payload: Mapping[str, Any], sources: Sequence[Source]) -> list[Source]:
        """The sources that take a text of this length at once, in order."""
        length = len(payload["input"])
        return [source for source in sources if (most := _most_characters(source)) is None or length <= most]

    def too_long(self, sources: Sequence[Source]) -> BadRequest:
        """The error for a text that none of the sources takes."""
        most = max(length for source in sources if (length := _most_characters(source)) is not None)
        message = _("At most %(count)d characters can be spoken at once.") % {"count": most}
        return BadRequest(message, code="string_above_max_length", param="input")

    async def find(
        self, payload: Mapping[str, Any], sources: Sequence[Source], remembered: "IdempotentRequest | None" = None
    ) -> Clip | None:
        """The refusal that `check` remembered, or the stored clip of any source: the first one may have been down when
        it was made. None without them.
        """
        if remembered and remembered.refusal:
            return remembered.refusal.clip()
        if row := await _find_latest([clip_key(source, payload) for source in sources]):
            return Clip(200, _headers(row.content_type, "hit"), _stored(row), row.size, stored=True)
        return None

    async def begin(self, payload: Mapping[str, Any], source: Source, fetch: Fetch) -> Clip:
        """The clip that `fetch` downloads from this source, and that is stored then, or the source's refusal.

        Raises what the source raised: NetworkError, ConfigurationError, ProviderError.
        """
        download = _join(clip_key(source, payload), source, type_of(payload), fetch)
        await download.begun()
        if download.refusal is not None:
            return download.refusal.clip()
        return Clip(200, _headers(download.content_type, "miss"), download.listen())

    async def note(self, remembered: "IdempotentRequest | None", refusal: "_Refusal | None") -> None:
        """Remember under the idempotency key that the call ended with this refusal; forget the key after an error."""
        if remembered is None:
            return
        if refusal is None:
            await remembered.forget()
        else:
            await remembered.take(refusal)


def _headers(content_type: str, outcome: str) -> tuple[tuple[str, str], ...]:
    unbuffered = event_streams.UNBUFFERED if event_streams.is_event_stream(content_type) else ()
    return (("content-type", content_type), ("x-cache", outcome), *unbuffered)


def _remembered(caller: Caller, payload: Mapping[str, Any], key: str) -> "IdempotentRequest":
    digest = hashlib.sha256(json_bodies.canonical(dict(payload))).hexdigest()
    name = f"speech-idempotency:{caller.user_id}:{hashlib.sha256(key.encode()).hexdigest()}"
    if not cache.add(name, digest, IDEMPOTENCY_SECONDS) and cache.get(name, digest) != digest:
        raise Conflict(_("This Idempotency-Key was used for another request."), code="idempotency_key_reused")
    return IdempotentRequest(name, digest, cache.get(f"{name}:refusal:{digest}"))


@dataclass(slots=True)
class IdempotentRequest:
    """The content of an idempotency key: a request and, once a provider refused it, the refusal.

    A failure that is worth another try is not remembered. Audio is: it is in the store.
    """

    name: str  # the cache's name for the idempotency key
    digest: str  # of the request
    refusal: "_Refusal | None" = None

    async def take(self, refusal: "_Refusal") -> None:
        if error_bodies.is_worth_a_retry(refusal.status):
            await self.forget()
        elif len(refusal.body) <= MAX_REMEMBERED:
            await waiting.in_own_thread(cache.set, f"{self.name}:refusal:{self.digest}", refusal, IDEMPOTENCY_SECONDS)

    async def forget(self) -> None:
        await waiting.in_own_thread(cache.delete, self.name)


# --- downloads --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An error response of a provider, passed to the client unchanged."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def clip(self) -> Clip:
        return Clip(self.status, self.headers, _once(self.body), len(self.body), refusal=self)


@dataclass(slots=True)
class _Download:
    """The bytes of one clip as they arrive; any number of readers may read them from the start."""

    content_type: str
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    started: bool = False
    done: bool = False
    refusal: _Refusal | None = None
    error: BaseException | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    def notify(self) -> None:
        """Wake every reader."""
        self.changed.set()
        self.changed = asyncio.Event()

    async def begun(self) -> None:
        """Wait for the first byte or the error response. Raises the error that came instead."""
        while not (self.started or self.done):
            await self.changed.wait()
        if self.error is not None and not self.started:
            raise self.error

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """Yield all bytes from the start. Raises where the download broke: no client may take a part for the whole."""
        index = 0
        while True:
            while index < len(self.pieces):
                yield self.pieces[index]
                index += 1
            if self.done:
                if self.error is not None:
                    raise self.error
                return
            await self.changed.wait()


class Downloads:
    """The running downloads, by event loop and clip."""

    def __init__(self) -> None:
        self.by_key: dict[tuple[int, str], _Download] = {}
        self.ended = 0  # how many there were


def _join(key: str, source: Source, content_type: str, fetch: Fetch) -> _Download:
    """The running download of this clip on this loop, or a new one.

    It is a task of its own: it goes on when a reader leaves, and the paid result is stored.
    """
    loop = asyncio.get_running_loop()
    position = (id(loop), key)
    downloads = runtime.state(Downloads)
    download = downloads.by_key.get(position)
    if download is None or download.done:  # another try comes before the end of a failed one is noted
        begun = download = downloads.by_key[position] = _Download(content_type)

        def end(_task: object) -> None:
            downloads.ended += 1
            if downloads.by_key.get(position) is begun:
                del downloads.by_key[position]

        download.task = loop.create_task(_run(download, key, source, fetch))
        download.task.add_done_callback(end)
    return download


async def _run(download: _Download, key: str, source: Source, fetch: Fetch) -> None:
    try:
        response = await fetch(source)
        try:
            await _read(download, response)
        except GatewayError as error:
            response.fail(error)
            raise
        finally:
            await response.aclose()
        if download.refusal is None:
            await waiting.in_own_thread(_store_if_possible, key, download.content_type, list(download.pieces))
    except GatewayError as error:
        download.error = error
    except Exception:  # whoever listens to this clip must learn that it will not come
        logger.exception("A clip could not be fetched or stored")
        download.error = GatewayError(_("Something went wrong on this site."))
    finally:
        download.done = True
        download.notify()


async def _read(download: _Download, response: AudioResponse) -> None:
    if response.status >= 400:
        download.refusal = _Refusal(response.status, tuple(response.headers), await response.read(MAX_REFUSAL))
        return
    if not _is_audio(response.headers, download.content_type):
        words = error_bodies.provider_words(await response.read(MAX_REFUSAL))
        raise ProviderError(_("The provider did not send audio."), code="invalid_answer", provider=words)
    async for piece in response.chunks():
        download.size += len(piece)
        if download.size > MAX_CLIP:
            raise TooLarge(_("The provider's audio is too large."))
        download.pieces.append(piece)
        download.started = True
        download.notify()


def _is_audio(headers: list[tuple[str, str]], expected: str) -> bool:
    """False for HTML or JSON with a good status, which must never be stored as a clip."""
    sent = next((value for name, value in headers if name == "content-type"), "").partition(";")[0].strip()
    return not (sent.startswith("text/") and sent != expected) and not sent.endswith("json")


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


# --- the store --------------------------------------------------------------------------------------------------------


def _find(keys: list[str]) -> SpeechClip | None:
    rows = {row.key: row for row in SpeechClip.objects.filter(key__in=keys)}
    row = next((rows[key] for key in keys if key in rows), None)
    if row is None:
        return None
    waiting.give_back()
    try:
        with file_store.guarded():
            is_there = storages["default"].exists(row.storage_name)
    except Unavailable:
        return None  # the clip is made anew
    if not is_there:
        row.delete()  # its file was deleted by hand
        return None
    now = timezone.now()
    if (now - row.last_used).total_seconds() > TOUCH_SECONDS:
        SpeechClip.objects.filter(pk=row.pk).update(last_used=now)
    return row


async def _find_latest(keys: list[str]) -> SpeechClip | None:
    """The stored clip. A second look finds one whose download ended during the first."""
    downloads = runtime.state(Downloads)
    for _look in range(LOOKS):
        ended = downloads.ended
        row = await waiting.in_own_thread(_find, keys)
        if row is not None or downloads.ended == ended:
            return row
    return None


async def _stored(row: SpeechClip) -> AsyncGenerator[bytes, None]:
    def read() -> bytes:
        with file_store.guarded(), storages["default"].open(row.storage_name, "rb") as file:
            content: bytes = file.read()
            return content

    yield await waiting.in_own_thread(read)


def _store_if_possible(key: str, content_type: str, pieces: list[bytes]) -> None:
    """Store a clip if possible. If not, the listener still has it, and the next request makes it anew."""
    try:
        _store(key, content_type, pieces)
    except Exception as error:  # every store has errors of its own; `outages` knows them
        if outages.of(error) is None:
            raise
        logger.warning("A clip is not stored: %s", error.__class__.__name__)


def _store(key: str, content_type: str, pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    if not settings.SPEECH_CACHE_BYTES or len(content) > settings.SPEECH_CACHE_BYTES:
        return
    name = file_store.save(f"speech/{key[:2]}/{key}-{secrets.token_hex(4)}", ContentFile(content))
    _row, new = SpeechClip.objects.get_or_create(
        key=key, defaults={"storage_name": name, "content_type": content_type, "size": len(content)}
    )
    if not new:  # another process was faster
        file_store.delete_if_possible(name)
    make_room()


def make_room() -> int:
    """Remove the least recently used clips until the rest fits. Returns how many were removed."""
    total = SpeechClip.objects.aggregate(total=Sum("size"))["total"] or 0
    removed = 0
    for row in SpeechClip.objects.order_by("last_used")[:ROOM_ROWS] if total > settings.SPEECH_CACHE_BYTES else ():
        if total <= settings.SPEECH_CACHE_BYTES:
            break
        row.delete()
        file_store.delete_if_possible(row.storage_name)
        total -= row.size
        removed += 1
    return removed
