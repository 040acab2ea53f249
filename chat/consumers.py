"""The socket: checks who is connected and passes messages on. Events come from the channel layer already packed."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar

from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils.translation import gettext as _

from chat import access, events, loop, runs, services
from chat.loop import in_thread
from providers import json_bodies
from providers.callers import session_of
from providers.errors import BadRequest, GatewayError, TooLarge
from providers.permits import Permit

NOT_SIGNED_IN = 4401  # close code: the page asks for a login instead of trying again
MAX_BYTES = 4096  # of one message of a client; valid ones have about 150
CHECK_SECONDS = 30.0  # how often the session is checked, which may have ended elsewhere


class EventsConsumer(AsyncWebsocketConsumer):
    """One socket of one person. Receives `resume`, `stop` and `ping`; sends every event of `chat.events`."""

    permit: Permit | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.permit is not None:
                self.permit.close()

    async def connect(self) -> None:
        self.user: Any = self.scope["user"]
        await self.accept()  # a refused handshake would not tell the page why
        if not self.user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        loop.adopt()
        self.checked = time.monotonic()
        self.group = events.group_of(self.user.pk)
        self.permit = Permit(session_of(self.user), self._end)
        await self.channel_layer.group_add(self.group, self.channel_name)

    async def disconnect(self, code: int) -> None:
        if self.user.is_authenticated:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Events use no database: they skip the thread in which Channels closes old connections before each message."""
        if message["type"] == "chat.event":
            await self.chat_event(message)
        else:
            await super().dispatch(message)

    # --- from the server --------------------------------------------------------------------------------------------

    async def chat_event(self, message: dict[str, Any]) -> None:
        if time.monotonic() - self.checked < CHECK_SECONDS or await self._still_signed_in():
            await self.send(message["text"])

    async def session_ended(self, message: dict[str, Any]) -> None:
        """Close the socket if it belongs to the session that was signed out."""
        if message["session"] == events.digest_of(self.scope["session"].session_key or ""):
            await self.close(NOT_SIGNED_IN)

    def _end(self, error: GatewayError) -> None:
        """The account was switched off or deleted, or its password changed."""
        loop.spawn(partial(self.close, NOT_SIGNED_IN), name="end of a socket")

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
                names = ", ".join(self.actions)
                raise BadRequest(
                    _("Unknown type “%(type)s”. Known: %(known)s.") % {"type": message["type"][:50], "known": names},
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
        """Also renews the membership in the group, which a channel layer in memory drops after a day."""
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.send(events.pack(type="pong", data={}))

    actions: ClassVar[dict[str, Callable[["EventsConsumer", dict[str, Any]], Awaitable[None]]]] = {
        "resume": resume,
        "stop": stop,
        "ping": ping,
    }


def _parsed(text: str | None) -> dict[str, Any]:
    """The client's message, `{"type": str, …}`. Raises BadRequest or TooLarge."""
    if text is None:
        raise BadRequest(_("Send text frames with JSON."), code="not_text")
    if len(text) > MAX_BYTES:
        raise TooLarge(_("A message can have at most %(count)d characters.") % {"count": MAX_BYTES})
    try:
        message = json_bodies.parse_request(text.encode("utf-8", "surrogatepass"))
    except BadRequest as error:
        raise BadRequest(_("This is not JSON."), code="not_json") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadRequest(_("Send an object with a “type”."), code="no_type")
    return message
