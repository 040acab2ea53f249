"""A request's body on its way through the gateway: read, checked, rewritten for a source, and written again.

What is checked and what changes is the operation's: `providers.relay.operations` names the functions of
`providers.relay.rules`.
"""

from django.utils.translation import gettext_lazy as _

from providers import json_bodies
from providers.errors import BadRequest
from providers.facts import Caller, Route, Source
from providers.relay.operations import Operation
from providers.relay.rules import Body, Destination, with_params, with_user


def read(operation: Operation, body: bytes) -> tuple[Body, bytes | None]:
    """A request's body as a checked object, and as bytes that may go on unchanged. Raises BadRequest, naming what is
    wrong."""
    payload, raw = json_bodies.parse_and_keep(body)
    if not isinstance(payload, dict):
        raise BadRequest(_("The body of the request must be a JSON object."), code="invalid_json")
    operation.check(payload)
    return payload, raw


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
    """Raises BadRequest for what JSON cannot say."""
    return json_bodies.dumps(body)
