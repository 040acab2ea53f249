"""An httpx2 client for libraries that bring a protocol (MCP) and leave HTTP to such a client: its calls are ours.

Addresses, redirects, certificates, times, sizes and secrets are those of `providers.http.stream`. A library may swallow
what a transport raises: the last error and the last refusal can be read from the transport.
"""

import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
from httpx2 import HTTPError

from providers.errors import GatewayError
from providers.http.policy import Limits, Reach, Tls, origin
from providers.http.redaction import Secrets
from providers.http.streaming import StreamedResponse, stream

__all__ = ["HTTPError", "Transport", "client"]

# Headers of the library's that ours replace, or that belong to one connection.
OWN_HEADERS = frozenset({"host", "accept-encoding", "connection", "content-length", "transfer-encoding", "user-agent"})
REFUSAL_BYTES = 2**16  # of the body of a response with a status from 400, which is read at once


class Transport(httpx2.AsyncBaseTransport):
    """Sends each request with `providers.http.stream`. Origins other than that of `endpoint` must be public ones.

    `secrets` is asked before each request, because tokens are renewed between two, and is told whether the request goes
    to `endpoint` itself. Others may go to a server that gives tokens out.
    """

    def __init__(self, endpoint: str, limits: Limits, tls: Tls, secrets: Callable[[bool], Secrets]) -> None:
        self._endpoint, self._trusted = httpx2.URL(endpoint), origin(endpoint)
        self._limits, self._tls, self._secrets = limits, tls, secrets
        self.failure: GatewayError | None = None  # the last one
        self.refusal: tuple[int, bytes, dict[str, str]] | None = None  # status, body, headers of the last one

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        address = str(request.url)
        call = stream(
            request.method,
            address,
            headers={name: value for name, value in request.headers.items() if name.lower() not in OWN_HEADERS},
            body=await request.aread() or None,
            limits=self._limits,
            tls=self._tls if origin(address) == self._trusted else Tls(),
            reach=Reach.CONFIGURED if origin(address) == self._trusted else Reach.PUBLIC,
            secrets=self._secrets(request.url == self._endpoint),
            unpacked=True,
            redirects=True,
        )
        try:
            response = await call.__aenter__()
            if response.status < 400:
                body = _Body(self, call, response)
                return httpx2.Response(response.status, headers=response.headers, stream=body)
            content = await response.beginning(REFUSAL_BYTES)
        except GatewayError as error:
            self.failure = error
            raise
        await call.__aexit__()
        self.refusal = response.status, content, dict(response.headers)
        return httpx2.Response(response.status, headers=_without_length(response.headers), content=content)


class _Body(httpx2.AsyncByteStream):
    """The body of a response, as it comes."""

    def __init__(self, transport: Transport, call: stream, response: StreamedResponse) -> None:
        self._transport, self._call, self._response = transport, call, response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while piece := await self._response.read_some():
                yield piece
        except GatewayError as error:
            self._transport.failure = error
            raise

    async def aclose(self) -> None:
        await self._call.__aexit__()


def client(transport: Transport, *, headers: dict[str, str], auth: Any = None) -> httpx2.AsyncClient:
    """A client whose calls go through this transport alone: it reads no environment and keeps no cookies of note.

    The time limits are the transport's.
    """
    unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the library would load certificates, which takes long
    return httpx2.AsyncClient(
        transport=transport, headers=headers, auth=auth, timeout=None, trust_env=False, verify=unused
    )


def _without_length(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() != "content-length"]
