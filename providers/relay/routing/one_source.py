"""One source is asked: the request in the form of its connection, and its response in the form of the request."""

from typing import Any, cast

from providers import catalogue
from providers.dialects.translation import Translation
from providers.errors import ConfigurationError
from providers.facts import Route, Source
from providers.process import waiting
from providers.relay import payload, source_order, translated
from providers.relay.operations import BY_DIALECT
from providers.relay.prepared import prepare
from providers.relay.response import EstimatedResponse, ProviderResponse, RelayResponse, RewrittenResponse
from providers.relay.routing.attempts import Tried
from providers.relay.routing.call import RelayCall
from providers.relay.usage import stream_usage


async def ask(call: RelayCall, route: Route, source: Source, tried: Tried) -> RelayResponse:
    """The response of one source in the form of the request; `tried` are the tries before it, for the usage record.

    Raises NetworkError and its children, ConfigurationError, BadRequest, and ProviderError for an answer that cannot be
    translated.
    """
    request, operation = call.request, call.operation
    translation = translated.translation_for(operation, source.connection)
    if translation is None:
        return await fetch(call, route, source, tried, unpacked=call.unpacked)
    if operation.estimate is not None:
        size = payload.size_of(request.payload)
        answer = await waiting.off_loop(size, operation.estimate, request.payload)
        return EstimatedResponse(request, operation, route, source, call.admission, answer)
    response = await fetch(call, route, source, tried, unpacked=True, translation=translation)
    return await translated.translate(cast(ProviderResponse, response), translation, request, operation)


async def fetch(
    call: RelayCall,
    route: Route,
    source: Source,
    tried: Tried,
    *,
    unpacked: bool,
    translation: Translation | None = None,
) -> ProviderResponse | RewrittenResponse:
    """The response of one source in the form of the connection, into which `translation` brings the request.

    Raises NetworkError and its children, ConfigurationError, BadRequest.
    """
    request, operation = call.request, call.operation
    connection, caller = source.connection, request.caller
    changed: list[str] = []
    asked = operation
    options: dict[str, Any] = {"route": route, "source": source, "caller": caller, "translation": translation}
    options |= {"changed": changed, "cookies": request.cookies}
    if translation is None:
        body = payload.rewrite(operation, request.payload, **options)
    else:
        asked, size = BY_DIALECT[translation.dialect], payload.size_of(request.payload)
        body = await waiting.off_loop(size, payload.rewrite, operation, request.payload, **options)
    raw = request.raw if body is request.payload else None  # no rule changed it: as received
    try:
        prepared = await prepare(request, asked, route, source)
    except ConfigurationError as error:
        catalogue.note_refusal(connection.id, error)
        raise
    names = None
    if operation.rename is not None and (named := request.payload["model"]) != source.upstream_id:
        names = operation.rename(source.upstream_id, named)
    asks = asked.has_stream_options and stream_usage.is_to_ask(body, source)
    data = await payload.encode(body, request.raw) if raw is None else raw
    question = stream_usage.with_question(data, body) if asks and isinstance(data, bytes) else data
    unpacked = unpacked or asks or names is not None
    response = ProviderResponse(request, asked, route, source, call.admission)
    response.rewrites = changed
    if tried:
        response.tried = list(tried)
    if operation.made_id is not None and translation is None and body.get("store") is not False:
        response.made_id = operation.made_id
    counted = route.order != source_order.POSITION and source_order.counts(route.order, route.sources)
    await response.open(source, prepared, question, unpacked=unpacked, counted=counted)
    if asks and response.status >= 400 and stream_usage.is_refusal(response.status, response.refusal):
        stream_usage.note_refusal(source)
        await response.discard()
        return await fetch(call, route, source, tried, unpacked=unpacked, translation=translation)
    if asks and response.is_event_stream and translation is None:
        return RewrittenResponse(response, stream_usage.UsageFrames())
    return response if names is None else RewrittenResponse(response, names)
