"""Fixtures: a real MCP server on a loopback port, its row, and Alice in a chat with a model that calls tools."""

import pytest

from chat.models import ToolServer
from chat.tool_servers import services
from providers import callers
from providers.models import ChatModel
from tests import people
from tests.chat.talk import Talker
from tests.upstream.tools import ToolServerProcess


@pytest.fixture
def mcp_server():
    server = ToolServerProcess().start()
    yield server
    server.stop()


@pytest.fixture
def guarded_server():
    server = ToolServerProcess(guarded=True).start()
    yield server
    server.stop()


@pytest.fixture
def talker(site, alice, connection, settings):
    settings.CHAT_PIPELINE = ["imagegen.conversation.handler.ImageHandler"]
    settings.CHAT_TOOLS = []
    people.set_chat(titles=False)
    ChatModel.objects.update(tools=True)
    return Talker(site, alice)


@pytest.fixture
def make_server(admin):
    """`make_server(url=…)`: a row whose tools are listed, as after a test in the administration."""

    def make(**values):
        row = ToolServer.objects.create(**{"name": "Desk", "new_tools": "on", **values})
        if row.auth != ToolServer.Auth.GRANT:
            result = services.check(row, by=callers.caller_for_user(admin))
            assert result.ok, result.message
        row.refresh_from_db()
        return row

    return make
