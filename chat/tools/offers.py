"""Which tools there are, and which of them a turn offers to its model."""

from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from chat import chat_settings
from chat.loop import in_thread
from chat.pipeline import Turn
from chat.tools import rounds
from chat.tools.base import Tool
from chat.tools.rounds import Rounds
from providers import catalogue
from providers.errors import GatewayError
from providers.facts import Caller

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
    if not route.tools or rounds.has_refused(route, snapshot.version) or not (await chat_settings.current()).tools:
        return Rounds(turn)
    usable = await in_thread(_usable, fitting, turn.caller)
    return Rounds(turn, usable, version=snapshot.version)


def _usable(fitting: list[Tool], caller: Caller) -> list[Tool]:
    return [tool for tool in fitting if tool.may_use(caller)]
