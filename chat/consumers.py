"""The socket: who is there, what do they say, hand it over. Events come through the channel layer already packed."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils.translation import gettext as _

from chat import access, events, loop, runs, services
from chat.loop import in_thread
from providers import json_bodies
from providers.errors import BadRequest, GatewayError, TooLarge

NOT_SIGNED_IN = 4401  # close code: the page asks for a login instead of trying again
MAX_BYTES = 4096  # of one message of a client; the longest sensible one has 150
CHECK_SECONDS = 30.0  # a session that ended elsewhere is noticed after this long at the latest


class EventsConsumer(AsyncWebsocketConsumer):
    """One socket of one person. Takes `resume`, `stop` and `ping`; gives every event of `chat.events`."""

    async def connect(self) -> None:
        self.user: Any = self.scope["user"]
        await self.accept()  # a refusal in the handshake would not tell the page why
        if not self.user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        loop.adopt()
        self.checked = time.monotonic()
        self.group = events.group_of(self.user.pk)
        await self.channel_layer.group_add(self.group, self.channel_name)

    async def disconnect(self, code: int) -> None:
        if self.user.is_authenticated:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Events skip the thread hop that Channels spends on database connections before each message: none is used."""
        if message["type"] == "chat.event":
            await self.chat_event(message)
        else:
            await super().dispatch(message)

    # --- from the server --------------------------------------------------------------------------------------------

    async def chat_event(self, message: dict[str, Any]) -> None:
        if time.monotonic() - self.checked < CHECK_SECONDS or await self._still_signed_in():
            await self.send(message["text"])

    async def session_ended(self, message: dict[str, Any]) -> None:
        """Somebody signed out: was it here?"""
        if message["session"] == events.digest_of(self.scope["session"].session_key or ""):
            await self.close(NOT_SIGNED_IN)

    async def _still_signed_in(self) -> bool:
        if await access.is_signed_in(self.user, self.scope["session"].session_key):
            self.checked = time.monotonic()
            return True
        await self.close(NOT_SIGNED_IN)
        return False

    # --- from the client --------------------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not self.user.is_authenticated or not await self._still_signed_in():
            return
        message: dict[str, Any] = {}
        try:
            message = _parsed(text_data)
            action = self.actions.get(message["type"])
            if action is None:
                known = ", ".join(self.actions)
                raise BadRequest(
                    _("Unknown type “%(type)s”. Known: %(known)s.") % {"type": message["type"][:50], "known": known},
                    code="unknown_type",
                )
            await action(self, message)
        except GatewayError as error:
            about = message.get("message_id", "") if message else ""
            await self.send(events.pack(type="error", data=error.detail_body(), message_id=about))

    async def resume(self, message: dict[str, Any]) -> None:
        await runs.resume(self.user, message.get("message_id"), channel=self.channel_name)

    async def stop(self, message: dict[str, Any]) -> None:
        await in_thread(services.stop_task, self.user, message.get("message_id"))

    async def ping(self, message: dict[str, Any]) -> None:
        """Also renews the place in the group: the channel layer in memory forgets it after a day."""
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.send(events.pack(type="pong", data={}))

    actions: ClassVar[dict[str, Callable[["EventsConsumer", dict[str, Any]], Awaitable[None]]]] = {
        "resume": resume,
        "stop": stop,
        "ping": ping,
    }


def _parsed(text: str | None) -> dict[str, Any]:
    """`{"type": str, …}`. Raises BadRequest or TooLarge in words for whoever writes a client."""
    if text is None:
        raise BadRequest(_("Send text frames with JSON."), code="not_text")
    if len(text) > MAX_BYTES:
        raise TooLarge(_("A message may have %(count)d characters at most.") % {"count": MAX_BYTES})
    try:
        message = json_bodies.parse_request(text.encode("utf-8", "surrogatepass"))
    except BadRequest as error:
        raise BadRequest(_("This is not JSON."), code="not_json") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadRequest(_("Send an object with a “type”."), code="no_type")
    return message
