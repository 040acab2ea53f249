"""Calls of filters, one after the other, each with the body that the one before returned.

A filter that refuses, is down or answers nonsense ends the call: what it guards must not pass without it.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers import http, json_bodies
from providers.errors import BadRequest, ConfigurationError, GatewayError, NetworkError, ProviderError
from providers.facts import Caller, ConnectionFacts, FilterFacts, Route, Snapshot
from providers.process import waiting
from providers.sentences import sentence as _
from providers.upstream.error_bodies import error_of
from providers.upstream.headers import headers_for, secrets_in

SECONDS = 60.0  # for one filter: some ask a model of their own
MAX_BYTES = 32 * 1024 * 1024  # of a body that comes back


def user_of(caller: Caller) -> dict[str, str]:
    """The person, as pipelines servers are told of them."""
    return {"name": caller.name, "id": str(caller.user_id), "email": caller.email, "role": caller.role}


def filters_for(snapshot: Snapshot, route: Route) -> tuple[FilterFacts, ...]:
    """The filters of a model, in their order."""
    return tuple(entry for entry in snapshot.filters if entry.filters(route))


async def inlet(filters: Sequence[FilterFacts], body: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """The body of a request after these filters. Raises GatewayError, with the words of the filter that refused."""
    return await _through(filters, "inlet", body, caller)


async def outlet(filters: Sequence[FilterFacts], body: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """A conversation with its answer after these filters: `{"model", "messages"}`. Raises as `inlet`."""
    return await _through(filters, "outlet", body, caller)


async def _through(filters: Sequence[FilterFacts], way: str, body: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    current = dict(body)
    for entry in filters:
        current = await _call(entry, way, current, caller)
    return current


async def _call(entry: FilterFacts, way: str, body: dict[str, Any], caller: Caller) -> dict[str, Any]:
    connection = entry.connection
    headers = await headers_for(connection, caller=caller)
    # Files that handlers and messages hold are texts by now; what JSON cannot hold was refused before.
    data = await waiting.in_own_thread(json_bodies.dumps, {"user": user_of(caller), "body": body})
    try:
        async with http.stream(
            "POST",
            f"{connection.base_url}/{quote(entry.id, safe='')}/filter/{way}",
            headers=headers,
            body=data,
            limits=_limits(connection),
            tls=connection.tls,
            secrets=secrets_in(connection, headers),
            unpacked=True,
        ) as answer:
            if answer.status >= 400:
                raise _refused(entry, error_of(answer.status, await answer.beginning(), dict(answer.headers)))
            received = await answer.read(MAX_BYTES)
    except (NetworkError, ConfigurationError) as error:
        text = _("The filter “%(name)s” cannot be asked: %(why)s") % {"name": entry.name, "why": error.message}
        raise type(error)(text, code="filter_unreachable", status=error.status) from error
    try:
        value = await waiting.off_loop(len(received), json_bodies.parse_response, received)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        text = _("The filter “%(name)s” did not return the request.") % {"name": entry.name}
        raise ProviderError(text, code="invalid_answer")
    return value


def _refused(entry: FilterFacts, error: ProviderError) -> GatewayError:
    """A filter refuses by an exception, which its server reports as a 500 with the words: no server has failed."""
    text = _("The filter “%(name)s” refused the request.") % {"name": entry.name}
    if error.provider:
        return BadRequest(text, code="filter_refused", provider=error.provider)
    return ProviderError(text, code="filter_refused", status=502)


def _limits(connection: ConnectionFacts) -> http.Limits:
    return http.Limits(connection.limits.connect, SECONDS, SECONDS, SECONDS, MAX_BYTES)
