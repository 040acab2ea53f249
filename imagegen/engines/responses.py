"""Responses of picture providers that are JSON, with the pictures in them as bytes."""

from typing import Any

from imagegen import embedded
from providers.errors import ProviderError
from providers.sentences import sentence as _
from providers.upstream import error_bodies


def read(content: bytes | bytearray) -> Any:
    """The parsed JSON; long base64 texts that are pictures are `Embedded`. Raises ProviderError (`invalid_answer`)."""
    try:
        return embedded.loads(content)
    except ValueError as error:
        provider = error_bodies.provider_words(bytes(content))
        message = _("The provider's answer is not JSON.")
        raise ProviderError(message, code="invalid_answer", provider=provider) from error


def as_object(value: Any) -> dict[str, Any]:
    """The parsed response, when it is an object. Raises ProviderError (`invalid_answer`) otherwise."""
    if isinstance(value, dict):
        return value
    raise ProviderError(_("The provider's answer has another form than expected."), code="invalid_answer")


def number(value: object) -> float | None:
    """A number of a response; None for anything else, also for true and false, which Python counts as numbers."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
