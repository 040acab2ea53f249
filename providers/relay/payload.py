"""A request's body on its way through the gateway: read, checked, rewritten for a source, and written again.

What is checked and what changes is the operation's: `providers.relay.operations` names the functions of
`providers.relay.rules`.
"""

import orjson
from django.utils.translation import gettext_lazy as _

from providers.errors import BadRequest
from providers.facts import Caller, Route, Source
from providers.relay.operations import Operation
from providers.relay.rules import Body, Destination, with_params, with_user


def read(operation: Operation, body: bytes) -> Body:
    """A request's body as a checked object. Raises BadRequest, naming what is wrong."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(_("The body of the request is not valid JSON."), code="invalid_json") from error
    if not isinstance(payload, dict):
        raise BadRequest(_("The body of the request must be a JSON object."), code="invalid_json")
    operation.check(payload)
    return payload


def rewrite(operation: Operation, payload: Body, *, route: Route, source: Source, caller: Caller) -> Body:
    """The body that this source gets: the same object when no rule applies. Raises BadRequest (logit_bias)."""
    body = with_params(payload, route.params, operation.preset_params)
    if route.system_prompt:
        body = operation.add_prompt(body, route.system_prompt)
    if body["model"] != source.upstream_id:
        body = {**body, "model": source.upstream_id}
    if source.raw.get("pipeline"):
        body = with_user(body, caller)
    destination = Destination(source.upstream_id, source.connection)
    for rule in operation.rewrites:
        body = rule(body, destination)
    return body


def encode(body: Body) -> bytes:
    """Raises BadRequest for what JSON of 64 bits cannot say."""
    try:
        return orjson.dumps(body)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise BadRequest(_("The request holds a value that cannot be sent on."), code="invalid_value") from error
