"""The body of a request: read and checked, rewritten for a source, and encoded again, as JSON or as a form.

The row of the operation in `providers.relay.operations` names the checks and rules of `providers.relay.rules`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from providers import json_bodies
from providers.dialects.translation import AskedModel, Translation
from providers.errors import BadRequest
from providers.facts import Caller, Route, Source
from providers.matching import variables
from providers.process import waiting
from providers.relay import forms
from providers.relay.forms import Form, ReceivedForm
from providers.relay.operations import BY_DIALECT, Operation
from providers.relay.rules import Body, Destination, for_pipeline, is_reasoning, without
from providers.relay.serializers import JSON
from providers.sentences import sentence as _
from providers.upstream import kinds


def read(operation: Operation, body: bytes | ReceivedForm, model: str = "") -> tuple[Body, bytes | Form | None]:
    """A body as an object, and what may be sent unchanged. `model` replaces that of the body.

    Raises BadRequest, and TooLarge for a file of a form.
    """
    return _read_form(body, model) if isinstance(body, ReceivedForm) else _read_json(operation, body, model)


def _read_form(body: ReceivedForm, model: str) -> tuple[Body, Form]:
    form = forms.read(body)
    if model:
        form = form.with_fields({"model": model})
    return form.fields, form


def _read_json(operation: Operation, body: bytes, model: str) -> tuple[Body, bytes | None]:
    payload, raw = json_bodies.parse_and_keep(body)
    if not isinstance(payload, dict):
        raise BadRequest(_("The body of the request must be a JSON object."), code="invalid_json")
    alias = operation.model_alias
    if alias and not payload.get("model") and payload.get(alias):
        others = {name: value for name, value in payload.items() if name not in ("model", alias)}
        payload, raw = {"model": payload[alias], **others}, None
    if model and payload.get("model") != model:
        payload, raw = {**payload, "model": model}, None
    return payload, raw


def rewrite(
    operation: Operation,
    payload: Body,
    *,
    route: Route,
    source: Source,
    caller: Caller,
    translation: Translation | None = None,
    changed: list[str] | None = None,
    cookies: Mapping[str, str] = MappingProxyType({}),
) -> Body:
    """The body for a source, in the form of its connection; the same object where no rule changes anything.
    `changed` gets the names of those that do. `cookies` are those of the caller's browser.

    Raises BadRequest (`logit_bias`, and what the other form cannot say).
    """
    changed = [] if changed is None else changed
    body = operation.add_params(payload, route.params, operation.preset_params)
    if body is not payload:
        changed.append("params")
    if route.system_prompt:
        body = operation.add_prompt(body, variables.filled_in(route.system_prompt, caller, cookies))
        changed.append("system_prompt")
    if body.get("model") != source.upstream_id:
        body = {**body, "model": source.upstream_id}
        changed.append("model")
    if translation is not None:
        body = translation.request(body, _model(source))
        operation = BY_DIALECT[translation.dialect]
        changed.append("translation")
    if source.raw.get("pipeline"):
        body = for_pipeline(body, caller)
        changed.append("user")
    destination = Destination(source.upstream_id, source.connection)
    for rule in operation.rewrites:
        before, body = body, rule(body, destination)
        if body is not before:
            changed.append(rule.__name__)
    connection = source.connection
    if operation.media_type != JSON:
        return body  # of a form, only the model is replaced
    if source.unknown or connection.dropped_params or route.dropped_params:
        before, body = body, without(body, {*source.unknown, *connection.dropped_params, *route.dropped_params})
        if body is not before:
            changed.append("dropped_params")
    if source.refused and (values := {name for name, value in tuple(source.refused) if _is_sent(body, name, value)}):
        body = without(body, values)
        changed.append("refused_values")
    if connection.extra_params or route.extra_params:
        body = {**body, **connection.extra_params, **route.extra_params}
        changed.append("extra_params")
    return body


def _is_sent(body: Body, name: str, value: str) -> bool:
    """Whether the body has this value, given as JSON."""
    return name in body and json_bodies.dumps(body[name]).decode() == value


def _model(source: Source) -> AskedModel:
    """The model as translations know it. What its list says of reasoning counts, else its name."""
    raw = source.raw
    listed = [value for name in ("supported_parameters", "capabilities") if isinstance(value := raw.get(name), list)]
    reasons = any(word in words for words in listed for word in ("reasoning", "reasoning_effort", "thinking"))
    named = kinds.of(source.connection).has_reasoning_names and is_reasoning(source.upstream_id)
    return AskedModel(source.upstream_id, raw, reasons or named)


async def encode(body: Body, received: bytes | Form | None) -> bytes | Form:
    """The body as JSON, or as the form that it was made of; `received` is what it was made of.

    Raises BadRequest for values that JSON cannot hold.
    """
    if isinstance(received, Form):
        return received.with_fields(body)
    size = size_of(body) if received is None else len(received)
    return await waiting.off_loop(size, json_bodies.dumps, body)


def size_of(body: Body) -> int:
    """About as many bytes as the JSON will have; counted only until they are many."""
    size, values = 0, [body]
    while values and size <= waiting.LARGE:
        value: Any = values.pop()
        size += len(value) if isinstance(value, str) else 16
        if isinstance(value, dict | list):
            values.extend(value.values() if isinstance(value, dict) else value)
    return size
