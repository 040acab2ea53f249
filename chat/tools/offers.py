"""Which tools there are, and which of them a turn offers to its model."""

from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from chat import chat_settings, history
from chat.loop import in_thread
from chat.pipeline import Turn
from chat.tools.base import Tool, ToolSource
from chat.tools.rounds import Rounds, has_refused
from providers import catalogue
from providers.errors import GatewayError
from providers.facts import Caller

OWN = ("tools", "tool_choice", "functions", "function_call")  # members of a request that brings its own tools
MAX_TOOLS = 128  # of one turn: OpenAI takes no more


def tools() -> tuple[Tool, ...]:
    """One instance of each tool, in order. Raises ImportError for a path that leads nowhere."""
    return _load(tuple(settings.CHAT_TOOLS))


@lru_cache(maxsize=8)
def _load(paths: tuple[str, ...]) -> tuple[Tool, ...]:
    return tuple(import_string(path)() for path in paths)


@lru_cache(maxsize=8)
def _sources(paths: tuple[str, ...]) -> tuple[ToolSource, ...]:
    return tuple(import_string(path)() for path in paths)


async def begin(turn: Turn) -> Rounds:
    """The rounds of a turn, with the tools that it offers. Without any, calls of earlier turns are left out: providers
    refuse calls in a request that names no tools.
    """
    rounds = await _begin(turn)
    if not rounds.offers and turn.request.is_stored:
        turn.payload["messages"] = history.without_calls(turn.messages)
    return rounds


async def _begin(turn: Turn) -> Rounds:
    """No query where the request itself rules tools out."""
    payload = turn.payload
    fitting = [tool for tool in tools() if not (tool.feature and turn.wants(tool.feature))]
    may_offer = fitting or settings.CHAT_TOOL_SOURCES
    if not may_offer or any(name in payload for name in OWN) or payload.get("n") not in (None, 1):
        return Rounds(turn)
    snapshot = await catalogue.snapshot()
    try:
        route = snapshot.route_for(turn.caller, str(payload["model"]))
    except GatewayError:
        return Rounds(turn)  # the call itself raises what is wrong
    if any(name in route.params for name in OWN):
        return Rounds(turn)  # a preset may bring its own as well
    if not route.tools or has_refused(route, snapshot.version) or not (await chat_settings.current()).tools:
        return Rounds(turn)
    usable = [tool for tool in await in_thread(_usable, fitting, turn.caller) if turn.allows(tool.name)]
    if not turn.message_id:  # nobody sees the question
        usable = [tool for tool in usable if not tool.asks]
    return Rounds(turn, usable[:MAX_TOOLS], version=snapshot.version)


def offered_to(caller: Caller) -> list[Tool]:
    """The tools that models may use in this person's name; none while models may use none. May read the database."""
    return _usable(list(tools()), caller) if chat_settings.current_blocking().tools else []


def _usable(fitting: list[Tool], caller: Caller) -> list[Tool]:
    usable = [tool for tool in fitting if tool.may_use(caller)]
    for source in _sources(tuple(settings.CHAT_TOOL_SOURCES)):
        usable += source.tools_for(caller)
    return usable
