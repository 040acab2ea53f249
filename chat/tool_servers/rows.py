"""Tool servers as frozen values without a query."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from chat import tools
from chat.models import ToolServer
from chat.tool_kinds import ListedTool, ToolEndpoint
from providers import runtime
from providers.catalogue.versioned import Versioned
from providers.facts import Caller
from providers.fields import UNREADABLE
from providers.http import Tls
from providers.upstream.headers import filled

LONGEST_NAME = 64  # characters of a tool's name, for models
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class NamedTool:
    """A tool of a server, under the name by which models call it."""

    name: str
    tool: ListedTool
    use: str  # one of `ToolServer.Use`


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """An enabled tool server with its tools."""

    server: ToolEndpoint
    needs_grant: bool
    access: str
    group_ids: frozenset[int]
    listed_at: float | None  # seconds since 1970
    tools: tuple[NamedTool, ...] = field(default=(), repr=False)

    def allows(self, caller: Caller) -> bool:
        if caller.is_admin or self.access == "public":
            return True
        return self.access == "groups" and not self.group_ids.isdisjoint(caller.group_ids)


class ToolServersMemory(Versioned[None, tuple[ServerFacts, ...]]):
    """All enabled servers."""


def servers_for(caller: Caller) -> list[ServerFacts]:
    """The servers that this person may use. Blocking; one query after an edit, none otherwise."""
    if not caller.may("chats"):
        return []
    every = runtime.state(ToolServersMemory).value_blocking(None, _read)
    return [facts for facts in every if facts.allows(caller)]


def _read() -> tuple[ServerFacts, ...]:
    rows = list(ToolServer.objects.filter(enabled=True).prefetch_related("groups"))
    return tuple(_with_names(rows))


def _with_names(rows: list[ToolServer]) -> Iterator[ServerFacts]:
    taken = {tool.name for tool in tools.tools()}  # a server never takes the place of one of the site's own
    for row in rows:
        named = []
        for stored in row.listed:
            tool = ListedTool(**stored)
            name = _name_of(row.name, tool.name, taken)
            taken.add(name)
            named.append(NamedTool(name, tool, row.use_of(tool.name)))
        yield ServerFacts(
            server=server_of(row),
            needs_grant=row.auth == ToolServer.Auth.GRANT,
            access=row.access,
            group_ids=frozenset(group.pk for group in row.groups.all()),
            listed_at=row.listed_at.timestamp() if row.listed_at else None,
            tools=tuple(named),
        )


def _name_of(server: str, tool: str, taken: set[str]) -> str:
    """`server_tool` of characters that providers take, at most 64 of them and unlike all others."""
    short = _NOT_IN_NAMES.sub("_", server.lower()).strip("_")[:20] or "server"
    whole = f"{short}_{_NOT_IN_NAMES.sub('_', tool).strip('_') or 'tool'}"
    name, number = whole[:LONGEST_NAME], 2
    while name in taken:
        suffix = f"_{number}"
        name, number = whole[: LONGEST_NAME - len(suffix)] + suffix, number + 1
    return name


def server_of(row: ToolServer) -> ToolEndpoint:
    """The values of a row that calls need. What cannot be decrypted is left out."""
    uses_key = row.auth == ToolServer.Auth.KEY
    uses_grant = row.auth == ToolServer.Auth.GRANT
    return ToolEndpoint(
        id=row.pk or 0,
        name=row.name,
        kind=row.kind,
        url=row.url,
        command=row.command,
        auth=row.auth,
        secret=row.secret if (uses_key or uses_grant) and row.secret != UNREADABLE else "",
        client_id=row.client_id if uses_grant else "",
        headers={name: value for name, value in row.headers.items() if name != UNREADABLE},
        tls=Tls(verify=row.verify_tls, ca_file=row.ca_file),
        seconds=float(row.seconds),
    )


def for_caller(server: ToolEndpoint, caller: Caller, *, chat_id: str = "", message_id: str = "") -> ToolEndpoint:
    """The server with its headers filled in for this call."""
    return replace(server, headers=filled(server.headers, caller=caller, chat_id=chat_id, message_id=message_id))
