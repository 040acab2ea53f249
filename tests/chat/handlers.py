"""Pipeline handlers of a third party: only the settings name them."""

import asyncio

from django.utils.translation import get_language, gettext_lazy

from chat.pipeline import Handler, Toggle
from providers.errors import ProviderError


class Weather(Handler):
    name = "weather"
    toggle = Toggle(label="Weather", icon="cloud-sun")

    def may_use(self, caller):
        return caller.name == "Alice"

    async def handle(self, turn):
        await turn.emit("status", {"description": "Looking outside", "done": False, "progress": 0.5})
        turn.add_context("It is raining.")
        file = {
            "type": "image",
            "url": "/api/v1/files/1/content",
            "id": "1",
            "name": "sky",
            "content_type": "image/png",
        }
        await turn.add_files([file])
        await turn.emit("status", {"description": "Looked outside", "done": True})


class Always(Handler):
    name = "always"

    async def handle(self, turn):
        turn.payload["temperature"] = 0.1


class Broken(Handler):
    name = "broken"

    async def handle(self, turn):
        raise RuntimeError("a bug")


class Failing(Handler):
    name = "failing"

    async def handle(self, turn):
        raise ProviderError("The weather service failed.", provider="no clouds today")


class Parrot(Handler):
    """Answers itself."""

    name = "parrot"
    toggle = Toggle(label="Parrot", icon="bird")

    async def handle(self, turn):
        await turn.say(f"{turn.messages[-1]['content']}!")
        turn.finish()


class Slow(Handler):
    name = "slow"

    async def handle(self, turn):
        await turn.emit("status", {"description": "Waiting", "done": False})
        await asyncio.sleep(60)


class Album(Handler):
    """Keeps the pictures that models send."""

    name = "album"

    async def handle(self, turn):
        pass

    async def receive_pictures(self, turn, urls):
        await turn.add_files([{"type": "image", "url": url, "id": url, "name": "", "content_type": ""} for url in urls])
        return True


class Tongue(Handler):
    """A handler that reports its active language, with a lazy text as in translated handlers."""

    name = "tongue"

    async def handle(self, turn):
        await turn.emit("status", {"description": gettext_lazy("Stop"), "language": get_language(), "done": True})
