"""Tools of a third party: only the settings name them."""

import asyncio
import threading

from chat.tools import Tool
from providers.errors import ProviderError

PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}


class Weather(Tool):
    name = "get_weather"
    description = "Tells the weather at a place."
    parameters = PLACE
    label = "Looking outside"
    done_label = "Looked outside"

    async def run(self, turn, arguments):
        return f"It is raining in {arguments['place']}."


class AlicesOwn(Weather):
    name = "alices_own"

    def may_use(self, caller):
        return caller.name == "Alice"


class Broken(Weather):
    name = "broken"

    async def run(self, turn, arguments):
        raise RuntimeError("a bug")


class Failing(Weather):
    name = "failing"
    failed_label = "Could not look outside"

    async def run(self, turn, arguments):
        raise ProviderError("The weather service failed.", provider="no clouds today")


class Slow(Weather):
    name = "slow"
    begun, cancelled = threading.Event(), threading.Event()

    async def run(self, turn, arguments):
        Slow.begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            Slow.cancelled.set()
            raise


class WithToggle(Weather):
    name = "with_toggle"
    feature = "weather"
