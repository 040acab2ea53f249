"""An engine's row as the engine of its kind and a configuration for it."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Unpack

from django.conf import settings

from imagegen import sizes
from imagegen.engines import ENGINES
from imagegen.engines.base import Engine, EngineConfig
from imagegen.image_request import AUTO
from imagegen.models import ImageEngine
from providers import addresses, auth, catalogue
from providers.errors import BadRequest, ConfigurationError
from providers.http import Limits, Tls
from providers.secrets.pasted import cleaned
from providers.sentences import sentence as _
from providers.upstream import headers
from providers.upstream.header_templates import is_template
from providers.upstream.headers import CallPurpose

SHAPE = re.compile(r"[1-9]\d?:[1-9]\d?")
RESPONSE_BYTES = 512 * 2**20  # the largest response of an upstream: ten large pictures as base64


def engine_of(row: ImageEngine) -> Engine:
    """The engine of this row's kind. Raises ConfigurationError for a kind that no longer exists."""
    if row.kind not in ENGINES:
        raise ConfigurationError(
            _("There is no picture engine of the kind “%(kind)s”.") % {"kind": row.kind}, code="unknown_engine"
        )
    return ENGINES[row.kind]


def check_size(row: ImageEngine) -> None:
    """Raise BadRequest (param `size`) where the row's usual size is `auto` and its model has no such size.

    Any other size that its model cannot draw is left out of calls: models change more often than rows.
    """
    if row.size == AUTO and row.kind in ENGINES:
        config = EngineConfig(url=row.url, model=row.model, capabilities=row.capabilities, options=row.options)
        if problem := ENGINES[row.kind].capabilities(config).size_problem(AUTO):
            raise BadRequest(problem, param="size", code="not_supported")


def size_of_shape(row: ImageEngine, shape: object, model: str) -> str:
    """The size of this engine's model that is nearest to a `W:H`; empty without one. Raises BadRequest for no shape."""
    if not isinstance(shape, str) or not SHAPE.fullmatch(shape):
        raise BadRequest(_("Write the shape as 3:2."), param="shape")
    config = config_of(row)
    return sizes.of_shape(engine_of(row).capabilities(config, model), shape, config.size)


def config_of(row: ImageEngine, **purpose: Unpack[CallPurpose]) -> EngineConfig:
    """The row's values for its engine; with a connection, that connection's address, authentication and TLS rules.

    `purpose`: the caller, the chat and the message that the calls are for, as far as there are any.
    """
    if not row.has_address:
        raise ConfigurationError(
            _("The picture engine “%(name)s” has neither a connection nor an address.")
            % {"name": row.name or row.kind},
            code="no_address",
        )
    limits = Limits(connect=10, first_byte=row.timeout, idle=row.timeout, total=None, max_bytes=RESPONSE_BYTES)
    values: dict[str, Any] = {
        "url": row.url.rstrip("/"),
        "secret": cleaned(row.secret),
        "version": row.version,
        "method": row.method,
        "model": row.model,
        "size": row.size,
        "steps": row.steps,
        "params": row.params,
        "workflow": row.workflow,
        "nodes": tuple(row.nodes),
        "capabilities": row.capabilities,
        "dropped": frozenset(row.dropped),
        "options": row.options,
        "headers": headers.filled(row.headers, **purpose),
        "site_headers": headers.attribution(row.url, addresses.known_site_origin, addresses.site_name),
        "user_headers": headers.user_headers(addresses.site_name, **purpose),
        "secret_headers": _secret_names(row.headers),
        "limits": limits,
        "tls": Tls(verify=row.verify_tls and settings.UPSTREAM_VERIFY_TLS, ca_file=row.ca_file),
    }
    if row.connection_id is not None:
        values |= _from_connection(row.connection_id, row.headers, purpose)
    return EngineConfig(**values)


def _secret_names(custom: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name.lower() for name, value in custom.items() if not is_template(value))


def _from_connection(connection_id: int, custom: Mapping[str, str], purpose: CallPurpose) -> Mapping[str, Any]:
    facts = catalogue.snapshot_blocking().connections.get(connection_id)
    if facts is None:
        raise ConfigurationError(_("The connection behind this picture engine is switched off."), code="connection_off")
    call: CallPurpose = {**purpose, "content_type": ""}  # the engine's body is JSON or a form
    return {
        "url": facts.base_url,
        "connection_kind": facts.kind,
        "secret": "",
        "site_headers": {},  # among those of `auth`
        "secret_headers": _secret_names(custom) | _secret_names(facts.headers),
        "version": facts.api_version,
        "auth": partial(headers.headers_for_blocking, facts, **call),
        "own_credential": auth.needs_user(facts.auth_type),
        "tls": facts.tls,
    }
