"""The table of kinds of tool servers. How to add one: docs/adding.md, “A kind of tool server”."""

from dataclasses import dataclass
from typing import Any, cast

from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from chat.tool_kinds.base import ToolClient
from providers.process import waiting


@dataclass(frozen=True, slots=True)
class ToolServerKind:
    """One kind. `client` is the path of its client's class, imported at the first call, with the kind's library."""

    name: str
    label: Any
    client: str
    has_address: bool = True  # an address, else a command that this site starts
    has_grants: bool = False  # people may be asked for a grant of their own (OAuth)


MCP = ToolServerKind("mcp", _("MCP over HTTP"), "chat.tool_kinds.mcp.McpClient", has_grants=True)
STDIO = ToolServerKind("stdio", _("MCP as a program"), "chat.tool_kinds.mcp.McpClient", has_address=False)
OPENAPI = ToolServerKind("openapi", _("OpenAPI"), "chat.tool_kinds.openapi.OpenApiClient")

KINDS = {kind.name: kind for kind in (MCP, STDIO, OPENAPI)}


async def client_of(kind: str) -> ToolClient:
    """The client of a kind; its library is imported off the event loop."""
    return cast(ToolClient, (await waiting.in_own_thread(import_string, KINDS[kind].client))())
