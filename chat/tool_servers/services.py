"""The verbs for tool servers: what a person may use, connect and disconnect; the test for administrators."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from chat import tools
from chat.models import ToolGrant, ToolServer
from chat.tool_servers import connect, grants, lists, rows
from providers.errors import OF_CALLER, GatewayError, NotFound
from providers.facts import Caller
from providers.process import waiting
from providers.sentences import counted as ngettext
from providers.sentences import sentence as _
from providers.services import CheckResult, untested


@dataclass(frozen=True, slots=True)
class Connectable:
    """A server as its person sees it in the settings."""

    id: int
    name: str
    tools: tuple[str, ...]
    needs_grant: bool
    connected: bool


def tools_of(caller: Caller) -> list[dict[str, Any]]:
    """The tools that models may call in this person's name, for the API and for choosing among them."""
    return [
        {
            "name": tool.name,
            "title": str(tool.title or tool.name),
            "description": tool.description,
            "server": tool.origin or None,
            "asks": tool.asks,
            "parameters": dict(tool.parameters),
        }
        for tool in tools.offered_to(caller)
    ]


def servers_of(caller: Caller) -> list[Connectable]:
    """The servers that this person may use, also those that they are not connected to."""
    servers = rows.servers_for(caller)
    connected = grants.granted(caller.user_id) if any(facts.needs_grant for facts in servers) else set()
    return [
        Connectable(
            id=facts.server.id,
            name=facts.server.name,
            tools=tuple(named.tool.title for named in facts.tools if named.use != ToolServer.Use.OFF),
            needs_grant=facts.needs_grant,
            connected=not facts.needs_grant or facts.server.id in connected,
        )
        for facts in servers
    ]


def begin_grant(caller: Caller, server_id: int, callback: str) -> str:
    """The address for the person's consent. Raises NotFound, and what the server does wrong."""
    server = rows.for_caller(_with_grants(caller, server_id).server, caller)
    return connect.begin(server, caller.user_id, callback)


def callback_for(origin: str) -> str:
    """The address to which the person comes back, on this site."""
    return f"{origin}{reverse('settings_tools_back')}"


def drop_grant(caller: Caller, server_id: int) -> None:
    """Forget the person's grant. Raises NotFound for a server that they never connected to."""
    if server_id not in grants.granted(caller.user_id):  # no query for an id of any size
        raise _no_server()
    ToolGrant.objects.filter(user_id=caller.user_id, server_id=server_id).delete()


def _with_grants(caller: Caller, server_id: int) -> rows.ServerFacts:
    for facts in rows.servers_for(caller):
        if facts.server.id == server_id and facts.needs_grant:
            return facts
    raise _no_server()


def _no_server() -> NotFound:
    return NotFound(_("This tool server was not found."), code="tool_server_not_found")


def check(row: ToolServer, *, by: Caller) -> CheckResult:
    """Ask a server for its tools as this administrator; the row keeps them and the health. Blocking."""
    server = rows.for_caller(rows.server_of(row), by)
    try:
        listing = waiting.on_loop(_listing)(server, by.user_id, needs_grant=row.auth == ToolServer.Auth.GRANT)
    except OF_CALLER as error:
        return untested(error)
    except GatewayError as error:
        return CheckResult(False, error.full_message)
    count = len(listing.tools)
    words = ngettext("%(n)s tool: %(names)s", "%(n)s tools: %(names)s", count)
    names = ", ".join(tool.name for tool in listing.tools[:20]) + ("…" if count > 20 else "")
    text = words % {"n": count, "names": names} if count else _("It answers, and offers no tools.")
    return CheckResult(True, str(text), ms=listing.ms)


async def _listing(server: Any, user_id: int, *, needs_grant: bool) -> lists.Listing:
    grant = await grants.grant_of(user_id, server) if needs_grant else None
    return await lists.ask_and_keep(server, grant)
