"""Work on event loops: started from any thread, with no context but the language."""

import asyncio
import threading

from django.utils import translation

from chat import loop
from providers import runtime

PATIENCE = 10


def test_without_a_server_a_loop_of_our_own_does_the_work():
    done = threading.Event()

    async def work():
        done.set()

    loop.spawn(work, name="work")

    assert done.wait(PATIENCE)


async def test_on_a_loop_the_work_stays_there():
    done = asyncio.Future()

    async def work():
        done.set_result(asyncio.get_running_loop())

    loop.spawn(work, name="work")

    assert await asyncio.wait_for(done, PATIENCE) is asyncio.get_running_loop()


async def test_a_thread_of_the_server_reaches_the_servers_loop():
    from asgiref.sync import sync_to_async

    assert await sync_to_async(loop.current)() is asyncio.get_running_loop()


async def test_the_language_goes_along():
    spoken = asyncio.Future()

    async def work():
        spoken.set_result(translation.get_language())

    with translation.override("zh-hans"):
        loop.spawn(work, name="work")

    assert await asyncio.wait_for(spoken, PATIENCE) == "zh-hans"


async def test_what_work_raises_is_logged_with_its_name(caplog):
    async def work():
        raise RuntimeError("a bug")

    loop.spawn(work, name="unlucky work")
    for _ in range(5):
        await asyncio.sleep(0)

    assert "unlucky work failed" in caplog.text
    assert "a bug" in caplog.text


async def test_ending_everything_waits_for_the_end():
    cleaned = []

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    loop.spawn(work, name="work")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await loop.end_all()

    assert cleaned == [True]


def test_a_thread_leaves_no_connection_open(db):
    from django.db import connections

    from chat.models import Chat

    seen = []

    def job():
        connection = connections["default"]
        seen.append(connection)
        return Chat.objects.count()

    assert asyncio.run(loop.in_thread(job)) == 0
    assert seen[0].connection is None


def test_work_on_a_loop_of_our_own_ends_with_the_process():
    begun, cleaned = threading.Event(), []

    async def work():
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await loop.in_thread(cleaned.append, True)

    loop.spawn(work, name="work")
    assert begun.wait(PATIENCE)
    runtime.close()

    assert cleaned == [True]
    assert "chat-loop" not in [thread.name for thread in threading.enumerate()]
