"""Requests in threads: their code learns that the client has disconnected."""

import asyncio
import threading

import pytest
from django.http import HttpResponse
from django.urls import path

from providers.process import disconnects
from webui.layers.handler import SiteHandler

started = threading.Event()
seen: list[bool] = []


def until_the_client_leaves(_request):
    seen.append(disconnects.client_has_left())
    started.set()
    pause = threading.Event()
    for _attempt in range(1000):
        if disconnects.client_has_left():
            break
        pause.wait(0.01)
    seen.append(disconnects.client_has_left())
    return HttpResponse()


urlpatterns = [path("wait", until_the_client_leaves)]


@pytest.mark.django_db(transaction=True)
def test_work_in_a_thread_learns_that_its_client_has_left(settings):
    settings.ROOT_URLCONF, settings.MIDDLEWARE = __name__, []
    seen.clear()
    started.clear()
    messages = [{"type": "http.request", "body": b""}]

    async def receive():
        if messages:
            return messages.pop()
        await asyncio.to_thread(started.wait, 10)
        return {"type": "http.disconnect"}

    async def send(_message):
        raise AssertionError("nobody is there")

    scope = {"type": "http", "method": "GET", "path": "/wait", "headers": [], "query_string": b""}
    asyncio.run(SiteHandler()(scope, receive, send))
    assert seen == [False, True]
    assert not disconnects.client_has_left()
