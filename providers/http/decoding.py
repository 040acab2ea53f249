"""Errors that come compressed although nobody asked for it: unpacked, because secrets are looked for in plain bytes."""

import zlib

MAX_ERROR = 2**20  # bytes once unpacked; the rest of a longer error is left out
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
PACKED_HEADERS = frozenset({"content-encoding", "content-length"})  # that do not hold for the unpacked body


class ErrorDecoder:
    """Unpacks one body in pieces. What cannot be unpacked is left out as a whole: it may hold anything."""

    __slots__ = ("_left", "_unpacker")

    def __init__(self, encoding: str) -> None:
        known = encoding.lower() in ("gzip", "x-gzip", "deflate")
        self._unpacker = zlib.decompressobj(_GZIP_OR_ZLIB) if known else None
        self._left = MAX_ERROR

    def feed(self, piece: bytes) -> bytes:
        if self._unpacker is None or self._left <= 0:
            return b""
        try:
            plain = self._unpacker.decompress(piece, self._left)
        except zlib.error:
            self._unpacker = None
            return b""
        self._left -= len(plain)
        return plain


def encoding_of(headers: list[tuple[str, str]]) -> str:
    """How a body is packed; empty for a plain one."""
    value = next((value for name, value in headers if name.lower() == "content-encoding"), "").strip()
    return "" if value.lower() == "identity" else value
