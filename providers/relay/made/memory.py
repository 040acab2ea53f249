"""Which connection made which response: in memory at once, and in a table for all processes and for later.

Rows are written behind (`providers.process.row_writer`), and read off the event loop where this process has not made
the response itself.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.utils.crypto import salted_hmac

from providers import runtime
from providers.facts import Caller, Source
from providers.models import ClientKey, Connection, MadeResponse
from providers.process import background
from providers.process.row_writer import BATCH_SECONDS, RowWriter, existing
from providers.relay.usage.own_records import is_own
from providers.upstream.made_ids import may_be_id

MOST_KEPT = 4096  # responses in memory
LATE = 1.5 * BATCH_SECONDS  # by then another process has written what it made before the question came


@dataclass(frozen=True, slots=True)
class Made:
    """A response that was made. The fields are the columns of `MadeResponse`."""

    response_id: str
    user_id: int
    key_id: int | None
    connection_id: int | None
    model: str  # public id
    upstream_id: str
    credential: str = ""
    is_counted: bool = True
    when: float = field(default_factory=time.time)  # seconds since the epoch


class MadeResponses(RowWriter[Made]):
    """The newest responses of this process, by person and id, and those that wait to be written."""

    rows: ClassVar[str] = "made responses"
    thread_name: ClassVar[str] = "made responses"

    def __init__(self) -> None:
        super().__init__()
        self.recent: OrderedDict[tuple[int, str], Made] = OrderedDict()

    def remember(self, made: Made) -> None:
        self.recent[made.user_id, made.response_id] = made
        while len(self.recent) > MOST_KEPT:
            self.recent.popitem(last=False)
        self.add(made)

    def insert(self, batch: list[Made]) -> None:
        rows = [_row(made) for made in batch]
        try:
            MadeResponse.objects.bulk_create(rows)
        except IntegrityError:
            MadeResponse.objects.bulk_create(_without_gone(rows))


def note(response_id: str, caller: Caller, public_id: str, source: Source, *, is_counted: bool = True) -> Made:
    """Note that a source made a response for this caller. Returns at once. `is_counted`: not in the background."""
    connection = source.connection
    made = Made(
        response_id,
        caller.user_id,
        caller.key_id,
        connection.id,
        public_id[:255],
        source.upstream_id[:255],
        credential_of(connection.secret) if connection.more_keys else "",
        is_counted,
    )
    runtime.state(MadeResponses).remember(made)
    return made


def credential_of(secret: str) -> str:
    """What tells a connection's keys apart, and nothing about them."""
    return salted_hmac("providers.relay.made", secret, algorithm="sha256").hexdigest()[:20]


async def find(caller: Caller, response_id: str) -> Made | None:
    """The response of this id that was made for this caller; None for unknown ones and for those of others.

    Raises the error of a database that does not answer.
    """
    if not may_be_id(response_id):
        return None
    recent = made = runtime.state(MadeResponses).recent.get((caller.user_id, response_id))
    if recent is not None and not recent.is_counted:  # another process may have counted it
        made = (await _read(caller, response_id))[0] or recent
    if made is None:
        made, is_known = await _read(caller, response_id)
        if not is_known:  # another process may have made it just now
            await asyncio.sleep(LATE)
            made, is_known = await _read(caller, response_id)
    return made if made is not None and is_own(caller, made.user_id, made.key_id) else None


def note_counted(made: Made) -> None:
    """Note that a record has what the response used. Returns at once."""
    state = runtime.state(MadeResponses)
    if (key := (made.user_id, made.response_id)) in state.recent:
        state.recent[key] = replace(made, is_counted=True)

    def write() -> None:
        state.write()  # it may still wait there
        MadeResponse.objects.filter(response_id=made.response_id, user_id=made.user_id).update(is_counted=True)

    background.write(write, what="that the use of a response was counted")


def forget(made: Made) -> None:
    """Forget a response that was deleted at its provider. Returns at once."""
    state = runtime.state(MadeResponses)
    state.recent.pop((made.user_id, made.response_id), None)

    def delete() -> None:
        state.write()  # it may still wait there
        MadeResponse.objects.filter(response_id=made.response_id, user_id=made.user_id).delete()

    background.write(delete, what="that a response was deleted")


async def _read(caller: Caller, response_id: str) -> tuple[Made | None, bool]:
    return await asyncio.wrap_future(background.submit(partial(_stored, caller.user_id, response_id)))


def _stored(user_id: int, response_id: str) -> tuple[Made | None, bool]:
    """The newest response of this id that was made for the person, and whether one was made for anybody."""
    rows = MadeResponse.objects.filter(response_id=response_id)
    row = rows.filter(user_id=user_id).order_by("-pk").first()
    if row is None:
        return None, rows.exists()
    made = Made(
        row.response_id,
        row.user_id,
        row.key_id,
        row.connection_id,
        row.model,
        row.upstream_id,
        row.credential,
        row.is_counted,
        row.when.timestamp(),
    )
    return made, True


def _row(made: Made) -> MadeResponse:
    return MadeResponse(
        response_id=made.response_id,
        user_id=made.user_id,
        key_id=made.key_id,
        connection_id=made.connection_id,
        model=made.model,
        upstream_id=made.upstream_id,
        credential=made.credential,
        is_counted=made.is_counted,
        when=datetime.fromtimestamp(made.when, UTC),
    )


def _without_gone(rows: list[MadeResponse]) -> list[MadeResponse]:
    """The rows of people who are still there, without keys and connections that are not."""
    people = existing(get_user_model(), (row.user_id for row in rows))
    keys = existing(ClientKey, (row.key_id for row in rows))
    connections = existing(Connection, (row.connection_id for row in rows))
    for row in rows:
        row.pk = None
        row.key_id = row.key_id if row.key_id in keys else None
        row.connection_id = row.connection_id if row.connection_id in connections else None
    return [row for row in rows if row.user_id in people]
