"""One call to a provider: who may, where to, in what form, and the bytes back as they come.

`begin` is the verb that every entrance calls, and it holds what must always be true: the caller's scope, the check of
the body, access to the model, rate limits, usage. Sources are tried in order until one answers: the next takes over
after a network error or a status that the operation passes over, and only before the first byte of an answer has
arrived. Leaving a call closes its connection to the provider and records its usage.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
from django.utils.translation import gettext_lazy as _

from providers import catalogue
from providers.errors import ConfigurationError, NetworkError, ProviderError
from providers.facts import Route, Source
from providers.relay import payload, rate_limits, routing
from providers.relay.asks import Ask, admit
from providers.relay.operations import OPERATIONS, Operation
from providers.relay.replies import CachedReply, ProviderReply, Reply
from providers.upstream import kinds
from providers.upstream.error_bodies import error_of
from providers.upstream.headers import headers_for

logger = logging.getLogger(__name__)


async def begin(ask: Ask) -> Reply:
    """Start a call and wait for the first byte of an answer; whoever gets the reply must `aclose` it.

    Raises Forbidden (`insufficient_scope`), BadRequest, NotFound (`model_not_found`), Conflict, RateLimited,
    ConfigurationError, NetworkError and its children. A status of 400 and above from the provider is a reply like any
    other.
    """
    operation = OPERATIONS[ask.operation]
    admit(ask.caller, operation.scope)
    operation.check(ask.payload)
    if operation.cache is not None:
        await operation.cache.check(ask.caller, ask.payload, ask.idempotency_key)
    snapshot = await catalogue.snapshot()
    route = operation.route(snapshot, ask.caller, ask.payload["model"])
    admission = await rate_limits.admit(ask.caller, snapshot.limits) if snapshot.limits else None
    sources = routing.in_order(route.sources)
    if operation.cache is not None:
        fetch = partial(_fetch, ask, operation, route, admission)
        clip = await operation.cache.answer(ask.payload, sources, fetch, operation.passed_over)
        return CachedReply(ask, route, clip, admission)
    *earlier, last = sources
    for source in earlier:
        try:
            reply = await _fetch(ask, operation, route, admission, source)
        except (NetworkError, ConfigurationError) as error:
            logger.warning("%s failed for %s, trying the next: %s", source.connection.name, route.public_id, error)
            continue
        if not operation.passed_over(reply.status):
            return reply
        logger.warning("%s answered %s for %s, trying the next", reply.connection, reply.status, route.public_id)
        await reply.aclose()
    return await _fetch(ask, operation, route, admission, last)


@asynccontextmanager
async def call(ask: Ask) -> AsyncIterator[Reply]:
    """`begin`, closed when the context is left."""
    reply = await begin(ask)
    try:
        yield reply
    finally:
        await reply.aclose()


async def complete(ask: Ask) -> dict[str, Any]:
    """The answer to a call that does not stream. Raises as `begin`, and ProviderError with the provider's own words."""
    async with call(ask) as reply:
        if reply.status >= 400:
            raise await reply.error()
        body = await reply.read()
    try:
        answer = orjson.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ProviderError(_("The provider's answer is not JSON."), code="invalid_answer")
    if answer.get("error"):
        raise error_of(502, body, {})
    return answer


async def _fetch(
    ask: Ask, operation: Operation, route: Route, admission: rate_limits.Admission | None, source: Source
) -> ProviderReply:
    """The answer of one source. Raises NetworkError and its children, ConfigurationError, BadRequest."""
    connection = source.connection
    body = payload.rewrite(operation, ask.payload, route=route, source=source, caller=ask.caller)
    unchanged = body is ask.payload and ask.raw is not None
    headers = await headers_for(
        connection,
        accept=operation.accept,
        caller=ask.caller,
        chat_id=ask.chat_id,
        message_id=ask.message_id,
        model_id=route.public_id,
        cookies=ask.cookies,
    )
    url = kinds.of(connection).endpoint(connection, operation.path, source.upstream_id, operation.deployed)
    reply = ProviderReply(ask, operation, route, source, admission)
    try:
        await reply.open(source, url, headers, ask.raw if unchanged and ask.raw is not None else payload.encode(body))
    except NetworkError as error:
        await catalogue.note_failure(connection.id, error)
        raise
    return reply
