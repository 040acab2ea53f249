"""A person's way to a grant: from this site to the authorization server, and back with a code.

The process that began waits for the person on its event loop. They may come back to another process, which passes the
code on over the channel layer and hears how it went.
"""

import asyncio
import hashlib
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from channels.layers import get_channel_layer
from django.core.cache import cache

from chat import events, loop
from chat.tool_kinds import ToolEndpoint
from chat.tool_servers import grants, lists
from providers.errors import BadRequest, GatewayError, ProviderError, UpstreamTimeout
from providers.process import waiting
from providers.sentences import sentence as _

PERSON_SECONDS = 600.0  # for which the person may be away
END_SECONDS = 30.0  # until the code has become a token
MAX_CODE = 4000  # characters


def begin(server: ToolEndpoint, user_id: int, callback: str) -> str:
    """Begin a way; returns the address for the person's consent. Blocking. Raises GatewayError."""
    ready: Future[str] = Future()
    loop.spawn(partial(_live, server, user_id, callback, ready), name="grant at a tool server")
    return waiting.for_future(ready)


def finish(user_id: int, *, state: str, code: str, error: str, issuer: str) -> None:
    """The person came back: pass the code on, and wait until there is a grant. Blocking. Raises GatewayError."""
    if max(map(len, (state, code, error, issuer))) > MAX_CODE or cache.get(_group(state)) != user_id:
        raise _not_begun()
    ended: Future[dict[str, Any]] = Future()
    message = {"type": "grant", "state": state, "code": code, "error": error, "issuer": issuer}
    loop.spawn(partial(_pass_on, message, ended), name="end of a grant")
    outcome = waiting.for_future(ended)
    if outcome.get("error"):
        raise ProviderError(outcome["error"], provider=outcome.get("provider", ""), code="grant_failed")


async def _live(server: ToolEndpoint, user_id: int, callback: str, ready: "Future[str]") -> None:
    way = _Way(server, user_id, callback, ready)
    failure: GatewayError | None = ProviderError(_("The grant could not be had."), code="grant_failed")
    try:
        await way.go()
        failure = None
    except TimeoutError:
        failure = UpstreamTimeout(_("The tool server took too long to answer."))
    except GatewayError as error:
        failure = error
    except Exception as error:  # each channel layer has errors of its own
        events.log_trouble("A grant at %s was lost: %s", server.name, error=error)
    finally:  # also where the process ends: somebody waits
        if failure is not None and not ready.done():
            ready.set_exception(failure)
    if way.reply:
        facts = {"error": failure.message, "provider": failure.provider} if failure is not None else {"error": ""}
        await get_channel_layer().send(way.reply, {"type": "grant.end", **facts})


class _Way:
    """One way to a grant. A person has one at a time to each server: a new one ends the former."""

    def __init__(self, server: ToolEndpoint, user_id: int, callback: str, ready: "Future[str]") -> None:
        self.server, self.user_id, self.callback, self.ready = server, user_id, callback, ready
        self.reply = ""  # the channel on which another process waits for the end

    async def go(self) -> None:
        """From the first request to a stored grant. Raises GatewayError, TimeoutError and those of channel layers."""
        oauth = await waiting.in_own_thread(_oauth)
        consent = oauth.Consent(self.server, grants.new_grant(self.user_id, self.server), self.callback)
        run = asyncio.get_running_loop().create_task(consent.run())
        try:
            await self._through(consent, run)
        finally:
            run.cancel()
            with suppress(asyncio.CancelledError, Exception):  # its error is the one of `asked`, or was raised
                await run
        grant = await grants.grant_of(self.user_id, self.server)
        await lists.ask_and_keep(self.server, grant, adds=True)

    async def _through(self, consent: Any, run: "asyncio.Task[None]") -> None:
        address = await consent.asked()
        group = _group(parse_qs(urlsplit(address).query).get("state", [""])[0])
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        try:
            if former := await waiting.in_own_thread(_open, group, self.user_id, self.server.id):
                await layer.group_send(former, {"type": "grant", "is_former": True})
            self.ready.set_result(address)
            async with asyncio.timeout(PERSON_SECONDS):
                message = await layer.receive(channel)  # `finish` looked whose it is
            if message.get("is_former"):
                raise _not_begun()  # as the person reads who comes back on it
            self.reply = message["reply"]
            if message["code"]:
                consent.resolve(code=message["code"], state=message["state"], issuer=message["issuer"])
            else:
                consent.refuse(message["error"])
            async with asyncio.timeout(END_SECONDS):
                await run
        finally:
            await layer.group_discard(group, channel)
            await waiting.in_own_thread(cache.delete, group)


def _open(group: str, user_id: int, server_id: int) -> str:
    """Note that this way is open; returns the group of the former one, which is so no more."""
    key = f"grant.way.{user_id}.{server_id}"
    former = str(cache.get(key, ""))
    cache.set(key, group, PERSON_SECONDS)
    cache.set(group, user_id, PERSON_SECONDS)
    if former:
        cache.delete(former)
    return former


def _oauth() -> Any:
    from chat.tool_kinds import grants as oauth  # late, in a thread: it brings the SDK

    return oauth


async def _pass_on(message: dict[str, Any], ended: "Future[dict[str, Any]]") -> None:
    layer = get_channel_layer()
    try:
        reply = await layer.new_channel()
        await layer.group_send(_group(message["state"]), {**message, "reply": reply})
        async with asyncio.timeout(END_SECONDS + 10):
            ended.set_result(await layer.receive(reply))
    except Exception as error:  # nobody waits for it any more, or the channel layer is away
        events.log_trouble("A grant was not passed on: %s", error=error)
        ended.set_exception(_not_begun())


def _not_begun() -> BadRequest:
    return BadRequest(_("This way to the tool server has ended. Begin again with “Connect”."), code="no_grant_begun")


def _group(state: str) -> str:
    return f"grant.{hashlib.sha256(state.encode()).hexdigest()[:40]}"
