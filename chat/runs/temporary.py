"""Replies of temporary chats, which have no row.

The process that runs such a reply keeps it for `LINGER` seconds after its end: a tab that connects again can ask how it
ended. The shared cache holds whose reply it is, for other processes.
"""

import time
import uuid
from typing import Any

from django.core.cache import cache

from chat.pipeline import CompletionRequest
from chat.runs.inputs import Input

LINGER = 120.0  # seconds that the end of a reply can still be asked for
OWNER_SECONDS = 150.0  # how long the cache holds the owner unless that is renewed
RENEWED = 30.0  # seconds


class TemporaryStore:
    """The store of a temporary chat's reply: stores who owns it, and no text. The request brings all messages."""

    linger = LINGER
    may_go_on = False

    def __init__(self, reply_id: uuid.UUID, chat_id: str, owner_id: int) -> None:
        self.id, self.chat_id = reply_id, chat_id
        self._owner_id = owner_id
        self._renewed = 0.0
        self._renew()

    def load(self, request: CompletionRequest) -> CompletionRequest:
        return request

    def save(self, columns: dict[str, Any]) -> bool:
        if time.monotonic() - self._renewed > RENEWED:
            self._renew()
        return True

    def save_end(self, columns: dict[str, Any], read: list[Input]) -> None:
        self._renew()

    async def after_end(self, request: CompletionRequest, status: str) -> None:
        """Does nothing: there is no stored chat that could get a title, or go on."""

    def _renew(self) -> None:
        cache.set(_key(self.id), self._owner_id, OWNER_SECONDS)
        self._renewed = time.monotonic()


def owner_of(reply_id: uuid.UUID) -> int | None:
    """The owner of a temporary reply of any process, also one that just ended; None for an unknown id. Blocking."""
    owner_id: int | None = cache.get(_key(reply_id))
    return owner_id


def _key(reply_id: uuid.UUID) -> str:
    return f"unkept-reply.{reply_id}"
