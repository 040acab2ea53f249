"""The chat's tools: what a model may call while it answers. A list of dotted paths, like the pipeline.

`settings.CHAT_TOOLS` names tool classes. To add one, write a subclass of `Tool` anywhere and put its path in the list;
nothing else changes::

    class Weather(Tool):
        name = "get_weather"                                         # what the model calls
        description = "Tells the weather at a place."                # for the model, in English
        parameters = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
        label, done_label = _("Looking outside"), _("Looked outside")  # for the person, in the thread

        def may_use(self, caller): return caller.is_admin            # may read the database

        async def run(self, turn, arguments):
            return f"It is raining in {arguments['place']}."         # told to the model

base.py      what a tool is
rounds.py    the bounded loop of one turn: offer tools, run those that are called, call the model again

Tools are offered to models that can call functions (`Route.tools`), while the administrator lets models use tools, and
never in a request that brings tools of its own: those are the program's business. An error of a tool is its result:
the model is told and the conversation goes on.
"""

from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from chat import switches
from chat.loop import in_thread
from chat.pipeline import Turn
from chat.tools import rounds
from chat.tools.base import Tool, object_schema
from chat.tools.rounds import Rounds
from providers import catalogue
from providers.errors import GatewayError
from providers.facts import Caller

__all__ = ["Rounds", "Tool", "begin", "object_schema", "tools"]

OWN = ("tools", "tool_choice", "functions", "function_call")  # members of a request that brings its own tools


def tools() -> tuple[Tool, ...]:
    """One instance of each tool, in order. Raises ImportError for a path that leads nowhere."""
    return _load(tuple(settings.CHAT_TOOLS))


@lru_cache(maxsize=8)
def _load(paths: tuple[str, ...]) -> tuple[Tool, ...]:
    return tuple(import_string(path)() for path in paths)


async def begin(turn: Turn) -> Rounds:
    """The rounds of a turn, with the tools that it offers. No query where the request itself rules tools out."""
    payload = turn.payload
    fitting = [tool for tool in tools() if not (tool.feature and turn.wants(tool.feature))]
    if not fitting or any(name in payload for name in OWN) or payload.get("n") not in (None, 1):
        return Rounds(turn)
    snapshot = await catalogue.snapshot()
    try:
        route = snapshot.route_for(turn.caller, str(payload["model"]))
    except GatewayError:
        return Rounds(turn)  # the call itself raises what is wrong
    if any(name in route.params for name in OWN):
        return Rounds(turn)  # a preset may bring its own as well
    if not route.tools or rounds.has_refused(route, snapshot.version) or not (await switches.current()).tools:
        return Rounds(turn)
    usable = await in_thread(_usable, fitting, turn.caller)
    return Rounds(turn, usable, version=snapshot.version)


def _usable(fitting: list[Tool], caller: Caller) -> list[Tool]:
    return [tool for tool in fitting if tool.may_use(caller)]
