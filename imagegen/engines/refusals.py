"""Refusals of picture providers: `providers.upstream.error_bodies` with the sentence for pictures."""

from providers.errors import ProviderError
from providers.http import BlockingResponse
from providers.sentences import sentence as _
from providers.upstream import error_bodies
from providers.upstream.error_bodies import ErrorBody

REFUSED = _("The provider's safety rules refused this picture.")


def error_for(response: BlockingResponse, body: ErrorBody | None = None) -> ProviderError:
    """A response of 400 and above as our error; `body`: its body, where it was read already."""
    body = body or error_bodies.read(response.content)
    return as_error(body, status=response.status, wait=error_bodies.wait_after(response.status, response.headers))


def as_error(body: ErrorBody, *, status: int = 0, wait: float | None = None) -> ProviderError:
    """The error in a provider's body as our error; `status` 0 for one in the middle of a stream."""
    return error_bodies.as_error(body, status=status, wait=wait, refused=REFUSED)


def with_reason(reason: str, text: str) -> str:
    """A provider's code of a reason and its words, as one text; either may be empty."""
    return f"{reason}: {text}" if reason and text else reason or text
