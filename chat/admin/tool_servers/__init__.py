"""Tool servers in the administration: the list, the form, a test, and the page of a server's tools."""

from chat.admin.tool_servers.admin import ToolServerAdmin

__all__ = ["ToolServerAdmin"]
