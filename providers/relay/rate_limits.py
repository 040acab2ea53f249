"""Rate limits: requests and tokens per minute and per day, for everybody, a person, a group together, or one key.

Which rows concern a caller says `providers.relay.targets`, for each number, such as requests per minute, by itself.

Windows are fixed: a minute and a day of UTC. Requests are counted when they arrive. Tokens are counted when a response
has reported them, so the last response of a window may exceed the limit, and the next request is refused. With Redis
all processes share counters. Without Redis each process counts by itself: limits are looser then, no request fails.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings

from providers import catalogue, runtime
from providers.errors import RateLimited
from providers.facts import Caller, RateLimitFacts
from providers.process import waiting
from providers.relay import targets
from providers.sentences import sentence as _

MINUTE, DAY = 60, 86_400
COUNTED = {"requests": _("requests"), "tokens": _("tokens")}
WINDOWS = {MINUTE: _("minute"), DAY: _("day")}
REDIS_SECONDS = 0.25  # the timeout of a call to Redis
REDIS_PAUSE = 5.0  # seconds without Redis after a failure

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rule:
    """The meaning of one number of a rate limit. `name` is its column of `providers.models.RateLimit`."""

    name: str
    counts: str  # requests or tokens
    seconds: int


# One row per column, see `RateLimit.numbers`. How to add one: docs/adding.md, “A rule of rate limits”.
RULES = (
    Rule("requests_minute", "requests", MINUTE),
    Rule("tokens_minute", "tokens", MINUTE),
    Rule("requests_day", "requests", DAY),
    Rule("tokens_day", "tokens", DAY),
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One counter: the name of its owner, what it counts, its window and limit."""

    name: str
    counts: str  # requests or tokens
    seconds: int
    limit: int

    def window(self, now: float) -> int:
        return int(now // self.seconds)

    def key(self, now: float) -> str:
        return f"limit:{self.name}:{self.counts}:{self.seconds}:{self.window(now)}"

    def resets_in(self, now: float) -> float:
        """Seconds until the window ends."""
        return self.seconds - now % self.seconds


@dataclass(frozen=True, slots=True)
class Admission:
    """An admitted request: the rate limit headers of its response, and the counters for its tokens."""

    headers: tuple[tuple[str, str], ...]
    buckets: tuple[Bucket, ...]


def buckets_for(caller: Caller, rows: Iterable[RateLimitFacts]) -> list[Bucket]:
    """The counters that a caller's request counts in."""
    concerning = targets.concerning(caller, rows)
    buckets = []
    for rule in RULES:
        having = [(row, name) for row, name in concerning if row.numbers[rule.name] is not None]
        buckets += [
            Bucket(name, rule.counts, rule.seconds, row.numbers[rule.name] or 0)
            for row, name in targets.most_specific(having)
        ]
    return buckets


async def admit(caller: Caller, rows: Iterable[RateLimitFacts]) -> Admission | None:
    """Count a request. None where no limit applies to the caller. Raises RateLimited with `Retry-After` and headers."""
    buckets = buckets_for(caller, rows)
    if not buckets:
        return None
    now = time.time()
    counts = await runtime.state(RedisCounters).count(buckets, now) if settings.REDIS_URL else None
    return _admission(buckets, counts, now)


def admit_blocking(caller: Caller) -> Admission | None:
    """`admit` for code in a thread, with the rows of the configuration."""
    buckets = buckets_for(caller, catalogue.snapshot_blocking().rate_limits)
    if not buckets:
        return None
    now = time.time()
    counts = waiting.on_loop(runtime.state(RedisCounters).count)(buckets, now) if settings.REDIS_URL else None
    return _admission(buckets, counts, now)


def _admission(buckets: list[Bucket], counts: list[int] | None, now: float) -> Admission:
    """The result of counting a request; without counts from Redis this process counts it."""
    if counts is None:
        counts = runtime.state(ProcessCounters).count(buckets, now)
    headers = _headers(buckets, counts, now)
    over = [bucket for bucket, used in zip(buckets, counts, strict=True) if is_over(bucket, used)]
    if over:
        worst = max(over, key=lambda bucket: bucket.resets_in(now))
        raise RateLimited(
            _sentence(worst), code="rate_limit_exceeded", retry_after=worst.resets_in(now), headers=headers
        )
    return Admission(headers, tuple(buckets))


def used_now(buckets: list[Bucket], now: float) -> list[int]:
    """What each counter holds, for pages in a thread. Nothing is counted."""
    counts = waiting.on_loop(runtime.state(RedisCounters).read)(buckets, now) if settings.REDIS_URL else None
    return runtime.state(ProcessCounters).read(buckets, now) if counts is None else counts


def is_reached(bucket: Bucket, used: int) -> bool:
    """Whether a counter that holds this much refuses the next request."""
    return is_over(bucket, used + (bucket.counts == "requests"))


def check_not_spent(caller: Caller, rows: Iterable[RateLimitFacts]) -> None:
    """Raises RateLimited where a limit leaves this caller nothing at all: what runs already has to end too."""
    for bucket in buckets_for(caller, rows):
        if bucket.limit == 0:
            raise RateLimited(_sentence(bucket), code="rate_limit_exceeded", retry_after=bucket.resets_in(time.time()))


def check_room(caller: Caller, rows: Iterable[RateLimitFacts]) -> None:
    """Raises RateLimited where the next request would be refused. Counts nothing. For threads."""
    buckets = buckets_for(caller, rows)
    now = time.time()
    full = [bucket for bucket, used in zip(buckets, used_now(buckets, now), strict=True) if is_reached(bucket, used)]
    if full:
        worst = max(full, key=lambda bucket: bucket.resets_in(now))
        raise RateLimited(_sentence(worst), code="rate_limit_exceeded", retry_after=worst.resets_in(now))


def spend(admission: Admission | None, tokens: int) -> None:
    """Count the tokens of a response; returns at once."""
    if admission is None or tokens <= 0:
        return
    buckets = [bucket for bucket in admission.buckets if bucket.counts == "tokens"]
    if not buckets:
        return
    now = time.time()
    if settings.REDIS_URL and runtime.state(RedisCounters).add_soon(buckets, tokens, now):
        return
    runtime.state(ProcessCounters).add(buckets, tokens, now)


def is_over(bucket: Bucket, used: int) -> bool:
    """Whether a counter exceeds its limit. `used` includes this request, but not the tokens that it will use."""
    return used > bucket.limit if bucket.counts == "requests" else used >= bucket.limit


def _sentence(bucket: Bucket) -> Any:
    values = {"limit": bucket.limit, "what": COUNTED[bucket.counts], "window": WINDOWS[bucket.seconds]}
    return _("The limit of %(limit)d %(what)s per %(window)s is reached.") % values


def _headers(buckets: list[Bucket], counts: list[int], now: float) -> tuple[tuple[str, str], ...]:
    """OpenAI's `x-ratelimit-*` headers, of the limit with the least remaining."""
    headers: list[tuple[str, str]] = []
    for what in ("requests", "tokens"):
        remaining_in = [
            (max(0, bucket.limit - used), bucket)
            for bucket, used in zip(buckets, counts, strict=True)
            if bucket.counts == what
        ]
        if remaining_in:
            remaining, bucket = min(remaining_in, key=lambda pair: pair[0])
            headers += [
                (f"x-ratelimit-limit-{what}", str(bucket.limit)),
                (f"x-ratelimit-remaining-{what}", str(remaining)),
                (f"x-ratelimit-reset-{what}", duration(bucket.resets_in(now))),
            ]
    return tuple(headers)


def duration(seconds: float) -> str:
    """Seconds in OpenAI's notation: `12ms`, `1s`, `6m0s`, `2h5m0s`."""
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))}ms"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


class ProcessCounters:
    """The counters of this process. Those of past windows are removed when a new minute begins."""

    def __init__(self) -> None:
        self.used: dict[tuple[str, str, int], tuple[int, int]] = {}  # → (window, count)
        self.lock = threading.Lock()
        self.swept = 0

    def count(self, buckets: list[Bucket], now: float) -> list[int]:
        """Count a request unless a limit refuses it: refused requests use up no limit."""
        with self.lock:
            self._sweep(now)
            counts = [self._get(bucket, now) + (bucket.counts == "requests") for bucket in buckets]
            if not any(is_over(bucket, used) for bucket, used in zip(buckets, counts, strict=True)):
                for bucket, used in zip(buckets, counts, strict=True):
                    if bucket.counts == "requests":
                        self.used[bucket.name, bucket.counts, bucket.seconds] = (bucket.window(now), used)
            return counts

    def read(self, buckets: Iterable[Bucket], now: float) -> list[int]:
        with self.lock:
            return [self._get(bucket, now) for bucket in buckets]

    def add(self, buckets: Iterable[Bucket], tokens: int, now: float) -> None:
        with self.lock:
            for bucket in buckets:
                used = self._get(bucket, now) + tokens
                self.used[bucket.name, bucket.counts, bucket.seconds] = (bucket.window(now), used)

    def _get(self, bucket: Bucket, now: float) -> int:
        window, used = self.used.get((bucket.name, bucket.counts, bucket.seconds), (-1, 0))
        return used if window == bucket.window(now) else 0

    def _sweep(self, now: float) -> None:
        minute = int(now // MINUTE)
        if minute != self.swept:
            self.swept = minute
            self.used = {key: count for key, count in self.used.items() if count[0] == int(now // key[2])}


class RedisCounters:
    """Counters in Redis, one client per event loop."""

    def __init__(self) -> None:
        self.clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self.paused_until = 0.0
        self.tasks: set[asyncio.Task[None]] = set()

    async def count(self, buckets: list[Bucket], now: float) -> list[int] | None:
        """As `ProcessCounters.count`; None while Redis does not answer."""
        if time.monotonic() < self.paused_until:
            return None
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                return await self._count(buckets, now)
        except Exception as error:
            self._pause(error)
            return None

    async def read(self, buckets: list[Bucket], now: float) -> list[int] | None:
        """As `ProcessCounters.read`; None while Redis does not answer."""
        if time.monotonic() < self.paused_until or not buckets:
            return None
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                names = [f"{settings.REDIS_PREFIX}:{bucket.key(now)}" for bucket in buckets]
                return [int(value or 0) for value in await self._client().mget(names)]
        except Exception as error:
            self._pause(error)
            return None

    async def _count(self, buckets: list[Bucket], now: float) -> list[int]:
        async with self._client().pipeline(transaction=False) as pipe:
            for bucket in buckets:
                key = f"{settings.REDIS_PREFIX}:{bucket.key(now)}"
                if bucket.counts == "requests":
                    pipe.incr(key)
                    pipe.expire(key, bucket.seconds + 5)
                else:
                    pipe.get(key)
            answers = iter(await pipe.execute())
        counts = []
        for bucket in buckets:
            counts.append(int(next(answers) or 0))
            if bucket.counts == "requests":
                next(answers)
        if any(is_over(bucket, used) for bucket, used in zip(buckets, counts, strict=True)):
            await self._uncount(buckets, now)
        return counts

    async def _uncount(self, buckets: list[Bucket], now: float) -> None:
        """As in `ProcessCounters.count`: refused requests use up no limit."""
        async with self._client().pipeline(transaction=False) as pipe:
            for bucket in buckets:
                if bucket.counts == "requests":
                    pipe.decr(f"{settings.REDIS_PREFIX}:{bucket.key(now)}")
            await pipe.execute()

    def add_soon(self, buckets: list[Bucket], tokens: int, now: float) -> bool:
        """Count in the background; false where that is not possible now."""
        if time.monotonic() < self.paused_until:
            return False
        try:
            task = asyncio.get_running_loop().create_task(self._add(buckets, tokens, now))
        except RuntimeError:  # no loop: a thread at the end of a process
            return False
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return True

    async def _add(self, buckets: list[Bucket], tokens: int, now: float) -> None:
        try:
            async with asyncio.timeout(REDIS_SECONDS), self._client().pipeline(transaction=False) as pipe:
                for bucket in buckets:
                    key = f"{settings.REDIS_PREFIX}:{bucket.key(now)}"
                    pipe.incrby(key, tokens)
                    pipe.expire(key, bucket.seconds + 5)
                await pipe.execute()
        except Exception as error:
            self._pause(error)
            runtime.state(ProcessCounters).add(buckets, tokens, now)

    def _client(self) -> Any:
        from redis import asyncio as redis

        loop = asyncio.get_running_loop()
        if loop not in self.clients:
            self.clients[loop] = redis.from_url(settings.REDIS_URL)
        return self.clients[loop]

    def _pause(self, error: BaseException) -> None:
        logger.warning("Each process counts requests and tokens by itself for now: %s", error.__class__.__name__)
        self.paused_until = time.monotonic() + REDIS_PAUSE
