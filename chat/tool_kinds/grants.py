"""A person's own grant at an MCP server: the SDK finds the authorization server, registers, and renews (OAuth, PKCE).

https://modelcontextprotocol.io/specification/draft/basic/authorization. What is stored of a grant is enough to renew
it: tokens, the client that was registered, and what the authorization server said of itself.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import Any, NoReturn, TypeVar

from mcp.client.auth import OAuthClientProvider, OAuthFlowError, OAuthRegistrationError, OAuthTokenError
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyUrl, BaseModel, ValidationError

from chat.tool_kinds import listing
from chat.tool_kinds.base import Grant, ToolEndpoint, not_connected
from providers import http
from providers.errors import GatewayError, ProviderError, UpstreamTimeout
from providers.http import for_libraries
from providers.sentences import sentence as _

M = TypeVar("M", bound=BaseModel)
OF_GRANTS = (OAuthFlowError, OAuthRegistrationError, OAuthTokenError)
EARLY = 30.0  # seconds before its end that a token is renewed
ASK_SECONDS = 20.0  # until the address for the person's consent is known
HELLO = {  # the request that a server refuses without a token: the SDK then begins
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "webui", "version": "1"},
    },
}


class _Storage:
    """What the SDK stores and reads, in a `Grant`."""

    def __init__(self, server: ToolEndpoint, grant: Grant) -> None:
        self._server, self._grant = server, grant
        self.provider: _Provider | None = None

    @property
    def expires(self) -> float | None:
        """When the token has to be renewed; None where it need not, or cannot be."""
        tokens = _read(OAuthToken, self._grant.values.get("tokens"))
        return self._grant.values.get("expires") if tokens is not None and tokens.refresh_token else None

    def renewing(self) -> AbstractAsyncContextManager[None]:
        return self._grant.renewing()

    async def get_tokens(self) -> OAuthToken | None:
        return _read(OAuthToken, self._grant.values.get("tokens"))

    async def set_tokens(self, tokens: OAuthToken) -> None:
        expires = time.time() + tokens.expires_in - EARLY if tokens.expires_in is not None else None
        await self._keep(tokens=tokens.model_dump_json(), expires=expires)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        if self._server.client_id:
            secret = self._server.secret or None
            method = "client_secret_post" if secret else "none"
            return OAuthClientInformationFull(
                client_id=self._server.client_id, client_secret=secret, token_endpoint_auth_method=method
            )
        return _read(OAuthClientInformationFull, self._grant.values.get("client"))

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        await self._keep(client=client_info.model_dump_json())

    async def _keep(self, **values: Any) -> None:
        self._grant.values |= values
        context = self.provider.context if self.provider is not None else None
        if context is not None and context.oauth_metadata is not None:
            self._grant.values["metadata"] = context.oauth_metadata.model_dump_json()
        if context is not None and context.protected_resource_metadata is not None:
            self._grant.values["resource"] = context.protected_resource_metadata.model_dump_json()
        if self._grant.values.get("tokens"):
            await self._grant.save(dict(self._grant.values))


class _Provider(OAuthClientProvider):
    """The SDK's provider. A token that has ended is renewed by one call at a time: of two that send the same refresh
    token, an authorization server that rotates them refuses the second, or ends the grant as a stolen one.
    """

    def __init__(self, url: str, metadata: OAuthClientMetadata, storage: _Storage, send_to: Any, answer: Any) -> None:
        super().__init__(url, metadata, storage, redirect_handler=send_to, callback_handler=answer)
        self._grant_storage = storage

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        storage = self._grant_storage
        async with AsyncExitStack() as stack:
            if storage.expires is not None and storage.expires < time.time():
                await stack.enter_async_context(storage.renewing())
                self.context.current_tokens = await storage.get_tokens()  # perhaps somebody else has renewed them
                self.context.client_info = await storage.get_client_info()
                self.context.token_expiry_time = storage.expires
            flow = super().async_auth_flow(request)
            try:
                sent = await anext(flow)
                while True:
                    sent = await flow.asend((yield sent))
            except StopAsyncIteration:
                return
            finally:
                await flow.aclose()


def transport(server: ToolEndpoint, grant: Grant | None) -> for_libraries.Transport:
    """What carries the calls of a session. The person's tokens are cleaned from what the server says; from answers of
    an authorization server, which gives tokens out, only where they are errors.
    """

    def secrets(is_server: bool) -> http.Secrets:
        return server.secrets_with(grant, only_errors=not is_server)

    return for_libraries.Transport(server.url, server.limits, server.tls, secrets)


def provider(
    server: ToolEndpoint,
    grant: Grant,
    *,
    callback: str = "",
    send_to: Callable[[str], Awaitable[None]] | None = None,
    answer: Callable[[], Awaitable[AuthorizationCodeResult]] | None = None,
) -> OAuthClientProvider:
    """The SDK's provider for a stored grant; with `send_to` and `answer` one that may ask the person anew."""

    async def refuse(*_address: str) -> NoReturn:
        raise not_connected(server)

    storage = _Storage(server, grant)
    metadata = OAuthClientMetadata(
        redirect_uris=[AnyUrl(callback or "https://localhost/")],
        client_name="webui",
        grant_types=["authorization_code", "refresh_token"],
        application_type="web",
    )
    made = _Provider(server.url, metadata, storage, send_to or refuse, answer or refuse)
    # The SDK does not read these from a store: without them it would not know when to renew, nor where.
    made.context.token_expiry_time = grant.values.get("expires")
    made.context.oauth_metadata = _read(OAuthMetadata, grant.values.get("metadata"))
    made.context.protected_resource_metadata = _read(ProtectedResourceMetadata, grant.values.get("resource"))
    if made.context.protected_resource_metadata is not None:
        servers = made.context.protected_resource_metadata.authorization_servers
        made.context.auth_server_url = str(servers[0]) if servers else None
    storage.provider = made
    return made


class Consent:
    """One way to a grant: the person is sent to the authorization server, and comes back with a code."""

    def __init__(self, server: ToolEndpoint, grant: Grant, callback: str) -> None:
        self.server, self._grant = server, grant
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._code: asyncio.Future[AuthorizationCodeResult] = asyncio.get_running_loop().create_future()
        self._auth = provider(server, grant, callback=callback, send_to=self._send_to, answer=self._answer)

    async def run(self) -> None:
        """From the first request to stored tokens. `address` is set on the way; raises GatewayError."""
        carrier = transport(self.server, self._grant)
        headers = {"Accept": "application/json, text/event-stream", **self.server.headers}
        try:
            async with (
                for_libraries.client(carrier, headers=headers, auth=self._auth) as client,
                client.stream("POST", self.server.url, json=HELLO),
            ):
                pass
        except (*OF_GRANTS, ValidationError, for_libraries.HTTPError, ValueError, RuntimeError) as error:
            failure = carrier.failure or _failure(error)
            self._fail(failure)
            raise failure from error
        except GatewayError as error:
            self._fail(error)
            raise
        if not self.address.done():
            unasked = ProviderError(_("This tool server does not ask for a grant."), code="no_grant_asked")
            self._fail(unasked)
            raise unasked

    def resolve(self, *, code: str, state: str, issuer: str) -> None:
        """The person came back."""
        if not self._code.done():
            self._code.set_result(AuthorizationCodeResult(code=code, state=state, iss=issuer or None))

    def refuse(self, words: str) -> None:
        """The person came back without a code."""
        if not self._code.done():
            text = _("The tool server was not allowed to be used.")
            self._code.set_exception(ProviderError(text, provider=listing.line(words, 300), code="grant_refused"))

    async def asked(self) -> str:
        """The address for the person's consent."""
        try:
            return await asyncio.wait_for(asyncio.shield(self.address), ASK_SECONDS)
        except TimeoutError as error:
            raise UpstreamTimeout(_("The tool server took too long to answer.")) from error

    async def _send_to(self, address: str) -> None:
        if not address.startswith(("https://", "http://")):
            raise ProviderError(_("The address for your consent is not usable."), code="bad_consent_address")
        if not self.address.done():
            self.address.set_result(address)

    async def _answer(self) -> AuthorizationCodeResult:
        return await self._code

    def _fail(self, error: GatewayError) -> None:
        if not self.address.done():
            self.address.set_exception(error)
            self.address.exception()  # read, should nobody wait for it


def _failure(error: Exception) -> ProviderError:
    words = listing.line(str(error), 300)
    return ProviderError(_("The grant could not be had."), provider=words, code="grant_failed")


def _read(model: type[M], text: Any) -> M | None:
    """The value of a stored JSON text; None without one, or for one of another version."""
    with suppress(ValidationError):
        return model.model_validate_json(text) if text else None
    return None
