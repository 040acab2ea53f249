"""Servers of the Model Context Protocol: the official SDK speaks it, over our HTTP client or to a program's pipes.

https://modelcontextprotocol.io/specification: each call opens a session of its own, so nothing is kept between calls.
"""

import asyncio
import json
import os
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from django.conf import settings
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import (
    AudioContent,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
    Tool,
)
from pydantic import ValidationError

from chat.tool_kinds import grants, listing
from chat.tool_kinds.base import (
    GRANT,
    MAX_BYTES,
    MAX_PICTURE_CHARACTERS,
    MAX_PICTURES,
    MAX_TEXT,
    Grant,
    ListedTool,
    ToolEndpoint,
    ToolResult,
    not_connected,
)
from chat.tool_kinds.table import STDIO
from providers.errors import ConfigurationError, CredentialRefused, GatewayError, ProviderError, UpstreamTimeout
from providers.http import for_libraries
from providers.sentences import sentence as _
from providers.upstream import error_bodies

MAX_PAGES = 20  # of a list of tools
LONGEST_ERROR = 500  # characters of a server's own words
# What the SDK raises besides its own: its task groups put exceptions into groups.
OF_SDK = (MCPError, ValidationError, RuntimeError, ValueError, OSError, ExceptionGroup)


class McpClient:
    async def list_tools(self, server: ToolEndpoint, grant: Grant | None) -> list[ListedTool]:
        tools: list[Tool] = []
        async with _session(server, grant) as client:
            cursor: str | None = None
            for _page in range(MAX_PAGES):
                page = await client.list_tools(cursor=cursor)
                tools += page.tools
                cursor = page.next_cursor
                if not cursor or len(tools) >= listing.MAX_TOOLS:
                    break
        return listing.checked(
            ListedTool(
                tool.name,
                tool.title or (tool.annotations.title if tool.annotations else "") or "",
                tool.description or "",
                tool.input_schema,
            )
            for tool in tools
        )

    async def call(
        self, server: ToolEndpoint, grant: Grant | None, tool: ListedTool, arguments: Mapping[str, Any]
    ) -> ToolResult:
        async with _session(server, grant) as client:
            # Not the SDK's `call_tool`: that checks results against schemas of the server's own, at any cost.
            params = CallToolRequestParams(name=tool.name, arguments=dict(arguments))
            result = await client.session.send_request(CallToolRequest(params=params), CallToolResult)
        return _result(result, server)


@asynccontextmanager
async def _session(server: ToolEndpoint, grant: Grant | None) -> AsyncIterator[Client]:
    """A session at the server, for `server.seconds`. Whatever fails inside is raised as one of our errors."""
    transport: for_libraries.Transport | None = None
    try:
        async with asyncio.timeout(server.seconds):
            if server.kind == STDIO.name:
                async with _program(server) as client:
                    yield client
                return
            transport = grants.transport(server, grant)
            async with _over_http(server, grant, transport) as client:
                yield client
    except TimeoutError as error:
        text = _("The tool server did not answer within %(n)s seconds.") % {"n": round(server.seconds)}
        raise UpstreamTimeout(text) from error
    except OF_SDK as error:
        raise _error_of(server, error, transport) from error


@asynccontextmanager
async def _program(server: ToolEndpoint) -> AsyncIterator[Client]:
    if not settings.ENABLE_TOOL_PROGRAMS:
        text = _("This site does not start programs as tool servers (ENABLE_TOOL_PROGRAMS).")
        raise ConfigurationError(text, code="tool_programs_off")
    program, *arguments = shlex.split(server.command) or [""]
    parameters = StdioServerParameters(command=program, args=arguments, env=dict(server.headers))
    with open(os.devnull, "w") as nowhere:  # noqa: ASYNC230  it has no file that could wait
        async with Client(stdio_client(parameters, errlog=nowhere), cache=None) as client:
            yield client


@asynccontextmanager
async def _over_http(
    server: ToolEndpoint, grant: Grant | None, transport: for_libraries.Transport
) -> AsyncIterator[Client]:
    headers = dict(server.headers)
    auth = None
    if server.auth == GRANT and grant is None:
        raise not_connected(server)
    if grant is not None:
        auth = grants.provider(server, grant)
    elif server.bearer:
        headers = {"Authorization": f"Bearer {server.bearer}", **headers}
    async with for_libraries.client(transport, headers=headers, auth=auth) as http_client:
        streams = streamable_http_client(server.url, http_client=http_client, max_sse_event_size=MAX_BYTES)
        async with Client(streams, cache=None) as client:
            yield client


def _error_of(server: ToolEndpoint, error: BaseException, transport: for_libraries.Transport | None) -> GatewayError:
    """Our error for what the SDK raised: the cause that our own client met, else the server's words."""
    inner = list(_inner(error))
    for known in inner:
        if isinstance(known, GatewayError):
            return known
    if any(isinstance(cause, grants.OF_GRANTS) for cause in inner):
        return not_connected(server)
    if transport is not None and transport.failure is not None:
        return transport.failure
    if transport is not None and transport.refusal is not None and not _server_words(inner):
        status, body, headers = transport.refusal
        if status in (401, 403):
            text = _("The tool server refuses the key, or asks for one.")
            return CredentialRefused(text, status=status, provider=error_bodies.provider_words(body)[:LONGEST_ERROR])
        if status in (404, 405):
            return ProviderError(_("There is no MCP server at this address."), code="not_mcp", status=status)
        return error_bodies.error_of(status, body, headers)
    if words := listing.line(server.secrets.clean_text(listing.clean(_server_words(inner))), LONGEST_ERROR):
        return ProviderError(_("The tool server answered with an error."), provider=words, code="tool_server_error")
    if server.kind == STDIO.name:
        return ConfigurationError(_("The program of the tool server cannot be started, or is no MCP server."))
    return ProviderError(_("This is no MCP server, or its answer cannot be understood."), code="not_mcp")


def _server_words(errors: Sequence[BaseException]) -> str:
    """What the server itself said; empty for errors that the SDK made up."""
    made_up = ("Server returned an error response", "Not Found", "Connection closed", "Session terminated")
    words = (error.message for error in errors if isinstance(error, MCPError))
    return next((text for text in words if not text.startswith(made_up)), "")


def _inner(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [cause for part in error.exceptions for cause in _inner(part)]
    return [error, *(_inner(error.__cause__) if error.__cause__ is not None else ())]


def _result(result: CallToolResult, server: ToolEndpoint) -> ToolResult:
    texts: list[str] = []
    pictures: list[str] = []
    for block in result.content:
        if isinstance(block, ImageContent) and len(pictures) < MAX_PICTURES and _is_usable(block):
            pictures.append(f"data:{block.mime_type};base64,{block.data}")
        else:
            texts.append(_text_of(block))
    if not texts and not pictures and result.structured_content is not None:
        texts.append(_as_json(result.structured_content))
    text = listing.clean("\n\n".join(filter(None, texts)))[:MAX_TEXT]
    if server.kind == STDIO.name:  # over HTTP the transport did so
        text = server.secrets.clean(text.encode(), error=result.is_error).decode()
    return ToolResult(text, pictures, is_error=result.is_error)


def _is_usable(picture: ImageContent) -> bool:
    return len(picture.data) <= MAX_PICTURE_CHARACTERS and picture.mime_type.startswith("image/")


def _text_of(block: ContentBlock) -> str:
    match block:
        case TextContent():
            return block.text
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return resource.text
        case ResourceLink():
            return f"[{block.title or block.name}]({block.uri})"
        case ImageContent():
            return "[A picture that was left out]"
        case AudioContent():
            return "[A sound that was left out]"
    return "[A file that was left out]"


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
