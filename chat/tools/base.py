"""The base of tools. The package's docstring says how to write one."""

from collections.abc import Mapping, Sequence
from typing import Any

from chat.pipeline import Turn
from providers.facts import Caller


def object_schema(properties: Mapping[str, Any], *, required: Sequence[str] = ()) -> dict[str, Any]:
    """The `parameters` of a tool, from a JSON schema for each member."""
    return {"type": "object", "properties": dict(properties), "required": list(required)}


class Tool:
    """Base of all tools. Instances are shared by all turns of the process: keep nothing of a turn on them."""

    name: str  # letters, digits, _ and -, at most 64
    description: str  # when to call it and what it does, in English: models read it
    parameters: Mapping[str, Any]  # JSON schema of an object
    title: Any = ""  # what it does, in lists for people; empty: the name
    # Status lines of the thread, perhaps lazy translations; `label` stands in for the others where they are empty.
    label: Any
    done_label: Any = ""
    failed_label: Any = ""
    feature: str = ""  # the toggle that does the same: while it is on, the tool is not offered

    origin: str = ""  # the name of the server that it belongs to; empty for tools of this site
    key: str = ""  # what stays when `name` changes, at most 64 characters; empty: the name
    asks: bool = False  # whether the person is asked before each call
    is_shown: bool = False  # whether arguments and results stand in the thread

    def may_use(self, caller: Caller) -> bool:
        """Whether the tool is offered in this person's name. Called in a thread; may read the database."""
        return True

    async def run(self, turn: Turn, arguments: Mapping[str, Any]) -> str:
        """Run the tool; returns what the model is told. May add files and status lines to the answer.

        `arguments` has the members that `parameters` requires; their values come from the model and must be checked.
        Raises GatewayError: the person sees a failed status line, the model the reason. Raises ToolFailed with the
        tool's own words.
        """
        raise NotImplementedError

    def function(self) -> dict[str, Any]:
        """The tool as a request offers it."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}


class ToolFailed(Exception):
    """A tool ran and says that it failed: `words` are its own, for the model and beside the call."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words


class ToolSource:
    """What gives tools that depend on rows, such as those of tool servers: a path in `settings.CHAT_TOOL_SOURCES`."""

    def tools_for(self, caller: Caller) -> Sequence[Tool]:
        """The tools that this person may use. Called in a thread; may read the database."""
        raise NotImplementedError
