"""The socket: checks who is connected and passes messages on. Events come from the channel layer already packed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, ClassVar

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from chat import access, events, loop, runs, services
from chat.loop import in_thread
from chat.push import looking as presence
from providers import json_bodies, runtime
from providers.callers import session_of
from providers.errors import BadRequest, GatewayError, TooLarge
from providers.permits import Permit
from providers.process import client_address, outages
from providers.sentences import sentence as _

TRY_AGAIN_LATER = 1013  # https://www.iana.org/assignments/websocket/websocket.xhtml: the page does
NOT_SIGNED_IN = 4401  # close code: the page asks for a login instead of trying again
TOO_MANY = 4429  # close code: the page waits until somebody looks at it again
MAX_BYTES = 4096  # of one message of a client; valid ones have about 150
OPENING_SECONDS = 3.0  # until a socket is in its group, and out of it; daphne itself gives up after 5
CHECK_SECONDS = 30.0  # how often the session is checked, which may have ended elsewhere


class OpenSockets:
    """The sockets of this process by their person and by their address, the oldest first. Lives on the event loop."""

    def __init__(self) -> None:
        self.by_owner: dict[tuple[str, object], dict[EventsConsumer, None]] = {}

    def add(self, socket: "EventsConsumer") -> Iterator["EventsConsumer"]:
        """Count a socket; gives the oldest ones that are too many now."""
        for owner, most in socket.owners():
            sockets = self.by_owner.setdefault(owner, {})
            sockets[socket] = None
            yield from list(sockets)[: max(0, len(sockets) - most)]

    def remove(self, socket: "EventsConsumer") -> None:
        for owner, _most in socket.owners():
            sockets = self.by_owner.get(owner, {})
            sockets.pop(socket, None)
            if not sockets:
                self.by_owner.pop(owner, None)


class MessageRate:
    """Counts the messages of one socket in the current second."""

    def __init__(self) -> None:
        self.second, self.count = 0, 0

    def is_over(self) -> bool:
        """Count a message. Returns whether it exceeds the rate."""
        second = int(time.monotonic())
        self.count = self.count + 1 if second == self.second else 1
        self.second = second
        return self.count > settings.SOCKET_MESSAGES_PER_SECOND


class EventsConsumer(AsyncWebsocketConsumer):
    """One socket of one person. Receives `resume`, `stop` and `ping`; sends every event of `chat.events`."""

    permit: Permit | None = None
    opening: asyncio.Timeout

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        sender = _SocketSender(send)
        try:
            async with asyncio.timeout(OPENING_SECONDS) as self.opening:
                await super().__call__(scope, receive, sender.send)
        except TimeoutError as error:  # Redis takes connections and says nothing
            events.log_trouble("A socket cannot be served: %s", error=error)
            await sender.close(TRY_AGAIN_LATER)
        except Exception as error:
            if not outages.is_of_redis(error):
                raise
            events.log_trouble("A socket cannot be served: %s", error=error)
            await sender.close(TRY_AGAIN_LATER)
        finally:
            if self.permit is not None:
                self.permit.close()
                runtime.state(OpenSockets).remove(self)

    async def connect(self) -> None:
        self.user: Any = self.scope["user"]
        await self.accept()  # a refused handshake would not tell the page why
        if not self.user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        loop.adopt()
        self.checked = time.monotonic()
        self.group = events.group_of(self.user.pk)
        self.rate = MessageRate()
        self.permit = Permit(session_of(self.user), self._end)
        for oldest in runtime.state(OpenSockets).add(self):
            loop.spawn(partial(oldest.give_way, "too_many_sockets"), name="end of a socket")
        await self.channel_layer.group_add(self.group, self.channel_name)
        self.opening.reschedule(None)

    async def disconnect(self, code: int) -> None:
        if not self.user.is_authenticated:
            return
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                await self.channel_layer.group_discard(self.group, self.channel_name)
        except Exception as error:
            if not isinstance(error, TimeoutError) and not outages.is_of_redis(error):
                raise  # not in an outage of the channel layer: then there is no group to leave

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Take a message of the channel layer or of the client.

        Channels closes old database connections in a thread before each. An event uses none, and skips that.
        """
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
        """Close the socket: the account was disabled or deleted, or its password changed."""
        loop.spawn(partial(self.close, NOT_SIGNED_IN), name="end of a socket")

    def owners(self) -> list[tuple[tuple[str, object], int]]:
        """The owners by which sockets are counted (person, address), each with its maximum."""
        return [
            (("person", self.user.pk), settings.SOCKETS_PER_PERSON),
            (("address", client_address.of_scope(self.scope)), settings.SOCKETS_PER_ADDRESS),
        ]

    async def give_way(self, reason: str) -> None:
        runtime.state(OpenSockets).remove(self)
        await self.close(TOO_MANY, reason)

    async def _still_signed_in(self) -> bool:
        if await access.is_signed_in(self.user, self.scope["session"].session_key):
            self.checked = time.monotonic()
            return True
        await self.close(NOT_SIGNED_IN)
        return False

    # --- from the client --------------------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not self.user.is_authenticated:
            return
        if self.rate.is_over():
            await self.give_way("too_many_messages")
            return
        if not await self._still_signed_in():
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
        """Answer a ping, and renew the membership in the group: a channel layer in memory drops it after a day."""
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.send(events.pack(type="pong", data={}))

    async def looking(self, message: dict[str, Any]) -> None:
        """The page is looked at, or no longer: devices are told of what is ready only when none is."""
        tab, visible = str(message.get("tab", "")), message.get("visible") is True
        await in_thread(partial(presence.note, self.user.pk, tab, visible=visible))

    actions: ClassVar[dict[str, Callable[["EventsConsumer", dict[str, Any]], Awaitable[None]]]] = {
        "looking": looking,
        "resume": resume,
        "stop": stop,
        "ping": ping,
    }


class _SocketSender:
    """The `send` of a socket. It knows whether the socket was accepted and closed."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._accepted = self._closed = False

    async def send(self, message: dict[str, Any]) -> None:
        self._accepted = self._accepted or message["type"] == "websocket.accept"
        self._closed = self._closed or message["type"] == "websocket.close"
        await self._send(message)

    async def close(self, code: int) -> None:
        """Close the socket with this code. Accept it first: a refused handshake would hide the code from the page."""
        if not self._accepted:
            await self._send({"type": "websocket.accept"})
        if not self._closed:
            await self._send({"type": "websocket.close", "code": code})


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
