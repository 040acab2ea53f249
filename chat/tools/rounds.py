"""The rounds of one turn: the model is offered tools, those that it calls are run, and it gets their results.

Bounded: in the last round it may not call tools, so that an answer comes.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from chat import history
from chat.answers import calls
from chat.pipeline import Turn
from chat.tools import approvals, calls_shown
from chat.tools.base import Tool, ToolFailed
from providers import runtime, stored_errors
from providers.catalogue.versioned import Versioned
from providers.errors import GatewayError
from providers.facts import Route
from providers.sentences import sentence as _

MAX_ROUNDS = 6  # calls of the model in one turn, the last one without tools
MAX_CALLS = 8  # of tools, run in one round
MAX_RESULT = 60_000  # characters that a tool tells the model
# Ollama: "m" does not support tools; OpenRouter: no endpoints found that support tool use; vLLM: tool choice requires
# a flag; llama.cpp: tools param requires --jinja; older servers: unrecognized argument `tools` or `functions`.
_ABOUT_TOOLS = re.compile(r"\btools?\b|\btool_|\bfunctions?\b", re.IGNORECASE)
_PASSING = (401, 403, 408, 429, 503, 504)  # no refusal of tools, whatever the message says

logger = logging.getLogger(__name__)


class ToolRefusals(Versioned[str, bool]):
    """The public ids of models whose provider refused tools."""


def has_refused(route: Route, version: int) -> bool:
    """Whether the provider refused tools for this model; forgotten with the next change of the configuration."""
    return route.public_id in runtime.state(ToolRefusals).at(version)


class Rounds:
    """The body of each call of the model, and the results of the tools it calls. Without tools there is one round."""

    def __init__(self, turn: Turn, tools: Sequence[Tool] = (), *, version: int = 0) -> None:
        self.turn = turn
        self.number = 1
        self._tools = {tool.name: tool for tool in tools}
        self._version = version
        self._earlier: dict[str, Any] | None = None  # usage of the rounds before this one
        self._this: dict[str, Any] | None = None

    @property
    def offers(self) -> bool:
        """Whether this round's answer may ask for tools."""
        return bool(self._tools)

    @property
    def payload(self) -> dict[str, Any]:
        """The body of this round's call."""
        if not self._tools:
            return self.turn.payload
        body = {**self.turn.payload, "tools": [tool.function() for tool in self._tools.values()]}
        return {**body, "tool_choice": "none"} if self.number >= MAX_ROUNDS else body

    def add(self, usage: dict[str, Any]) -> None:
        """Count the usage of an earlier part of the answer, too."""
        self._earlier = sum_of(self._earlier, usage)

    def count(self, usage: dict[str, Any]) -> dict[str, Any]:
        """Add this round's usage. Returns the usage of the whole turn so far."""
        self._this = usage
        return sum_of(self._earlier, usage)

    def gives_up(self, error: GatewayError) -> bool:
        """Whether this error refuses the tools themselves. If so, this and later turns call the model without them."""
        if not self._tools or self.number > 1 or error.status in _PASSING or not _ABOUT_TOOLS.search(error.provider):
            return False
        logger.info("Tools are not offered to %s any more: %s", self.turn.payload["model"], error.provider)
        runtime.state(ToolRefusals).keep(self._version, str(self.turn.payload["model"]), True)
        self._tools = {}
        if self.turn.request.is_stored:
            self.turn.payload["messages"] = history.without_calls(self.turn.messages)
        return True

    async def run(self, message: dict[str, Any]) -> bool:
        """Run the tools that the model's message calls. False when the model is not to be called again."""
        self._earlier, self._this = sum_of(self._earlier, self._this or {}), None
        if self.number >= MAX_ROUNDS:
            self._tools = {}  # some servers ignore `tool_choice: "none"`: the next call offers no tools at all
            return not message["content"]
        results = [message]
        for index, (call_id, name, arguments) in enumerate(calls.calls_in(message)):
            result = await self._result(name, arguments) if index < MAX_CALLS else "Not run: too many calls at once."
            head = {"role": "tool", "tool_call_id": call_id} if call_id else {"role": "function", "name": name}
            results.append({**head, "content": result[:MAX_RESULT]})
        self.turn.payload["messages"] = [*self.turn.messages, *results]
        self.turn.tool_messages += results
        self.number += 1
        return True

    async def _result(self, name: str, text: str) -> str:
        """The result of one call for the model. Errors are results too."""
        tool = self._tools.get(name)
        if tool is None:
            return f"There is no tool called {name!r}. You may call: {', '.join(self._tools)}."
        arguments = calls.arguments_in(text)
        if arguments is None:
            return "The arguments could not be read: they must be one complete JSON object."
        missing = [member for member in tool.parameters.get("required", ()) if member not in arguments]
        if missing:
            return f"The call was not run: {', '.join(missing)} is missing."
        shown: dict[str, Any] = calls_shown.of_call(tool, arguments) if tool.is_shown else {}
        if tool.asks and (refusal := await approvals.refusal(self.turn, tool, shown)):
            return refusal
        await self._tell(tool.label, done=False, **shown)
        try:
            result = await tool.run(self.turn, arguments)
        except GatewayError as error:
            await self._tell(
                tool.failed_label or tool.label,
                error=True,
                detail=stored_errors.in_full(
                    error.message_body(), for_admin=self.turn.request.caller.is_admin, of_tool=bool(tool.origin)
                ),
                **shown,
            )
            return f"That failed. The reason was: {error.reason}"
        except ToolFailed as failure:
            detail = calls_shown.reason(failure.words) or _("The tool says that it failed.")
            shown = calls_shown.with_result(shown, failure.words)
            await self._tell(tool.failed_label or tool.label, error=True, detail=detail, **shown)
            return f"The tool says that it failed:\n{failure.words}"
        except Exception:  # a tool may come from anywhere; the conversation goes on without it
            logger.exception("Tool %s failed", name)
            detail = _("Something went wrong on this site.")
            await self._tell(tool.failed_label or tool.label, error=True, detail=detail, **shown)
            return f"That failed. {detail}"
        await self._tell(tool.done_label or tool.label, **calls_shown.with_result(shown, result))
        return result

    async def _tell(self, description: Any, *, done: bool = True, **more: Any) -> None:
        await self.turn.emit("status", {"description": description, "done": done, **more})


def sum_of(earlier: Mapping[str, Any] | None, later: Mapping[str, Any]) -> dict[str, Any]:
    """The sum of two usage objects: numbers and objects are added up, of other members the later value counts."""
    total = dict(earlier or {})
    for name, value in later.items():
        before = total.get(name)
        if isinstance(value, dict):
            total[name] = sum_of(before if isinstance(before, dict) else None, value)
        elif _is_number(value) and _is_number(before):
            total[name] = before + value
        elif value is not None or before is None:
            total[name] = value
    return total


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
