"""Redis as the shared cache. While it does not answer, the cache is empty: slower pages, looser limits, no errors."""

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis import exceptions

from providers import runtime

PAUSE_SECONDS = 5.0  # a pause after Redis did not answer, because each call may take a second
logger = logging.getLogger(__name__)


class RedisTrouble:
    """Until when Redis is not called, on the monotonic clock."""

    def __init__(self) -> None:
        self.paused_until = float("-inf")


def _forgiving(name: str, otherwise: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> Any:
    """The backend's method, which returns `otherwise(args, kwargs)` while Redis does not answer."""
    method = getattr(RedisCache, name)

    @wraps(method)
    def call(self: RedisCache, *args: Any, **kwargs: Any) -> Any:
        trouble = runtime.state(RedisTrouble)
        if time.monotonic() < trouble.paused_until:
            return otherwise(args, kwargs)
        try:
            return method(self, *args, **kwargs)
        except exceptions.RedisError as error:
            logger.warning("Redis does not answer; the cache is empty until it does: %s", type(error).__name__)
            if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError):
                trouble.paused_until = time.monotonic() + PAUSE_SECONDS
            return otherwise(args, kwargs)

    return call


def _default(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return kwargs.get("default", args[1] if len(args) > 1 else None)


class SiteRedisCache(RedisCache):
    get = _forgiving("get", _default)
    get_many = _forgiving("get_many", lambda args, kwargs: {})
    has_key = _forgiving("has_key", lambda args, kwargs: False)
    # True, as if it had been added, so that code that takes a lock with `add` goes on.
    add = _forgiving("add", lambda args, kwargs: True)
    set = _forgiving("set", lambda args, kwargs: None)
    set_many = _forgiving("set_many", lambda args, kwargs: [])
    touch = _forgiving("touch", lambda args, kwargs: False)
    delete = _forgiving("delete", lambda args, kwargs: False)
    delete_many = _forgiving("delete_many", lambda args, kwargs: None)
    incr = _forgiving("incr", lambda args, kwargs: 1)
    clear = _forgiving("clear", lambda args, kwargs: False)
