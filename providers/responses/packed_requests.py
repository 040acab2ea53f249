"""Request bodies with a `Content-Encoding`: decoded within the size limit of plain bodies, or refused."""

from collections.abc import Iterable, Iterator
from typing import Any

from providers.errors import BadRequest, GatewayError
from providers.http import content_encoding
from providers.responses import error_responses
from providers.sentences import sentence as _

ACCEPTED = ", ".join(content_encoding.CODINGS)


def codings_of(value: str) -> tuple[str, ...]:
    """The coding in a `Content-Encoding`, none for a plain body. Raises BadRequest (415, `unsupported_encoding`).

    One over the other would only help a small body to become huge.
    """
    codings = content_encoding.codings_in(value)
    if len(codings) > 1:
        raise _unsupported(
            _("This site reads bodies with one Content-Encoding, not several. Send %(known)s, or the body as it is.")
        )
    if not content_encoding.is_known(codings):
        raise _unsupported(
            _("This site does not read bodies with this Content-Encoding. Send %(known)s, or the body as it is.")
        )
    return codings


def _unsupported(message: Any) -> GatewayError:
    """https://www.rfc-editor.org/rfc/rfc9110#section-15.5.16"""
    return BadRequest(
        message % {"known": ACCEPTED},
        code="unsupported_encoding",
        status=415,
        headers=(("accept-encoding", ACCEPTED),),
    )


def plain_pieces(packed: Iterable[bytes], codings: tuple[str, ...], limit: int) -> Iterator[bytes]:
    """The body in pieces. Raises TooLarge beyond `limit`, and BadRequest (`invalid_encoding`) for a broken body."""
    unpacker = content_encoding.Unpacker(codings)
    size = 0
    try:
        for data in packed:
            unpacker.feed(data)
            while piece := unpacker.take():
                size += len(piece)
                if size > limit:
                    raise error_responses.too_large()
                yield piece
        unpacker.end()
    except content_encoding.CannotUnpack as error:
        raise _broken() from error


def plain(body: bytes, codings: tuple[str, ...], limit: int) -> bytes:
    """The plain form of a body that is in memory."""
    return b"".join(plain_pieces([body], codings, limit))


def _broken() -> GatewayError:
    return BadRequest(
        _("The body is not packed as its Content-Encoding says, or was cut off."), code="invalid_encoding"
    )
