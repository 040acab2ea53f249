"""Request bodies for Django: checked for size, decompressed, and with a known length.

A body whose `Content-Length` is over the bound is refused before it is read. Django REST framework and Django's forms
take a request without `Content-Length` for one without a body, so a body that comes in chunks, or packed, is read
first.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings

from providers.errors import GatewayError
from providers.process import waiting
from providers.relay import lane
from providers.responses import error_responses, packed_requests

FORM_FILES = 20  # of the largest size, in one form
IN_MEMORY = 2**20  # bytes of a body; more is kept in a file
PIECE = 2**18  # bytes
OF_THE_LENGTH = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def longest(content_type: bytes, *, is_packed: bool = False) -> int:
    """The maximum size of a body in bytes. An uncompressed form that uploads files may be larger than others.

    A compressed body is unpacked before anybody has signed in, and a few bytes may expand to any number.
    """
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if not is_packed and content_type.lower().startswith(b"multipart/form-data"):
        return max(limit, FORM_FILES * settings.FILE_MAX_BYTES, settings.IMPORT_MAX_BYTES + IN_MEMORY)
    return limit


class WholeBodies:
    """Hands a request with a packed or chunked body to `inner` with the plain body and its length.

    Answers 413 to a body that is too large.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"]) if scope["type"] == "http" else {}
        if b"content-encoding" not in headers and b"transfer-encoding" not in headers:
            if lane.declared_size(headers) > longest(headers.get(b"content-type", b"")):
                await lane.send_error(error_responses.too_large(), scope["path"], send)
            else:
                await self.inner(scope, receive, send)
            return
        with SpooledTemporaryFile(IN_MEMORY) as body:
            try:
                size = await _read(receive, headers, body)
            except GatewayError as error:
                await lane.send_error(error, scope["path"], send)
                return
            if size is None:  # the client has left
                return
            body.seek(0)
            remaining = [pair for pair in scope["headers"] if pair[0] not in OF_THE_LENGTH]
            scope = {**scope, "headers": [*remaining, (b"content-length", str(size).encode())]}
            await self.inner(scope, _replay(body, size, receive), send)


async def _read(receive: Receive, headers: Mapping[bytes, bytes], body: IO[bytes]) -> int | None:
    """Read the body into a file, plain; its size, None where the client left. Raises GatewayError."""
    codings = packed_requests.codings_of(headers.get(b"content-encoding", b"").decode("latin-1"))
    limit = longest(headers.get(b"content-type", b""), is_packed=bool(codings))
    if lane.declared_size(headers) > limit:
        raise error_responses.too_large()
    if not codings:
        return await _receive_all(receive, body, limit)
    with SpooledTemporaryFile(IN_MEMORY) as packed:
        if await _receive_all(receive, packed, limit) is None:
            return None
        packed.seek(0)
        return await waiting.in_own_thread(_unpack, packed, body, codings, limit)


async def _receive_all(receive: Receive, target: IO[bytes], limit: int) -> int | None:
    """Write the body as it comes; its size, None where the client left. Raises TooLarge."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        target.write(message.get("body", b""))
        if target.tell() > limit:
            raise error_responses.too_large()
        more = message.get("more_body", False)
    return target.tell()


def _unpack(source: IO[bytes], target: IO[bytes], codings: tuple[str, ...], limit: int) -> int:
    pieces: Iterator[bytes] = iter(lambda: source.read(PIECE), b"")
    for piece in packed_requests.plain_pieces(pieces, codings, limit):
        target.write(piece)
    return target.tell()


def _replay(body: IO[bytes], size: int, receive: Receive) -> Receive:
    """`receive` that gives the body first, then what the server says."""
    is_over = False

    async def give() -> Message:
        nonlocal is_over
        if is_over:
            return await receive()
        piece = body.read(PIECE)
        is_over = body.tell() >= size
        return {"type": "http.request", "body": piece, "more_body": not is_over}

    return give
