"""Replies of temporary chats: no row says anything of them. Their process knows them, and for a short time after their
end too, so that a tab that was away hears how it ended; whose they are stands in the shared cache, for other processes.
"""

import time
import uuid
from typing import Any

from django.core.cache import cache

from chat.runs.store import Job
from providers.facts import Caller

LINGER = 120.0  # seconds that the end of a reply can still be asked for
NOTED = 150.0  # how long a note of whose it is stands without being renewed
RENEWED = 30.0


class Nowhere:
    """Where such a reply is kept. What is to be answered comes with the request."""

    linger = LINGER

    def __init__(self, reply_id: uuid.UUID, chat_id: str, owner_id: int, job: Job) -> None:
        self.id, self.chat_id = reply_id, chat_id
        self._owner_id, self._job = owner_id, job
        self._noted = 0.0
        self._note()

    def load(self) -> Job:
        return self._job

    def grow(self, columns: dict[str, Any]) -> bool:
        if time.monotonic() - self._noted > RENEWED:
            self._note()
        return True

    def end(self, columns: dict[str, Any]) -> None:
        self._note()

    async def afterwards(self, caller: Caller) -> None:
        """Nothing: there is no chat to be named."""

    def _note(self) -> None:
        cache.set(_key(self.id), self._owner_id, NOTED)
        self._noted = time.monotonic()


def owner_of(reply_id: uuid.UUID) -> int | None:
    """Whose reply this is, in whatever process it runs or has just ended; None when nobody's. Blocking."""
    owner_id: int | None = cache.get(_key(reply_id))
    return owner_id


def _key(reply_id: uuid.UUID) -> str:
    return f"unkept-reply.{reply_id}"
