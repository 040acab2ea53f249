"""Which exceptions tell that Redis is away."""

import asyncio
import gc

import pytest
from redis.asyncio import Redis

from providers.process import outages


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # redis-py leaves a socket open
async def test_two_tasks_that_connect_at_once_tell_that_redis_is_away(wire, redis_url):
    """channels_redis subscribes in one task and receives in another, by the same connection."""
    line = wire(redis_url)
    async with Redis.from_url(line.url(redis_url), socket_timeout=2) as client:
        pubsub = client.pubsub()
        await pubsub.subscribe("one")
        line.restart()
        line.hang()
        await pubsub.connection.disconnect()
        both = pubsub.get_message(timeout=1), pubsub.subscribe("two")
        errors = await asyncio.gather(*both, return_exceptions=True)
        assert any(isinstance(error, RuntimeError) for error in errors), errors
        assert all(outages.is_of_redis(error) for error in errors), errors
        await pubsub.aclose()
    gc.collect()  # in this test, not in a later one


def test_an_error_of_ours_does_not():
    with pytest.raises(RuntimeError) as ours:
        raise RuntimeError("ours")
    assert not outages.is_of_redis(ours.value)
