"""The kinds of tool servers: a table, and for each kind a client that lists tools and calls one.

table.py     the rows
base.py      the values that go in and out, and what a client is
listing.py   what a server says of its tools, checked and bounded
mcp.py       servers of the Model Context Protocol, over HTTP or started as a program
grants.py    a person's own grant at such a server (OAuth)
openapi.py   servers with an OpenAPI description

They take values and return values; rows and people are known to `chat.tool_servers`.
"""

from chat.tool_kinds.base import Grant, ListedTool, ToolEndpoint, ToolResult
from chat.tool_kinds.table import KINDS, ToolServerKind, client_of

__all__ = ["KINDS", "Grant", "ListedTool", "ToolEndpoint", "ToolResult", "ToolServerKind", "client_of"]
