"""Refusals of picture providers: `providers.upstream.error_bodies` with the sentence for pictures."""

from django.utils.translation import gettext_lazy as _

from providers.errors import ProviderError
from providers.http import BlockingResponse
from providers.upstream import error_bodies
from providers.upstream.error_bodies import ErrorBody

REFUSED = _("The provider's safety rules refused this picture.")


def error_for(answer: BlockingResponse, body: ErrorBody | None = None) -> ProviderError:
    """An answer of 400 and above as our error; `body`: its body, where it was read already."""
    body = body or error_bodies.read(answer.content)
    return as_error(body, status=answer.status, wait=error_bodies.wait_of(answer.headers))


def as_error(body: ErrorBody, *, status: int = 0, wait: float | None = None) -> ProviderError:
    """What a provider told, in an answer or in mid-stream (`status` 0: none was given), as our error."""
    return error_bodies.as_error(body, status=status, wait=wait, refused=REFUSED)
