"""The parts of a call that no request changes: address, headers, secrets. Made once for each source of a snapshot."""

from collections.abc import Mapping
from typing import NamedTuple

from django.conf import settings

from providers.facts import Route, Source
from providers.http import Secrets
from providers.relay.forms import Form
from providers.relay.operations import Operation
from providers.relay.request import RelayRequest
from providers.upstream import kinds
from providers.upstream.headers import are_constant, headers_for, plain, secrets_in


class Prepared(NamedTuple):
    """Where a call goes, with which headers, and which secrets its server may quote."""

    url: str
    headers: dict[str, str]
    secrets: Secrets


async def prepare(request: RelayRequest, operation: Operation, route: Route, source: Source) -> Prepared:
    """`operation` is the one that the connection is asked for: another than the request's where that is translated.

    Raises ConfigurationError where the connection has no usable credential."""
    forwarded = _forwarded(request, operation, source) if request.forwarded else {}
    may_vary = bool(forwarded) or _may_vary(request, source)
    if not may_vary:
        known: Prepared | None = source.memo.get(operation.name)
        if known is not None:
            return known
    prepared = await _prepare(request, operation, route, source, forwarded)
    if not may_vary and are_constant(source.connection):
        source.memo[operation.name] = prepared  # not of the connection: callers name speech models that nobody lists
    return prepared


def _may_vary(request: RelayRequest, source: Source) -> bool:
    """Whether the request adds to the headers: the boundary of its form, its cookies, its caller."""
    return (
        isinstance(request.raw, Form)
        or (bool(request.cookies) and source.connection.forward_cookies != "none")
        or settings.ENABLE_FORWARD_USER_INFO_HEADERS
    )


def _forwarded(request: RelayRequest, operation: Operation, source: Source) -> dict[str, str]:
    """The client's headers for this provider, without those that it gets anyway: none where the call is translated."""
    if operation.name != request.operation:
        return {}
    kind = kinds.of(source.connection)
    if operation.dialect not in kind.dialects:
        return {}
    return {name: plain(value) for name, value in request.forwarded.items() if (name, value) not in kind.headers}


async def _prepare(
    request: RelayRequest, operation: Operation, route: Route, source: Source, forwarded: Mapping[str, str]
) -> Prepared:
    connection = source.connection
    chat_id, message_id = request.message_ids
    headers = await headers_for(
        connection,
        accept=operation.accept,
        content_type=request.raw.content_type if isinstance(request.raw, Form) else operation.media_type,
        caller=request.caller,
        chat_id=chat_id,
        message_id=message_id,
        model_id=route.public_id,
        cookies=request.cookies,
        forwarded=forwarded,
    )
    url = kinds.of(connection).endpoint(connection, operation.path, source.upstream_id, operation.deployed)
    return Prepared(url, headers, secrets_in(connection, headers))
