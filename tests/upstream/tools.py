"""A real MCP server of the official SDK, on a loopback port or on stdio (`python -m tests.upstream.tools`).

server = ToolServerProcess().start()            # tests/chat/conftest: the fixture `mcp_server`
server.url                                      # streamable HTTP
server.calls                                    # (tool, arguments, Authorization)
guarded = ToolServerProcess(guarded=True)       # asks for a grant (OAuth), and gives everybody one
guarded.grants.ended                            # access tokens that do not count any more
"""

import asyncio
import base64
import secrets
import threading
import time
from typing import Any

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl

from tests.upstream.core import unused_port

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Grants:
    """An authorization server that asks nobody: whoever comes gets a code."""

    def __init__(self) -> None:
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.refreshes: dict[str, RefreshToken] = {}
        self.renewed = 0

    def end_all(self) -> None:
        """All access tokens end; they can be renewed."""
        self.tokens.clear()

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        code = AuthorizationCode(
            code=secrets.token_urlsafe(24),
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(self, client: Any, authorization_code: str) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(self, client: Any, authorization_code: AuthorizationCode) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._token(client.client_id)

    async def load_refresh_token(self, client: Any, refresh_token: str) -> RefreshToken | None:
        return self.refreshes.get(refresh_token)

    async def exchange_refresh_token(self, client: Any, refresh_token: RefreshToken, scopes: list[str]) -> OAuthToken:
        del self.refreshes[refresh_token.token]
        self.renewed += 1
        return self._token(client.client_id)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.tokens.get(token)

    async def revoke_token(self, token: Any) -> None:
        self.tokens.pop(token.token, None)

    def _token(self, client_id: str) -> OAuthToken:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.tokens[access] = AccessToken(token=access, client_id=client_id, scopes=[], expires_at=None)
        self.refreshes[refresh] = RefreshToken(token=refresh, client_id=client_id, scopes=[])
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=3600)


def make_server(**options: Any) -> MCPServer:
    server = MCPServer("Desk", log_level="ERROR", **options)

    @server.tool(title="Add up")
    def add(a: int, b: int) -> str:
        """Adds two numbers."""
        return f"The sum is {a + b}."

    @server.tool()
    def draw() -> Image:
        """Draws a pixel."""
        return Image(data=PIXEL, format="png")

    @server.tool()
    def fail(times: int = 1) -> str:
        """Always fails."""
        raise ToolError(" ".join(["no paper left"] * times))

    @server.tool()
    def repeat(text: str) -> str:
        """Says it again."""
        return text

    @server.tool()
    def talk() -> str:
        """Says very much."""
        return "word " * 100_000

    @server.tool()
    async def hang() -> str:
        """Never answers."""
        await asyncio.sleep(60)
        return "late"

    return server


class ToolServerProcess:
    """The server in a thread of the test's process."""

    def __init__(self, *, guarded: bool = False) -> None:
        self.port = unused_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.origin}/mcp"
        self.grants = Grants()
        self.headers: list[dict[str, str]] = []  # of each request
        options: dict[str, Any] = {}
        if guarded:
            options = {
                "auth_server_provider": self.grants,
                "auth": AuthSettings(
                    issuer_url=AnyHttpUrl(self.origin),
                    resource_server_url=AnyHttpUrl(self.url),
                    client_registration_options=ClientRegistrationOptions(enabled=True),
                    validate_token_resource=False,
                ),
            }
        self._app = make_server(**options).streamable_http_app(json_response=False)
        config = uvicorn.Config(
            self._noting, port=self.port, interface="asgi3", log_config=None, timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="tool server", daemon=True)

    async def _noting(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await self._app(scope, receive, send)

    def _run(self) -> None:
        asyncio.run(self._server.serve())

    def start(self) -> "ToolServerProcess":
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(5)


if __name__ == "__main__":
    make_server().run("stdio")
