"""Small valid media files, made without an image library."""

import struct
import zlib


def png(width: int = 64, height: int = 64, *, shade: int = 0, alpha: bool = False) -> bytes:
    """A valid PNG with a diagonal gradient; `shade` makes pictures differ, `alpha` leaves the left half transparent."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            rows += bytes(((x * 255 // width + shade) % 256, (y * 255 // height) % 256, (shade * 3) % 256))
            if alpha:
                rows.append(0 if x < width // 2 else 255)
    header = struct.pack(">IIBBBBB", width, height, 8, 6 if alpha else 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    )


SPEECH_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "application/octet-stream",
}
MAGIC = {"mp3": b"\xff\xfb\x90\x00", "opus": b"OggS", "aac": b"\xff\xf1", "flac": b"fLaC", "wav": b"RIFF", "pcm": b""}


def speech(text: str, form: str) -> tuple[bytes, str]:
    """Bytes that begin like the asked format and depend on the text, and their content type."""
    body = (text.encode() or b" ") * (4096 // max(1, len(text.encode())) + 1)
    return MAGIC.get(form, b"") + body[:4096], SPEECH_TYPES.get(form, "application/octet-stream")
