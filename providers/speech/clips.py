"""Text to speech with a cache (R44–R46, decisions "Any connection can speak").

A clip is known by the SHA-256 of its request in canonical form, with connection and model. It is fetched once: whoever
asks for the same words meanwhile listens along. It becomes a row, and so visible to other requests and processes, only
when all of it is stored; a broken download is never served. The least recently used clips go when the store is full.
"""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from channels.db import database_sync_to_async
from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers import catalogue, http, runtime
from providers.errors import BadRequest, Conflict, GatewayError, NetworkError, NotFound, ProviderError, TooLarge
from providers.facts import Caller, ConnectionFacts, Snapshot
from providers.models import SpeechClip
from providers.relay import rate_limits, routing, usage
from providers.upstream.endpoints import endpoint
from providers.upstream.error_bodies import error_of
from providers.upstream.headers import headers_for

MAX_INPUT = 4096  # characters (contracts/openai.md, section 5)
MAX_CLIP = 64 * 2**20  # bytes of one answer; 4,096 characters as WAV are about 15 MB
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
SPOKEN_EVENTS = "text/event-stream"  # `stream_format: sse`

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Speech:
    """An answer: its type, whether it came from the store, and its bytes once."""

    content_type: str
    cached: bool
    pieces: AsyncIterator[bytes]
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A connection that may speak, and the model's name there."""

    connection: ConnectionFacts
    upstream_id: str


class Refusal(ProviderError):
    """The provider's own answer to what it would not speak: it goes on as it came."""

    def __init__(self, error: ProviderError, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(error.message, code=error.code, provider=error.provider, status=error.status)
        self.body = body
        self.passed = {name: headers[name] for name in ("content-type", "retry-after") if name in headers}


async def speak(
    caller: Caller,
    payload: Mapping[str, Any],
    *,
    cookies: Mapping[str, str] | None = None,
    idempotency_key: str = "",
) -> Speech:
    """The words as sound, from the store or from the first connection that takes the model.

    Raises BadRequest, NotFound (no connection can speak), Conflict (the idempotency key was used for other words),
    Refusal (the provider's own status and body), NetworkError.
    """
    _check(payload)
    await database_sync_to_async(_check_idempotency, thread_sensitive=False)(caller, payload, idempotency_key)
    snapshot = await catalogue.snapshot()
    found = routing.in_order(candidates(snapshot, caller, str(payload["model"])))
    if snapshot.limits:
        await rate_limits.admit(caller, snapshot.limits)
    keys = [clip_key(one, payload) for one in found]
    # A clip from any of them will do: the first one may have been down when it was made.
    if known := await database_sync_to_async(_known_clip, thread_sensitive=False)(keys):
        _record(caller, None, str(payload["model"]), 200, known.size, 0)
        return Speech(known.content_type, True, _stored(known), known.size)
    last: GatewayError | None = None
    for one, key in zip(found, keys, strict=True):
        download = _join(key, one, caller, payload, cookies or {})
        try:
            await download.begun()
        except (NetworkError, ProviderError) as error:
            last = error
            if isinstance(error, NetworkError) or error.status in (404, 429) or error.status >= 500:
                continue  # another connection may know the model, or be up
            raise
        return Speech(download.content_type, False, download.listen())
    assert last is not None  # noqa: S101  `candidates` never returns none
    raise last


def candidates(snapshot: Snapshot, caller: Caller, model: str) -> list[Candidate]:
    """Who may speak: the sources of a model that the caller has, else every connection of theirs, by position.

    Speech models are left out of lists (R28), so a name that no list knows is no reason to refuse.
    """
    if model in snapshot.routes:
        route = snapshot.route_for(caller, model)
        return [Candidate(source.connection, source.upstream_id) for source in route.sources]
    if not snapshot.gateway.enable_openai_api:
        snapshot.route_for(caller, model)  # says that everything is switched off
    open_to_them = [one for one in snapshot.connections.values() if one.allows(caller) and not one.demo]
    if not open_to_them:
        raise NotFound(_("No connection can speak here yet."), code="speech_not_configured", param="model")
    found = []
    for connection in sorted(open_to_them, key=lambda one: (one.position, one.id)):
        prefix = f"{connection.prefix_id}."
        named = bool(connection.prefix_id) and model.startswith(prefix)
        found.append((not named, Candidate(connection, model[len(prefix) :] if named else model)))
    return [one for _order, one in sorted(found, key=lambda pair: pair[0])]


def clip_key(one: Candidate, payload: Mapping[str, Any]) -> str:
    """SHA-256 of the request with its members in order, and of who is asked with which model."""
    canonical = orjson.dumps({**payload, "model": one.upstream_id}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"%d\0%s\0%s" % (one.connection.id, one.connection.base_url.encode(), canonical)).hexdigest()


def _check(payload: Mapping[str, Any]) -> None:
    for name in ("model", "input"):
        value = payload.get(name)
        if not isinstance(value, str) or not value.strip():
            raise BadRequest(_("This must be a text that is not empty."), param=name)
    if len(payload["input"]) > MAX_INPUT:
        raise BadRequest(_("At most %(count)d characters can be spoken at once.") % {"count": MAX_INPUT}, param="input")
    form = payload.get("response_format", "mp3")
    if form not in TYPES:
        message = _("This must be one of %(formats)s.") % {"formats": ", ".join(TYPES)}
        raise BadRequest(message, param="response_format")


def _check_idempotency(caller: Caller, payload: Mapping[str, Any], key: str) -> None:
    if not key:
        return
    digest = hashlib.sha256(orjson.dumps(dict(payload), option=orjson.OPT_SORT_KEYS)).hexdigest()
    name = f"speech-idempotency:{caller.user_id}:{hashlib.sha256(key.encode()).hexdigest()}"
    if not cache.add(name, digest, IDEMPOTENCY_SECONDS) and cache.get(name, digest) != digest:
        raise Conflict(_("This Idempotency-Key was used for another request."), code="idempotency_key_reused")


# --- one download, and those who listen -------------------------------------------------------------------------------


@dataclass(slots=True)
class _Download:
    """The bytes of one clip as they arrive; any number of listeners reads from the beginning."""

    content_type: str
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    started: bool = False
    done: bool = False
    error: BaseException | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    def tell(self) -> None:
        self.moved.set()
        self.moved = asyncio.Event()

    async def begun(self) -> None:
        """Until the first byte is here. Raises what came instead."""
        while not (self.started or self.done):
            await self.moved.wait()
        if self.error is not None and not self.started:
            raise self.error

    async def listen(self) -> AsyncIterator[bytes]:
        """All bytes, from the first. Raises where the download broke: the client must not take a part for the whole."""
        index = 0
        while True:
            while index < len(self.pieces):
                yield self.pieces[index]
                index += 1
            if self.done:
                if self.error is not None:
                    raise self.error
                return
            await self.moved.wait()


class Downloads:
    """The downloads that are under way, by event loop and clip."""

    def __init__(self) -> None:
        self.by_key: dict[tuple[int, str], _Download] = {}


def _join(
    key: str, one: Candidate, caller: Caller, payload: Mapping[str, Any], cookies: Mapping[str, str]
) -> _Download:
    """The download of this clip that is under way on this loop, or a new one.

    It is a task of its own: a listener who leaves ends it for nobody, and what is paid for is kept.
    """
    loop = asyncio.get_running_loop()
    place = (id(loop), key)
    downloads = runtime.state(Downloads).by_key
    download = downloads.get(place)
    if download is None:
        download = downloads[place] = _Download(_type_of(payload))
        download.task = loop.create_task(_fetch(download, key, one, caller, payload, cookies))
        download.task.add_done_callback(lambda _task: downloads.pop(place, None))
    return download


def _type_of(payload: Mapping[str, Any]) -> str:
    return SPOKEN_EVENTS if payload.get("stream_format") == "sse" else TYPES[payload.get("response_format", "mp3")]


def _check_sound(headers: list[tuple[str, str]], wanted: str) -> None:
    """Raises ProviderError for a page or an object with a good status: it must never be kept as a clip."""
    found = next((value for name, value in headers if name.lower() == "content-type"), "").partition(";")[0].strip()
    if (found.startswith("text/") and found != wanted) or found.endswith("json"):
        raise ProviderError(_("The provider sent no sound."), code="invalid_answer", provider=found)


async def _fetch(
    download: _Download,
    key: str,
    one: Candidate,
    caller: Caller,
    payload: Mapping[str, Any],
    cookies: Mapping[str, str],
) -> None:
    connection, begun, status = one.connection, time.monotonic(), 200
    try:
        headers = await headers_for(connection, caller=caller, model_id=str(payload["model"]), cookies=cookies)
        headers["Accept"] = "application/octet-stream"
        body = orjson.dumps({**payload, "model": one.upstream_id})
        url = endpoint(connection, "speech", one.upstream_id)
        async with http.stream(
            "POST", url, headers=headers, body=body, limits=connection.limits, tls=connection.tls
        ) as answer:
            if answer.status >= 400:
                received = {name.lower(): value for name, value in answer.headers}
                words = await answer.read()
                raise Refusal(error_of(answer.status, words, received), words, received)
            _check_sound(answer.headers, download.content_type)
            async for piece in answer.chunks():
                download.size += len(piece)
                if download.size > MAX_CLIP:
                    raise TooLarge(_("The provider sent more sound than we take."))
                download.pieces.append(piece)
                download.started = True
                download.tell()
        if not download.size:
            raise ProviderError(_("The provider sent no sound."), code="empty_answer")
        await catalogue.note_success(connection.id, (time.monotonic() - begun) * 1000)
        sound = b"".join(download.pieces)
        await database_sync_to_async(_keep, thread_sensitive=False)(key, download.content_type, sound)
    except GatewayError as error:
        download.error, status = error, error.status
        if isinstance(error, NetworkError):
            await catalogue.note_failure(connection.id, error)
    except Exception:
        logger.exception("A clip could not be fetched or kept")
        download.error, status = GatewayError(_("Something went wrong on this site.")), 500
    finally:
        download.done = True
        download.tell()
        elapsed = round((time.monotonic() - begun) * 1000)
        _record(caller, connection.id, str(payload["model"]), status, download.size, elapsed)


def _record(caller: Caller, connection_id: int | None, model: str, status: int, size: int, elapsed: int) -> None:
    usage.record(
        usage.Used(
            kind="speech",
            user_id=caller.user_id,
            key_id=caller.key_id,
            connection_id=connection_id,  # none: served from the store
            model=model[:255],
            audio_bytes=size,
            status=status,
            duration_ms=elapsed,
        )
    )


# --- the store --------------------------------------------------------------------------------------------------------


def _known_clip(keys: list[str]) -> SpeechClip | None:
    found = {clip.key: clip for clip in SpeechClip.objects.filter(key__in=keys)}
    clip = next((found[key] for key in keys if key in found), None)
    if clip is None:
        return None
    if not storages["default"].exists(clip.storage_name):
        clip.delete()  # somebody cleaned the store by hand
        return None
    now = timezone.now()
    if (now - clip.last_used).total_seconds() > TOUCH_SECONDS:
        SpeechClip.objects.filter(pk=clip.pk).update(last_used=now)
    return clip


async def _stored(clip: SpeechClip) -> AsyncIterator[bytes]:
    def read() -> bytes:
        with storages["default"].open(clip.storage_name, "rb") as file:
            content: bytes = file.read()
            return content

    yield await asyncio.to_thread(read)


def _keep(key: str, content_type: str, content: bytes) -> None:
    if not settings.SPEECH_CACHE_BYTES or len(content) > settings.SPEECH_CACHE_BYTES:
        return
    name = storages["default"].save(f"speech/{key[:2]}/{key}-{secrets.token_hex(4)}", ContentFile(content))
    _clip, new = SpeechClip.objects.get_or_create(
        key=key, defaults={"storage_name": name, "content_type": content_type, "size": len(content)}
    )
    if not new:  # another process was faster
        storages["default"].delete(name)
    make_room()


def make_room() -> int:
    """Remove the least recently used clips until the rest fits; returns how many went."""
    total = SpeechClip.objects.aggregate(total=Sum("size"))["total"] or 0
    removed = 0
    for clip in SpeechClip.objects.order_by("last_used").iterator():
        if total <= settings.SPEECH_CACHE_BYTES:
            break
        clip.delete()
        storages["default"].delete(clip.storage_name)
        total -= clip.size
        removed += 1
    return removed
