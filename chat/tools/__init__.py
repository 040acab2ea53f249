"""The chat's tools: what a model may call while it answers. A list of dotted paths, like the pipeline.

`settings.CHAT_TOOLS` names tool classes. To add one, write a subclass of `Tool` anywhere and put its path in the list;
nothing else changes::

    class Weather(Tool):
        name = "get_weather"                                         # what the model calls
        description = "Tells the weather at a place."                # for the model, in English
        parameters = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
        title = _("Tell the weather")                                # for the person, in lists of tools
        label, done_label = _("Looking outside"), _("Looked outside")  # for the person, in the thread

        def may_use(self, caller): return caller.is_admin            # may read the database

        async def run(self, turn, arguments):
            return f"It is raining in {arguments['place']}."         # told to the model

base.py      what a tool is
offers.py    which tools there are, and which of them a turn offers
approvals.py the question to the person before a call, and their answer
calls_shown.py  a call as the thread shows it
rounds.py    the bounded loop of one turn: offer tools, run those that are called, call the model again

Tools are offered to models that can call functions (`Route.tools`), while the administrator lets models use tools, and
never in a request that brings tools of its own: those are the program's business. An error of a tool is its result:
the model is told and the conversation goes on.
"""

from chat.tools.base import Tool, ToolFailed, ToolSource, object_schema
from chat.tools.offers import begin, offered_to, tools
from chat.tools.rounds import Rounds

__all__ = ["Rounds", "Tool", "ToolFailed", "ToolSource", "begin", "object_schema", "offered_to", "tools"]
