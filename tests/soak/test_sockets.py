"""A thousand open pages where nothing happens: what each costs, and whether it still hears."""

import asyncio
import json
import time
from contextlib import AsyncExitStack

import pytest
import requests
from websockets.asyncio.client import connect

from tests.chat.talk import Talker, is_done
from tests.chat.test_processes import RemoteSite
from tests.soak.proc import open_files, resident_kilobytes

FIRST, REST = 50, 950  # the first ones load what every further one shares
AT_ONCE = 20  # that are being opened
# Longer than the pause between two pings of a server, and than that between two checks of a session.
IDLE_SECONDS = 45.0
MOST_KILOBYTES = 80  # of memory for a socket; measured: 41 with either server
SPARE_FILES = 20
# Of as many sockets. Closed ones wait for Python's collector, so memory grows for some rounds and then stays.
ROUNDS, SETTLED = 10, 6
MOST_GROWTH = 24_576  # kilobytes, of all further rounds together: less than half of what one round takes
PATIENCE = 60


class Pages:
    """The open sockets of one person. They are closed with the block."""

    def __init__(self, talker):
        site = talker.site
        headers = {"Cookie": f"sessionid={talker.session.cookies['sessionid']}"}
        options = {"additional_headers": headers, "origin": site.url, "ping_interval": None}  # browsers send no pings
        self.opening = lambda: connect(f"ws{site.url[4:]}/ws/events", **options)
        self.sockets = []

    async def __aenter__(self):
        self.stack = AsyncExitStack()
        return self

    async def __aexit__(self, *error):
        await self.close()

    async def open(self, count):
        """Open more; returns once each of them is answered."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def open_socket():
            async with turns:
                socket = await self.stack.enter_async_context(self.opening())
                await socket.send('{"type": "ping"}')
                await until(socket, lambda event: event["data"]["type"] == "pong")
                return socket

        self.sockets += await asyncio.gather(*(open_socket() for _ in range(count)))

    async def hear_the_end_of(self, message_id):
        """Return once every socket was told that the reply is over."""

        def is_end(event):
            return event["message_id"] == message_id and is_done(event)

        await asyncio.gather(*(until(socket, is_end) for socket in self.sockets))

    async def close(self):
        self.sockets = []
        await self.stack.aclose()


def wait_for_few_files(site, most):
    """Return once the server has closed what its clients closed."""
    end = time.monotonic() + PATIENCE
    while (count := open_files(site)) > most:
        assert time.monotonic() < end, f"still {count} open files, at most {most} wanted"
        time.sleep(0.2)


async def until(socket, wanted):
    async with asyncio.timeout(PATIENCE):
        while not wanted(json.loads(await socket.recv())):
            pass


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
async def test_a_thousand_idle_sockets_cost_little_and_hear_all(server_process, environment, server):
    bounds = {"SOCKETS_PER_PERSON": "2000", "SOCKETS_PER_ADDRESS": "2000"}
    site = server_process(server=server, env={**environment, **bounds}).start()
    talker = Talker(RemoteSite(site))
    files = open_files(site)
    async with Pages(talker) as pages:
        await pages.open(FIRST)
        before = resident_kilobytes(site)
        await pages.open(REST)
        await asyncio.sleep(IDLE_SECONDS)
        full = resident_kilobytes(site)
        assert (full - before) / REST < MOST_KILOBYTES
        assert open_files(site) >= FIRST + REST

        started = await asyncio.to_thread(talker.start)
        await pages.hear_the_end_of(started["message"]["id"])
        answer = await asyncio.to_thread(requests.get, f"{site.url}/healthz", timeout=PATIENCE)
        assert answer.status_code == 200

        await pages.close()
        await asyncio.to_thread(wait_for_few_files, site, files + SPARE_FILES)
    assert "Traceback" not in site.log()


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
async def test_sockets_that_come_and_go_leave_nothing(server_process, environment, server):
    bounds = {"SOCKETS_PER_PERSON": "2000", "SOCKETS_PER_ADDRESS": "2000"}
    site = server_process(server=server, env={**environment, **bounds}).start()
    talker = Talker(RemoteSite(site))
    files, sizes = open_files(site), []
    async with Pages(talker) as pages:
        for _round in range(ROUNDS):
            await pages.open(FIRST + REST)
            sizes.append(resident_kilobytes(site))
            await pages.close()
            await asyncio.to_thread(wait_for_few_files, site, files + SPARE_FILES)
    assert sizes[-1] - sizes[SETTLED - 1] < MOST_GROWTH, sizes
