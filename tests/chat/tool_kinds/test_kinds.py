"""Every kind of tool server against a real server: list, call, failure, patience; and what servers may not do."""

import json
import sys
import time

import pytest

from chat.tool_kinds import KINDS, ListedTool, ToolEndpoint, client_of, listing
from chat.tool_kinds.openapi import MAX_OPERATIONS, MAX_PARTS, request_for, tools_in
from providers import http
from providers.errors import BadRequest, ConfigurationError, GatewayError, UpstreamTimeout
from tests.upstream.desk import Desk
from tests.upstream.tools import ToolServerProcess

VALUES = {"id": 1, "name": "Desk", "command": "", "auth": "none", "secret": "", "client_id": "", "headers": {}}


@pytest.fixture(scope="module")
def desk():
    server = Desk().start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mcp_server():
    server = ToolServerProcess().start()
    yield server
    server.stop()


@pytest.fixture
def places(desk, mcp_server, settings):
    """How a server of each kind is reached."""
    settings.ENABLE_TOOL_PROGRAMS = True
    return {
        "mcp": {"url": mcp_server.url},
        "stdio": {"url": "", "command": f"{sys.executable} -m tests.upstream.tools"},
        "openapi": {"url": desk.url},
    }


def server(kind, place, seconds=20.0):
    return ToolEndpoint(**{**VALUES, "kind": kind, "tls": http.Tls(), "seconds": seconds, **place})


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_lists_calls_fails_and_is_patient_for_its_time(kind, places):
    client, place = await client_of(kind), server(kind, places[kind])
    tools = {tool.name: tool for tool in await client.list_tools(place, None)}
    assert {"add", "hang"} <= set(tools)
    assert set(tools["add"].parameters["required"]) == {"a", "b"}
    assert ListedTool(**tools["add"].stored()) == tools["add"]

    result = await client.call(place, None, tools["add"], {"a": 1, "b": 2})
    assert not result.is_error
    assert "1" in result.text or "3" in result.text
    failing = next(tool for name, tool in tools.items() if "fail" in name)
    assert (await client.call(place, None, failing, {})).is_error

    began = time.monotonic()
    with pytest.raises(UpstreamTimeout):
        await client.call(server(kind, places[kind], seconds=1.0), None, tools["hang"], {})
    assert time.monotonic() - began < 15
    gone = {"url": "http://127.0.0.1:9/x"} if KINDS[kind].has_address else {"url": "", "command": "/nothing/here"}
    with pytest.raises(GatewayError):
        await client.list_tools(server(kind, gone), None)


async def test_an_operation_gets_its_arguments_where_they_belong(desk):
    client = await client_of("openapi")
    keyed = {"url": desk.url, "auth": "key", "secret": "desk-key-123456", "headers": {"x-mood": "calm"}}
    place = server("openapi", keyed)
    tools = {tool.name: tool for tool in await client.list_tools(place, None)}
    assert set(tools) == {"add", "keep_note", "hang", "get /fail"}
    assert "Authorization" not in tools["add"].parameters["properties"]
    note = tools["keep_note"].parameters["properties"]["body"]
    assert note["properties"]["text"] == {"type": "string"}
    assert note["properties"]["before"]["properties"]["text"] == {"type": "string"}  # a schema within itself ends

    await client.call(place, None, tools["add"], {"a": "1/..?x", "b": 2, "X-Mood": "wild"})
    method, path, headers, _body = desk.asked[-1]
    assert (method, path) == ("GET", "/api/add/1%2F..%3Fx?b=2")
    assert {name.lower(): value for name, value in headers.items()}["x-mood"] == "calm"  # the row's own counts
    assert headers["Authorization"] == "Bearer desk-key-123456"
    result = await client.call(place, None, tools["keep_note"], {"body": {"text": "hello"}})
    assert '"hello"' in result.text
    for bad in ("..", ""):
        with pytest.raises(BadRequest):
            request_for(desk.url, tools["add"], {"a": bad, "b": 1})


def test_a_description_of_another_server_or_of_nothing_is_refused():
    with pytest.raises(ConfigurationError, match=r"https://api\.example\.com"):
        tools_in(b'{"servers":[{"url":"https://api.example.com/v1"}],"paths":{}}', "http://here.example/openapi.json")
    with pytest.raises(ConfigurationError, match=r"\[half"):
        tools_in(b'{"servers":[{"url":"http://[half"}],"paths":{}}', "http://here.example/openapi.json")
    for body in (b"<html>", b"[]", b'{"paths": 3}', b"{" * 5000):
        with pytest.raises(GatewayError):
            tools_in(body, "http://here.example/openapi.json")


def test_only_so_much_of_a_description_is_read():
    place = "http://here.example/openapi.json"
    wide = {"enum": list(range(100_000))}
    query = [{"name": "x", "in": "query", "schema": wide}]
    paths = {"/first": {"get": {"operationId": "first", "parameters": query}}}
    paths |= {f"/{number}": {"get": {"operationId": "x" * 200}} for number in range(MAX_OPERATIONS - 1)}
    (first,) = tools_in(json.dumps({"paths": {**paths, "/last": {"get": {"operationId": "last"}}}}).encode(), place)
    assert first.name == "first"
    assert 0 < len(first.parameters["properties"]["x"]["enum"]) < MAX_PARTS


def test_what_a_server_says_of_its_tools_is_bounded():
    lies = [
        ListedTool("a\0b", "t\n" * 200, "d" * 9000, {"type": "array", "required": "x"}),
        ListedTool("", "", "", {}),
        ListedTool("n" * 500, "", "", {}),
        ListedTool("big", "", "", {"properties": {"x": {"description": "y" * 50_000}}}),
        ListedTool("half", "\ud800", "", {"properties": [1], "required": [{}]}),
        ListedTool("half", "", "", {}),
        ListedTool("nul", "", "", {}, {"path": "/a\0"}),
        ListedTool("surrogate", "", "", {}, {"path": "/\ud800"}),
        ListedTool("long", "", "", {}, {"path": "/" + "a" * listing.MAX_REQUEST}),
        *(ListedTool(f"t{number}", "", "", {"type": "object"}) for number in range(500)),
    ]
    tools = listing.checked(lies)
    assert len(tools) == listing.MAX_TOOLS
    assert [tool.name for tool in tools[:4]] == ["ab", "big", "half", "t0"]
    assert len(tools[0].title) <= listing.MAX_TITLE
    assert len(tools[0].description) == listing.MAX_DESCRIPTION
    for tool in tools:
        assert tool.parameters["type"] == "object"
        assert isinstance(tool.parameters["properties"], dict)
        assert tool.parameters["required"] == [] if "required" in tool.parameters else True
