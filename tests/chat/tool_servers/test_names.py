"""Names of tools for models: of characters that providers take, at most 64 of them, and no two alike."""

import re

from chat import tools
from chat.models import ToolServer
from chat.tool_servers import rows
from providers.facts import Caller

ADMIN = Caller(user_id=1, email="", name="", role="admin")


def listed(*names):
    return [{"name": name, "title": name, "description": "", "parameters": {}, "request": {}} for name in names]


def test_names_of_several_servers_do_not_collide(db):
    tools = listed("search", "se arch", "搜索", "x" * 128, "x" * 127 + "y")
    for name in ("Docs", "docs!", "文档", "a" * 60):
        ToolServer.objects.create(name=name, url="http://a.example/mcp", listed=tools)
    names = [named.name for facts in rows.servers_for(ADMIN) for named in facts.tools]
    assert len(set(names)) == len(names) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names)
    assert names[0] == "docs_search"


def test_a_server_never_takes_the_name_of_a_tool_of_the_site(db):
    own = next(tool.name for tool in tools.tools() if "_" in tool.name)
    server, tool = own.split("_", 1)
    ToolServer.objects.create(name=server, url="http://a.example/mcp", listed=listed(tool))
    (facts,) = rows.servers_for(ADMIN)
    assert [named.name for named in facts.tools] == [f"{own}_2"]
