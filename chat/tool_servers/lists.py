"""What servers offer: asked for in tests, after a grant, and again when the stored list is old."""

import asyncio
import logging
import time
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from chat import loop
from chat.loop import in_thread
from chat.models import ToolServer
from chat.tool_kinds import Grant, ListedTool, ToolEndpoint, client_of
from chat.tool_kinds.listing import checked
from chat.tool_servers.rows import ServerFacts
from providers import runtime, versioning
from providers.catalogue import health
from providers.errors import OF_CALLER, GatewayError
from providers.versioning import ConfigQuerySet

AFTER_FAILURE = 60.0  # seconds until a server that failed is asked again

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Listing:
    """The tools of a server, and how long its answer took."""

    tools: list[ListedTool]
    ms: int


class ListsUnderWay:
    """When this process asked a server last, on the monotonic clock."""

    def __init__(self) -> None:
        self.asked: dict[int, float] = {}


async def ask(server: ToolEndpoint, grant: Grant | None = None) -> Listing:
    """Ask a server for its tools. Raises GatewayError."""
    begun = time.monotonic()
    tools = await (await client_of(server.kind)).list_tools(server, grant)
    return Listing(tools, round((time.monotonic() - begun) * 1000))


async def ask_and_keep(server: ToolEndpoint, grant: Grant | None = None, *, adds: bool = False) -> Listing:
    """Ask a server, and store its tools or its failure, where it is still at this address. Raises GatewayError.

    `adds`: what it offers somebody does not replace what it offers others.
    """
    begun = timezone.now()
    try:
        listing = await ask(server, grant)
    except GatewayError as error:
        if not isinstance(error, OF_CALLER):
            await in_thread(_note, _rows_at(server), last_checked=begun, **health.fault_columns(error))
        raise
    await in_thread(_keep, server, listing, begun, adds)
    return listing


def _rows_at(server: ToolEndpoint) -> ConfigQuerySet[ToolServer]:
    """The server's row; none where it leads to another address since the server was asked."""
    return ToolServer.objects.filter(pk=server.id, url=server.url, command=server.command)


def _note(rows: ConfigQuerySet[ToolServer], **columns: Any) -> None:
    """Write columns of health, which are no configuration."""
    health.write_now(rows.quietly(), **columns)


def _keep(server: ToolEndpoint, listing: Listing, begun: Any, adds: bool) -> None:
    rows = _rows_at(server)
    _note(rows, last_checked=begun, last_ok=begun, last_duration_ms=listing.ms, **health.NO_FAULT)
    with versioning.exclusive() if adds else nullcontext():  # two people may add at once
        known = rows.values_list("listed", flat=True).first()
        former = [ListedTool(**stored) for stored in known or []] if adds else []
        stored = [tool.stored() for tool in checked([*former, *listing.tools])]
        if known == stored:
            rows.quietly().update(listed_at=begun)  # no new version, where nothing is new
        elif known is not None:
            rows.update(listed=stored, listed_at=begun)


def refresh_old(every: list[ServerFacts]) -> None:
    """Ask the servers whose list is old, in the background. From any thread."""
    asked, now = runtime.state(ListsUnderWay).asked, time.monotonic()
    for facts in every:
        is_old = facts.listed_at is None or time.time() - facts.listed_at > settings.TOOL_LIST_SECONDS
        soonest = settings.TOOL_LIST_SECONDS if facts.listed_at is not None else AFTER_FAILURE
        if not is_old or facts.needs_grant or now - asked.get(facts.server.id, float("-inf")) < soonest:
            continue
        asked[facts.server.id] = now
        loop.spawn(partial(_refresh, facts.server), name=f"tools of {facts.server.name}")


async def _refresh(server: ToolEndpoint) -> None:
    try:
        await ask_and_keep(server)
    except GatewayError as error:
        logger.warning("The tools of %s could not be listed: %s", server.name, error.code)
    except asyncio.CancelledError:
        runtime.state(ListsUnderWay).asked.pop(server.id, None)
        raise
