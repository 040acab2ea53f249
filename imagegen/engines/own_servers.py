"""The errors that self-hosted servers (AUTOMATIC1111, ComfyUI) and the proxies before them have in common."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

Refusal = tuple[str, Any, bool]  # code, sentence, whether trying again may help

OUT_OF_MEMORY: Refusal = (
    "out_of_memory",
    _("The server's graphics card ran out of memory: a smaller size or fewer pictures may help."),
    False,
)
_BY_STATUS: dict[int, Refusal] = {
    413: ("request_too_large", _("The request is too large for the server."), False),
    429: ("rate_limit_exceeded", _("The server is too busy to take another request."), True),
    502: ("upstream_unavailable", _("A proxy in front of the server cannot reach it."), True),
    503: ("upstream_unavailable", _("A proxy in front of the server cannot reach it."), True),
}
_REFUSED: Refusal = ("refused", _("The server refused the request."), False)
_FAILED: Refusal = ("provider_error", _("The server failed on this request."), False)


def refusal(status: int, own: Mapping[int, Refusal]) -> Refusal:
    """The error for a status of 400 and above; `own` holds what differs for a kind of server."""
    return own.get(status) or _BY_STATUS.get(status) or (_REFUSED if status < 500 else _FAILED)


def is_out_of_memory(kind: str, text: str) -> bool:
    """Whether an error's class or words say that the graphics card is full."""
    return "OutOfMemory" in kind or "out of memory" in text.lower()
