"""Error responses: in the shapes of OpenAI, Ollama and Anthropic on their paths, `{"detail", "code"}` elsewhere.

The lane and the views both answer through `error_response`, so they cannot differ. Errors in others' shapes are in
English whatever language a browser asks for: programs read them, and the lane knows no language.
"""

import logging
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from django.core.exceptions import (
    BadRequest as DjangoBadRequest,
)
from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    SynchronousOnlyOperation,
)
from django.http import Http404, HttpResponse
from django.utils import translation
from rest_framework import exceptions as drf

from providers import json_bodies
from providers.dialects import anthropic_errors
from providers.errors import (
    BadRequest,
    CallerError,
    Forbidden,
    GatewayError,
    NotFound,
    RateLimited,
    TooLarge,
    Unauthenticated,
)
from providers.process import outages
from providers.sentences import sentence as _

OPENAI_PATHS = ("/v1/", "/openai/", "/ollama/v1/", "/api/chat/completions/")
OLLAMA_PATHS = ("/ollama/",)  # but those of OpenAI's protocol among them
ANTHROPIC_ENDS = ("/messages", "/messages/count_tokens")  # of OpenAI's paths, where Anthropic's clients call
ANTHROPIC_VERSION = "anthropic-version"  # the header of Anthropic's clients; both protocols have the list of models
MODELS = re.compile(r"/v1/models(?:/|$)")
CHALLENGE = 'Bearer realm="api"'

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An error response, ready to be sent. `headers` have lower-case names; content type and length are among them."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def asks_as_anthropic(request: Any) -> bool:
    """Whether a request of Django's for models comes from one of Anthropic's clients."""
    return ANTHROPIC_VERSION in request.headers and MODELS.search(request.path) is not None


def error_response(
    error: BaseException, path: str, *, for_admin: bool = False, is_anthropic: bool = False
) -> ErrorResponse:
    """The response to a request for `path` that failed with `error`. An unexpected error is logged: a 500.

    `for_admin`: whether its reader looks after keys and bills; programs on OpenAI's paths always get the cause.
    `is_anthropic`: whether it `asks_as_anthropic`, where the path does not say so.
    """
    shaped = anthropic_shape if is_anthropic else _shape_of(path)
    with translation.override("en" if shaped is not None else translation.get_language()):
        ours = gateway_error(error)
        if ours is None:
            logger.error("A request for %s failed", path, exc_info=error)
            ours = GatewayError(_("Something went wrong on this site."))
        shape = shaped(ours) if shaped is not None else {**ours.for_reader(for_admin=for_admin), **_fields(error)}
        body = orjson.dumps(json_bodies.clean(shape))
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    if ours.status == 401:
        headers.append(("www-authenticate", CHALLENGE))
    if ours.retry_after is not None:
        headers.append(("retry-after", str(math.ceil(ours.retry_after))))
    return ErrorResponse(ours.status, (*headers, *ours.headers), body)


def _shape_of(path: str) -> Callable[[GatewayError], dict[str, Any]] | None:
    """What makes the body of an error for the clients of this path; None where it is this site's own."""
    if f"{path}/".startswith(OPENAI_PATHS):
        return anthropic_shape if path.rstrip("/").endswith(ANTHROPIC_ENDS) else GatewayError.openai_body
    return GatewayError.ollama_body if f"{path}/".startswith(OLLAMA_PATHS) else None


def anthropic_shape(error: GatewayError) -> dict[str, Any]:
    """The body of an error for Anthropic's clients."""
    return anthropic_errors.body_of(error.status, error.full_message)


def openai_frame(error: GatewayError) -> bytes:
    """The event of a stream on which OpenAI's clients raise."""
    return b"data: " + openai_body(error) + b"\n\n"


def responses_frame(error: GatewayError) -> bytes:
    """The event of a response's stream: OpenAI's clients raise on `error`, others read the members beside it."""
    with translation.override("en"):
        body = error.openai_body()
        shown = {"type": "error", **{name: body["error"][name] for name in ("code", "message", "param")}, **body}
        return b"event: error\ndata: " + orjson.dumps(json_bodies.clean(shown)) + b"\n\n"


def event_for(path: str) -> Callable[[GatewayError], bytes]:
    """What makes the event of an error, in a stream of events for the clients of this path."""
    return anthropic_frame if _shape_of(path) is anthropic_shape else openai_frame


def anthropic_frame(error: GatewayError) -> bytes:
    """The event of a stream on which Anthropic's clients raise."""
    with translation.override("en"):
        return anthropic_errors.frame_of(error.status, error.full_message)


def openai_body(error: GatewayError) -> bytes:
    """An error in OpenAI's shape, as bytes."""
    with translation.override("en"):
        return orjson.dumps(json_bodies.clean(error.openai_body()))


def ollama_body(error: GatewayError) -> bytes:
    """An error in Ollama's shape, as bytes."""
    with translation.override("en"):
        return orjson.dumps(json_bodies.clean(error.ollama_body()))


def handle_exception(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """Django REST framework's exception handler."""
    request = context["request"]
    path, is_anthropic = request.path, asks_as_anthropic(request)
    response = error_response(error, path, for_admin=_is_for_admin(request, path), is_anthropic=is_anthropic)
    if isinstance(error, drf.MethodNotAllowed):
        allowed = context["view"].allowed_methods
        response = ErrorResponse(response.status, (*response.headers, ("allow", ", ".join(allowed))), response.body)
    return django_response(response)


def _is_for_admin(request: Any, path: str) -> bool:
    """Whether an administrator reads the error. Nobody is looked up for a text that is the same for everybody."""
    if _shape_of(path) is not None:
        return False
    try:
        return bool(getattr(request.user, "is_superuser", False))
    except (GatewayError, drf.APIException, SynchronousOnlyOperation):  # nobody is signed in; the last: on a loop
        return False


def django_response(response: ErrorResponse) -> HttpResponse:
    return HttpResponse(response.body, status=response.status, headers=dict(response.headers))


def gateway_error(error: BaseException) -> GatewayError | None:
    """The GatewayError for an exception of ours, Django's or Django REST framework's; None for an unexpected one."""
    match error:
        case GatewayError():
            return error
        case drf.NotAuthenticated():
            return anonymous()
        case drf.AuthenticationFailed():
            return Unauthenticated(str(error.detail))
        case drf.PermissionDenied() | PermissionDenied():
            return Forbidden(_plain(error) or _("You may not do this."))
        case drf.NotFound() | Http404() | ObjectDoesNotExist():
            return NotFound(_("There is nothing at this address."))
        case RequestDataTooBig():
            return too_large()
        case drf.ValidationError():
            return BadRequest(_sentence(error.detail), code="invalid", param=_first_field(error.detail))
        case drf.Throttled():
            return RateLimited(str(error.detail), retry_after=getattr(error, "wait", None))
        case drf.APIException() if error.status_code < 500:  # 405, 406, 415
            return CallerError(str(error.detail), code=str(error.default_code), status=error.status_code)
        case SuspiciousOperation() | DjangoBadRequest():
            return BadRequest(_("The request cannot be understood."))
        case _:
            return outages.of(error)


def anonymous() -> Unauthenticated:
    return Unauthenticated(_("Sign in, or send an API key."))


def too_large() -> TooLarge:
    return TooLarge(_("The request body is too large for this site."))


def _plain(error: BaseException) -> str:
    return str(error.detail) if isinstance(error, drf.PermissionDenied) else ""


def _fields(error: BaseException) -> dict[str, Any]:
    """The errors by field, for forms."""
    if isinstance(error, drf.ValidationError) and isinstance(error.detail, dict):
        return {"errors": _texts(error.detail)}
    return {}


def _texts(detail: Any) -> Any:
    if isinstance(detail, dict):
        return {str(name): _texts(value) for name, value in detail.items()}
    if isinstance(detail, list | tuple):
        return [_texts(value) for value in detail]
    return str(detail)


def _sentence(detail: Any) -> str:
    """The first error, with the name of its field."""
    if isinstance(detail, dict):
        name, value = next(iter(detail.items()))
        return _sentence(value) if name == "non_field_errors" else f"{name}: {_sentence(value)}"
    if isinstance(detail, list | tuple):
        return _sentence(detail[0]) if detail else ""
    return str(detail)


def _first_field(detail: Any) -> str | None:
    name = next(iter(detail), None) if isinstance(detail, dict) else None
    return None if name == "non_field_errors" else name
