"""A request to a model, and how it is read from a body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.errors import Forbidden
from providers.facts import Caller
from providers.process import waiting
from providers.relay import payload
from providers.relay.forms import Form, ReceivedForm
from providers.relay.operations import OPERATIONS
from providers.sentences import sentence as _

LONGEST_ID = 200  # characters of an id that goes into a header


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """One request. `operation` is a name of the table of operations; `payload["model"]` is a public id, and may be
    missing where the operation has a default model.
    """

    operation: str
    caller: Caller
    payload: dict[str, Any] = field(repr=False)
    raw: bytes | Form | None = field(default=None, repr=False)  # as received; sent where no rule changes `payload`
    chat_id: str = ""
    message_id: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    kind: str = ""  # of the usage record; empty: the name of the operation
    idempotency_key: str = ""  # for operations with a cache
    is_filtered: bool = False  # the filters of pipelines servers have seen it already
    forwarded: Mapping[str, str] = field(default_factory=dict)  # the client's headers that its operation `forwards`

    @property
    def message_ids(self) -> tuple[str, str]:
        """Chat and message that the call is for: this site's own, else what a program names in `metadata`."""
        given = self.payload.get("metadata")
        named = given if isinstance(given, dict) and not self.chat_id else {}
        chat_id, message_id = (named.get(name) for name in ("chat_id", "message_id"))
        return (
            self.chat_id or (chat_id[:LONGEST_ID] if isinstance(chat_id, str) else ""),
            self.message_id or (message_id[:LONGEST_ID] if isinstance(message_id, str) else ""),
        )


def read_request(
    operation: str,
    caller: Caller,
    body: bytes | ReceivedForm,
    cookies: Mapping[str, str],
    *,
    idempotency_key: str = "",
    forwarded: Mapping[str, str] | None = None,
    model: str = "",
) -> RelayRequest:
    """The request in a body; a `model` of the address replaces that of the body.

    Raises Forbidden, before it reads the body, BadRequest, and TooLarge for a file of a form.
    """
    row = OPERATIONS[operation]
    admit(caller, row.scope)
    value, raw = payload.read(row, body, model)
    return RelayRequest(
        operation,
        caller,
        value,
        raw=raw,
        cookies=cookies,
        idempotency_key=idempotency_key,
        forwarded=forwarded or {},
    )


async def read_on_loop(
    operation: str, caller: Caller, body: bytes | ReceivedForm, cookies: Mapping[str, str], **options: Any
) -> RelayRequest:
    """`read_request` for an event loop, which a large body must not block."""
    return await waiting.off_loop(len(body), read_request, operation, caller, body, cookies, **options)


def admit(caller: Caller, scope: str = "inference") -> None:
    """Raise Forbidden unless the caller's key has this scope."""
    if not caller.may(scope):
        raise Forbidden(
            _("This API key may not call models. Use one with the scope “inference”."), code="insufficient_scope"
        )
