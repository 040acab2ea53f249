"""The tools of tool servers, as the chat's rounds call them."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from chat import pipeline
from chat.models import ToolServer
from chat.pipeline import Turn
from chat.tool_kinds import client_of
from chat.tool_servers import grants, lists, rows
from chat.tools import Tool, ToolFailed, ToolSource
from providers.facts import Caller
from providers.sentences import sentence as _

NOTHING = "It returned nothing."


class ServerTool(Tool):
    """A tool of a server."""

    is_shown = True

    def __init__(self, facts: rows.ServerFacts, named: rows.NamedTool) -> None:
        self._facts, self._tool = facts, named.tool
        self.name, self.parameters = named.name, named.tool.parameters
        # Names follow the server's, and pass to other tools: what a person allowed is kept under the tool itself.
        self.key = f"{facts.server.id}:{hashlib.sha256(named.tool.name.encode()).hexdigest()[:40]}"
        self.description = named.tool.description or named.tool.title
        self.title, self.origin = named.tool.title, facts.server.name
        self.asks = named.use == ToolServer.Use.ASK
        values = {"tool": self.title, "server": self.origin}
        self.label = _("“%(tool)s” of %(server)s") % values
        self.failed_label = _("“%(tool)s” of %(server)s failed") % values

    async def run(self, turn: Turn, arguments: Mapping[str, Any]) -> str:
        caller, server = turn.caller, self._facts.server
        grant = await grants.grant_of(caller.user_id, server) if self._facts.needs_grant else None
        server = rows.for_caller(server, caller, chat_id=turn.chat_id, message_id=turn.message_id)
        result = await (await client_of(server.kind)).call(server, grant, self._tool, arguments)
        if result.is_error:
            raise ToolFailed(result.text)
        if result.pictures:
            await pipeline.receive_pictures(turn, result.pictures)
        shown = "The person sees the picture that it returned, above your answer." if result.pictures else ""
        return "\n\n".join(filter(None, (result.text, shown))) or NOTHING


class ServerTools(ToolSource):
    def tools_for(self, caller: Caller) -> Sequence[Tool]:
        """The tools that models may call in this person's name. Of servers with grants, those that they are connected
        to. Old lists are asked for anew, for the next time.
        """
        servers = rows.servers_for(caller)
        if not servers:
            return []
        lists.refresh_old(servers)
        connected = grants.granted(caller.user_id) if any(facts.needs_grant for facts in servers) else set()
        return [
            ServerTool(facts, named)
            for facts in servers
            if not facts.needs_grant or facts.server.id in connected
            for named in facts.tools
            if named.use != ToolServer.Use.OFF
        ]
