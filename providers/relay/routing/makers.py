"""The route of a response that was made: the model's sources at the connection that made it, and no other one."""

from dataclasses import replace

from providers.errors import BadRequest, NotFound
from providers.facts import Caller, Route, Snapshot, Source, model_not_found
from providers.relay import translated
from providers.relay.made.memory import Made, credential_of, find
from providers.relay.operations import Operation
from providers.relay.request import RelayRequest
from providers.relay.routing.keys import by_key
from providers.sentences import sentence as _

LONGEST_SHOWN = 100  # characters of an id in an error


async def at_maker(request: RelayRequest, operation: Operation, route: Route, snapshot: Snapshot) -> Route:
    """The route of a request that goes on from another response: to the connection that made it, and no other one.

    Unchanged where no connection of the route keeps responses: the translation of the request says so. Raises NotFound
    (`previous_response_not_found`), and BadRequest where the model is not offered there.
    """
    if all(translated.translation_for(operation, source.connection) for source in route.sources):
        return route
    previous = request.payload["previous_response_id"]
    if not isinstance(previous, str):
        param = "previous_response_id"
        raise BadRequest(_("“%(name)s” must be text.") % {"name": param}, code="invalid_type", param=param)
    made = await find(request.caller, previous)
    if made is None:
        raise not_found(previous, "previous_response_id")
    return following(route, made, snapshot)


def of_maker(made: Made, snapshot: Snapshot, caller: Caller) -> Route:
    """The route of the model that made the response.

    Raises NotFound for a model that the caller may not use (any longer) and for a connection that is off, and
    ConfigurationError while all are.
    """
    if made.connection_id not in snapshot.connections:
        raise _gone(made)
    route = snapshot.route_for(caller, made.model)
    sources = _at_maker(route, made)
    if not sources:
        raise model_not_found(made.model)
    return _with_sources(route, sources)


def following(route: Route, made: Made, snapshot: Snapshot) -> Route:
    """The route of a request that goes on from the response: the sources of its own model at the same connection.

    Raises NotFound for a connection that is off, and BadRequest for a model that another one offers.
    """
    if sources := _at_maker(route, made):
        return _with_sources(route, sources)
    if made.connection_id not in snapshot.connections:
        raise _gone(made, "previous_response_id")
    raise BadRequest(
        _(
            "The response “%(id)s” was made by the connection of “%(model)s”, which does not offer “%(asked)s”. Go on "
            "with “%(model)s”, or send the conversation without “previous_response_id”."
        )
        % {"id": made.response_id[:LONGEST_SHOWN], "model": made.model, "asked": route.public_id},
        code="previous_response_elsewhere",
        param="previous_response_id",
    )


def not_found(response_id: str, param: str = "response_id") -> NotFound:
    """The same error for unknown responses and for those of others."""
    code = "previous_response_not_found" if param == "previous_response_id" else "response_not_found"
    message = _("There is no response “%(id)s”, or it is not yours.") % {"id": response_id[:LONGEST_SHOWN]}
    return NotFound(message, code=code, param=param)


def _gone(made: Made, param: str = "response_id") -> NotFound:
    message = _("The connection that made the response “%(id)s” is switched off or was removed.")
    return NotFound(message % {"id": made.response_id[:LONGEST_SHOWN]}, code="response_connection_off", param=param)


def _with_sources(route: Route, sources: list[Source]) -> Route:
    return replace(route, sources=tuple(sources), fallbacks=(), has_keys=False)


def _at_maker(route: Route, made: Made) -> list[Source]:
    """The sources at the connection, with the key that made the response where it is still there."""
    there = [source for source in route.sources if source.connection.id == made.connection_id]
    there = [source for source in there if source.upstream_id == made.upstream_id] or there
    keyed = by_key(there)
    if not made.credential:
        return keyed
    return [source for source in keyed if credential_of(source.connection.secret) == made.credential] or keyed
