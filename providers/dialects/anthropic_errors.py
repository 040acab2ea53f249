"""Errors in Anthropic's form: docs/upstreams/anthropic.md, “Errors”."""

from typing import Any

import orjson

from providers import json_bodies

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def type_of(status: int) -> str:
    """Anthropic's name for errors with this status."""
    return _TYPES.get(status) or ("invalid_request_error" if status < 500 else "api_error")


def body_of(status: int, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type_of(status), "message": message}}


def frame_of(status: int, message: str) -> bytes:
    """The error as an event of a stream that has begun."""
    return event("error", body_of(status, message))


def event(name: str, value: Any) -> bytes:
    """One event of a stream, as Anthropic writes it."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(json_bodies.clean(value)))
