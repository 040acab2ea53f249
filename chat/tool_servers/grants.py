"""People's own grants, in their rows: stored for the server that they are of alone, and renewed by one call at a time.

Whoever renews a grant claims its row before, so that other calls wait, in whatever process they are. The claim is
written with the renewed values: of a grant that was removed or replaced meanwhile nothing is stored.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat import loop
from chat.loop import in_thread
from chat.models import ToolGrant, ToolServer
from chat.tool_kinds import Grant, ToolEndpoint
from chat.tool_kinds.base import not_connected
from providers.errors import Conflict
from providers.fields import UNREADABLE
from providers.http.policy import origin
from providers.process import clock
from providers.sentences import sentence as _

LONGEST = timedelta(seconds=600)  # that a claim may last: `ToolServer.seconds` are no more
LOOK_SECONDS = 0.1  # between two looks at a grant that somebody else renews


def granted(user_id: int) -> set[int]:
    """The ids of the servers at which this person has a grant."""
    return set(ToolGrant.objects.filter(user_id=user_id).values_list("server_id", flat=True))


def new_grant(user_id: int, server: ToolEndpoint) -> Grant:
    """A grant that is stored once there are tokens, where the server is still at the address that was asked."""

    async def save(values: dict[str, Any]) -> None:
        await in_thread(_create, user_id, server, values)

    return Grant({}, save)


async def grant_of(user_id: int, server: ToolEndpoint) -> Grant | None:
    """The person's grant, to be used and renewed; None without one, or for one that cannot be decrypted."""
    row = await in_thread(ToolGrant.objects.filter(user_id=user_id, server_id=server.id).first)
    if row is None or (values := _values(row)) is None:
        return None
    stored = _StoredGrant(row.pk, server, values)
    return stored.grant


class _StoredGrant:
    """The row of a grant."""

    def __init__(self, pk: int, server: ToolEndpoint, values: dict[str, Any]) -> None:
        self._pk, self._server = pk, server
        self._claim: datetime | None = None  # `renewing_until`, while it is this call that renews
        self.grant = Grant(values, self._save, self._renewing)

    async def _save(self, values: dict[str, Any]) -> None:
        if not await in_thread(_update, self._pk, self._claim, values):
            raise not_connected(self._server)
        self._claim = None

    @asynccontextmanager
    async def _renewing(self) -> AsyncIterator[None]:
        self._claim = await self._claimed()
        try:
            yield
        finally:
            if self._claim is not None:  # not awaited: the call may have been cancelled
                loop.spawn(partial(in_thread, _release, self._pk, self._claim), name="release of a grant")
                self._claim = None

    async def _claimed(self) -> datetime | None:
        """Claim the renewal; None where somebody else has renewed the grant. Waits as long as the call may take."""
        while True:
            row = await in_thread(ToolGrant.objects.filter(pk=self._pk).first)
            if row is None or (values := _values(row)) is None:
                raise not_connected(self._server)
            if values != self.grant.values:
                self.grant.values = values
                return None
            if claim := await in_thread(_claim, row, self._server.seconds):
                return claim
            await asyncio.sleep(LOOK_SECONDS)


def _values(row: ToolGrant) -> dict[str, Any] | None:
    if row.values in ("", UNREADABLE):
        return None
    values: dict[str, Any] = json.loads(row.values)
    return values


def _create(user_id: int, server: ToolEndpoint, values: dict[str, Any]) -> None:
    with transaction.atomic():
        row = ToolServer.objects.select_for_update().filter(pk=server.id).first()  # an edit waits, or is seen
        if row is None or row.origins() != (origin(server.url), server.command):
            text = _("The address of the tool server was changed meanwhile. Begin again with “Connect”.")
            raise Conflict(text, code="tool_server_moved")
        changes = {"values": json.dumps(values), "renewing_until": None}
        ToolGrant.objects.update_or_create(user_id=user_id, server_id=server.id, defaults=changes)


def _claim(row: ToolGrant, seconds: float) -> datetime | None:
    """Claim the renewal, unless somebody else has it, or has stored other values since the row was read."""
    now = timezone.now()
    until = now + min(timedelta(seconds=seconds), LONGEST)
    free = clock.is_free("renewing_until", LONGEST, now)
    rows = ToolGrant.objects.filter(free, pk=row.pk, updated=row.updated)
    return until if rows.update(renewing_until=until) else None


def _release(pk: int, claim: datetime) -> None:
    ToolGrant.objects.filter(pk=pk, renewing_until=claim).update(renewing_until=None)


def _update(pk: int, claim: datetime | None, values: dict[str, Any]) -> int:
    changes = {"values": json.dumps(values), "updated": timezone.now(), "renewing_until": None}
    return ToolGrant.objects.filter(pk=pk, renewing_until=claim).update(**changes)
