"""The values of tool servers, and what a client of a kind is. Imports no library of a kind."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from providers import http
from providers.errors import NoCredential
from providers.sentences import sentence as _

KEY, GRANT = "key", "grant"  # values of `ToolEndpoint.auth`
MAX_BYTES = 8 * 2**20  # of one response of a server
MAX_PICTURES = 4  # of one result
MAX_PICTURE_CHARACTERS = 14_000_000  # of one picture in base64
MAX_TEXT = 200_000  # characters of a result's text that are kept; the model is told fewer


@dataclass(frozen=True, slots=True)
class ToolEndpoint:
    """One tool server, as calls need it."""

    id: int
    name: str
    kind: str
    url: str
    command: str
    auth: str  # one of `ToolServer.Auth`
    secret: str = field(repr=False)
    client_id: str
    headers: Mapping[str, str] = field(repr=False)
    tls: http.Tls
    seconds: float  # that one call may take

    @property
    def limits(self) -> http.Limits:
        return http.Limits(
            connect=10, first_byte=self.seconds, idle=self.seconds, total=self.seconds, max_bytes=MAX_BYTES
        )

    @property
    def bearer(self) -> str:
        """The key that the server itself gets. The secret of an OAuth client is for the authorization server alone."""
        return self.secret if self.auth == KEY else ""

    @property
    def secrets(self) -> http.Secrets:
        return self.secrets_with(None)

    def secrets_with(self, grant: "Grant | None", *, only_errors: bool = False) -> http.Secrets:
        """The secrets of a call with this grant."""
        keys = [self.secret, *(grant.secrets if grant is not None else ())]
        return http.secrets_of(keys, tuple(self.headers.items()), self.url, only_errors=only_errors)


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as its server describes it, checked. `request` is the kind's own, such as method and path."""

    name: str
    title: str
    description: str
    parameters: Mapping[str, Any]
    request: Mapping[str, Any] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        names = ("name", "title", "description", "parameters", "request")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a call: its text, its pictures as data URLs, and whether the tool says that it failed."""

    text: str
    pictures: Sequence[str] = ()
    is_error: bool = False


@dataclass(slots=True)
class Grant:
    """A person's own grant at a server: what is stored of it, and how it is stored anew when it was renewed.

    `values` holds `tokens`, `client`, `metadata` (JSON texts) and `expires` (seconds since 1970, or None). Who renews
    it does so within `renewing`, which waits while somebody else does, and then sets `values` as they are stored.
    """

    values: dict[str, Any]
    save: Callable[[dict[str, Any]], Awaitable[None]]
    renewing: Callable[[], AbstractAsyncContextManager[None]] = nullcontext

    @property
    def secrets(self) -> list[str]:
        """The person's tokens, and the secret of the client that was registered for them."""
        secrets: list[str] = []
        for part, names in (("tokens", ("access_token", "refresh_token")), ("client", ("client_secret",))):
            stored = json.loads(self.values.get(part) or "{}")
            secrets += [str(stored[name]) for name in names if stored.get(name)]
        return secrets


class ToolClient(Protocol):
    """What each kind's client offers. Both raise GatewayError, and return within `server.seconds`."""

    async def list_tools(self, server: ToolEndpoint, grant: Grant | None) -> list[ListedTool]: ...

    async def call(
        self, server: ToolEndpoint, grant: Grant | None, tool: ListedTool, arguments: Mapping[str, Any]
    ) -> ToolResult: ...


def not_connected(server: ToolEndpoint) -> NoCredential:
    message = _("You are not connected to “%(name)s”. Connect under Settings, Tools, then try again.")
    return NoCredential(message % {"name": server.name}, code="tool_server_not_connected")
