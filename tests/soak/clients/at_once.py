"""Many clients of a site at once, and what tests of several nodes share."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import requests

from tests.chat.talk import Listener, Talker
from tests.chat.test_processes import EMAIL, RemoteSite
from tests.fixtures.process import ServerProcess

SERVERS = ["daphne", "uvicorn"]
PATIENCE = 60
LIMIT = """
from providers.models import ClientKey, RateLimit
for key in ClientKey.objects.all():
    RateLimit.objects.create(target="key", key=key, requests_minute=%d)
"""
BODY = {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}
STREAMED = {**BODY, "stream": True}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def browser_headers(session: Any) -> dict[str, str]:
    """The headers that a signed-in session of requests sends, for other clients."""
    cookies = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    return {"Cookie": cookies, "X-CSRFToken": session.headers["X-CSRFToken"], "Referer": session.headers["Referer"]}


def crowd() -> aiohttp.ClientSession:
    """A client with any number of connections, none of them used twice, and no cookies of its own."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(PATIENCE),
    )


def post_at_once(urls: Sequence[str], body: Any, headers: dict[str, str]) -> list[tuple[int | str, bytes]]:
    """POST to all of these at the same time: status and content of each, or the name of the error and nothing."""

    async def post(client: aiohttp.ClientSession, url: str) -> tuple[int | str, bytes]:
        try:
            async with client.post(url, json=body, headers=headers) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__, b""

    async def post_all() -> list[tuple[int | str, bytes]]:
        async with crowd() as client:
            return await asyncio.gather(*(post(client, url) for url in urls))

    return asyncio.run(post_all())


def until(came_true: Callable[[], object], patience: float = PATIENCE) -> None:
    """Return once it has come true, asked again and again."""
    end = time.monotonic() + patience
    while not came_true():
        assert time.monotonic() < end, f"not within {patience} s"
        time.sleep(0.1)


def in_one_minute(seconds: int) -> None:
    """Return when this minute, in which rate limits count, has so many seconds left."""
    until(lambda: time.time() % 60 < 60 - seconds)


def limited_keys(nodes: Sequence[ServerProcess], requests_minute: int) -> list[str]:
    """Two keys with a limit of their own each, which all nodes know."""
    keys = [nodes[0].create_api_key(EMAIL) for _ in range(2)]
    nodes[0].manage("shell", "--verbosity", "0", "-c", LIMIT % requests_minute)

    def is_limited(node: ServerProcess) -> bool:
        answer = requests.post(f"{node.v1}/chat/completions", json=BODY, headers=bearer(keys[0]), timeout=PATIENCE)
        return "x-ratelimit-limit-requests" in answer.headers

    until(lambda: all(map(is_limited, nodes)))
    return keys


def talker_at(node: ServerProcess) -> tuple[Talker, Listener]:
    """A person who has signed in at this node, and a tab of theirs."""
    site = RemoteSite(node)
    talker = Talker(site)
    return talker, site.listen(talker)
