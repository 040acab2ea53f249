"""The base of tools. The package's docstring says how to write one."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from chat.pipeline import Turn
from providers.facts import Caller


def object_schema(properties: Mapping[str, Any], *, required: Sequence[str] = ()) -> dict[str, Any]:
    """The `parameters` of a tool, from a JSON schema for each member."""
    return {"type": "object", "properties": dict(properties), "required": list(required)}


class Tool:
    """Base of all tools. Instances are shared by all turns of the process: keep nothing on them."""

    name: ClassVar[str]  # letters, digits, _ and -, at most 64
    description: ClassVar[str]  # when to call it and what it does, in English: models read it
    parameters: ClassVar[Mapping[str, Any]]  # JSON schema of an object
    # Status lines of the thread, perhaps lazy translations; `label` stands in for the others where they are empty.
    label: ClassVar[Any]
    done_label: ClassVar[Any] = ""
    failed_label: ClassVar[Any] = ""
    feature: ClassVar[str] = ""  # the toggle that does the same: while it is on, the tool is not offered

    def may_use(self, caller: Caller) -> bool:
        """Whether the tool is offered in this person's name. Called in a thread; may read the database."""
        return True

    async def run(self, turn: Turn, arguments: Mapping[str, Any]) -> str:
        """Run the tool; returns what the model is told. May add files and status lines to the answer.

        `arguments` has the members that `parameters` requires; their values come from the model and must be checked.
        Raises GatewayError: the person sees a failed status line, the model the reason.
        """
        raise NotImplementedError

    def function(self) -> dict[str, Any]:
        """The tool as a request offers it."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}
