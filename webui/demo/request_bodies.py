"""The request bodies that the demo understands, and its refusal of others."""

import io
from collections.abc import Mapping
from typing import Any

from providers import json_bodies
from providers.errors import GatewayError
from providers.relay import forms


class Refused(Exception):
    """The refusal of a request: HTTP status and OpenAI's error object."""

    def __init__(self, status: int, message: str, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def payload_in(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body. Raises Refused."""
    try:
        payload = json_bodies.parse_response(body)
    except ValueError as error:
        raise Refused(400, "The body is not JSON.", "invalid_json") from error
    if not isinstance(payload, dict):
        raise Refused(400, "The body must be a JSON object.", "invalid_json")
    return payload


def form_in(body: bytes, content_type: str) -> dict[str, Any]:
    """The texts of a form, and the parts that are files. Raises Refused."""
    try:
        form = forms.read(forms.ReceivedForm(io.BytesIO(body), content_type, len(body)))
    except GatewayError as error:
        raise Refused(400, error.message, error.code) from error
    return {**form.fields, **{part.name: part for part in form.parts if part.is_file}}


def filled(payload: Mapping[str, Any], name: str, *kinds: type) -> Any:
    """A member that must be there, of one of these types and not empty. Raises Refused."""
    value = payload.get(name)
    if not isinstance(value, kinds) or not value:
        raise Refused(400, f"“{name}” is missing, empty or of the wrong type.", "invalid_value", name)
    return value


def wants_stream(payload: Mapping[str, Any]) -> bool:
    return payload.get("stream") is True


def messages_in(given: str | list[Any], instructions: object = None) -> list[Any]:
    """The `input` of a response as messages; unknown items are left out."""
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    messages = [item for item in items if isinstance(item, dict) and item.get("type", "message") == "message"]
    system = {"role": "system", "content": instructions}
    return [system, *messages] if isinstance(instructions, str) else messages
