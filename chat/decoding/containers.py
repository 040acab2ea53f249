"""What stands beside the pixels of a PNG, JPEG or WebP: read, left out and put in, without a look at the pixels.

A file is cut to its parts (chunks, segments). Those with words about the picture can be left out, and ours put in;
all others keep their bytes, so that every decoder shows the same picture. Imports nothing of the site: workers read it.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from chat.decoding import exif
from chat.decoding.formats import sniff

MOST_PARTS = 100_000
MOST_TEXTS = 40  # that are read of one file
TEXT_BYTES = 1_000_000  # of one text, also once it is unpacked
SEGMENT_BYTES = 65_533  # of a segment of a JPEG
PNG = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"  # in a PNG
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"  # in a JPEG
XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"
EXIF_HEAD = b"Exif\0\0"
XMP, COMMENT, USER_COMMENT = "XMP", "Comment", "UserComment"  # names of texts that have no keyword in the file
# Texts of a PNG that are no recipe; all others may be one, whoever wrote them.
HARMLESS = frozenset([b"Author", b"Copyright", b"Creation Time", b"Disclaimer", b"Software", b"Source"])
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
MANIFESTS = frozenset([b"caBX", b"\xeb", b"C2PA"])  # signed statements (C2PA) of whoever drew the picture
BESIDE_PIXELS = {
    "image/png": frozenset([*TEXTS, b"eXIf", b"tIME", b"caBX"]),
    "image/jpeg": frozenset([b"\xe1", b"\xeb", b"\xed", b"\xfe"]),  # EXIF and XMP, C2PA, IPTC, comments
    "image/webp": frozenset([b"VP8X", b"EXIF", b"XMP ", b"C2PA"]),
}
ALPHA, WITH_EXIF, WITH_XMP = 0x10, 0x08, 0x04  # flags of VP8X

Bytes = bytes | memoryview


class BrokenContainer(Exception):
    """The file is none of the three kinds, or it does not hold together."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is put into a picture. Without `parameters` there is XMP alone."""

    xmp: str = ""
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk or segment of a file, whole and its content alone; the rest of a JPEG from the scan on has no kind."""

    kind: bytes
    whole: memoryview
    body: memoryview


def digest(content: bytes) -> str:
    """A fingerprint of the picture itself; what is put in or left out here does not change it. BrokenContainer."""
    kind = sniff(content)
    fingerprint = hashlib.sha256()
    for part in _parts(content, kind):
        if part.kind not in BESIDE_PIXELS[kind]:
            fingerprint.update(part.kind + len(part.body).to_bytes(8, "big"))
            fingerprint.update(part.body)
    return fingerprint.hexdigest()


def texts(content: bytes) -> dict[str, str]:
    """The texts in a file by their keywords, each within TEXT_BYTES. BrokenContainer."""
    by_name: dict[str, str] = {}
    for part in _parts(content, sniff(content)):
        name, text = _text_of(part)
        if name and name not in by_name and len(by_name) < MOST_TEXTS:
            by_name[name] = text
    return by_name


def rewritten(content: bytes, words: Words) -> list[Bytes] | None:
    """The file with these words in the place of others, as pieces; None where it stays as it is. BrokenContainer.

    Without parameters a file with a signed manifest stays as it is: that says who drew it, and a change breaks it.
    """
    kind = sniff(content)
    parts = list(_parts(content, kind))
    remaining = [part for part in parts if not _is_recipe(part, kind)]
    if not words.parameters and (
        any(part.kind in MANIFESTS for part in parts) or (len(remaining) == len(parts) and not words.xmp)
    ):
        return None
    turn = _turn(parts)
    if kind == "image/png":
        return _png(content, remaining, words, turn)
    if kind == "image/jpeg":
        return _jpeg(remaining, words, turn)
    return _webp(content, remaining, words, turn)


def fits_in_jpeg(words: Words) -> bool:
    """Whether these words fit into the segments of a JPEG."""
    comment = len(EXIF_HEAD) + len(exif.written(words.parameters, 8)) if words.parameters else 0
    return max(comment, len(XMP_HEAD) + len(words.xmp.encode())) <= SEGMENT_BYTES


# --- cutting ----------------------------------------------------------------------------------------------------------


def _parts(content: bytes, kind: str) -> Iterator[Part]:
    cut = {"image/png": _png_parts, "image/jpeg": _jpeg_parts, "image/webp": _webp_parts}.get(kind)
    if cut is None:
        raise BrokenContainer
    for count, part in enumerate(cut(memoryview(content))):
        if count == MOST_PARTS:
            raise BrokenContainer
        yield part


def _png_parts(view: memoryview) -> Iterator[Part]:
    start, kind = len(PNG), b""
    if bytes(view[start + 4 : start + 8]) != b"IHDR":
        raise BrokenContainer
    while kind != b"IEND":
        if start + 12 > len(view):
            raise BrokenContainer
        (length,) = struct.unpack_from(">I", view, start)
        kind, end = bytes(view[start + 4 : start + 8]), start + 12 + length
        if end > len(view):
            raise BrokenContainer
        yield Part(kind, view[start:end], view[start + 8 : end - 4])
        start = end


def _jpeg_parts(view: memoryview) -> Iterator[Part]:
    start = 2
    while True:
        at = start
        while at < len(view) and view[at] == 0xFF:  # filled up
            at += 1
        if at == start or at >= len(view):
            raise BrokenContainer
        marker = view[at]
        if marker in (0xD9, 0xD8, 0) or 0xD0 <= marker <= 0xD7 or at + 3 > len(view):  # none stands before the scan
            raise BrokenContainer
        if marker == 0xDA:
            yield Part(b"", view[start:], view[start:])
            return
        end = at + 1 + struct.unpack_from(">H", view, at + 1)[0]
        if end < at + 3 or end > len(view):
            raise BrokenContainer
        yield Part(bytes([marker]), view[start:end], view[at + 3 : end])
        start = end


def _webp_parts(view: memoryview) -> Iterator[Part]:
    end = _riff_end(view)
    start = 12
    while start < end:
        if start + 8 > end:
            raise BrokenContainer
        (length,) = struct.unpack_from("<I", view, start + 4)
        stop = start + 8 + length + length % 2
        if stop > end:
            raise BrokenContainer
        yield Part(bytes(view[start : start + 4]), view[start:stop], view[start + 8 : start + 8 + length])
        start = stop
    if start == 12:
        raise BrokenContainer


def _riff_end(view: memoryview) -> int:
    """Where the RIFF ends: what stands behind it is no part of the picture."""
    end: int = struct.unpack_from("<I", view, 4)[0] + 8
    if end > len(view):
        raise BrokenContainer
    return end


# --- reading ----------------------------------------------------------------------------------------------------------


def _text_of(part: Part) -> tuple[str, str]:
    """The keyword and text of a part; an empty keyword where it holds no text."""
    if part.kind in TEXTS:
        return _png_text(part)
    if part.kind == b"eXIf":
        return _comment_of(part.body)
    if part.kind in (b"EXIF", b"\xe1") and part.body[:6] == EXIF_HEAD:
        return _comment_of(part.body[6:])
    if part.kind == b"EXIF":
        return _comment_of(part.body)
    if part.kind == b"XMP ":
        return XMP, _utf8(part.body)
    if part.kind == b"\xe1" and part.body[: len(XMP_HEAD)] == XMP_HEAD:
        return XMP, _utf8(part.body[len(XMP_HEAD) :])
    if part.kind == b"\xfe":
        return COMMENT, _utf8(part.body)
    return "", ""


def _png_text(part: Part) -> tuple[str, str]:
    name, is_text, rest = bytes(part.body[: TEXT_BYTES + 200]).partition(b"\0")
    if not is_text or not 0 < len(name) < 80:
        return "", ""
    if part.kind == b"tEXt":
        text = rest[:TEXT_BYTES].decode("latin-1")
    elif part.kind == b"zTXt":
        text = _unpacked(rest[1:]).decode("latin-1")
    else:
        is_packed, tail = rest[:1] == b"\1", rest[2:]
        _language, _nul, tail = tail.partition(b"\0")
        _translated, _nul, packed = tail.partition(b"\0")
        text = (_unpacked(packed) if is_packed else packed[:TEXT_BYTES]).decode("utf-8", "replace")
    return (XMP if name == XMP_KEYWORD else name.decode("latin-1")), text


def _unpacked(packed: bytes) -> bytes:
    """At most TEXT_BYTES of what was packed; nothing of a larger or broken text."""
    try:
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(packed, TEXT_BYTES)
    except zlib.error:
        return b""
    return b"" if unpacking.unconsumed_tail else unpacked


def _comment_of(body: memoryview) -> tuple[str, str]:
    return USER_COMMENT, exif.read(bytes(body[:TEXT_BYTES])).comment


def _utf8(body: memoryview) -> str:
    return bytes(body[:TEXT_BYTES]).decode("utf-8", "replace")


def _is_recipe(part: Part, kind: str) -> bool:
    """Whether this part may tell how the picture was made."""
    if kind == "image/png":
        name = bytes(part.body[:80]).partition(b"\0")[0]
        return (part.kind in TEXTS and name not in HARMLESS) or part.kind == b"eXIf"
    if kind == "image/jpeg":
        heads = (EXIF_HEAD, XMP_HEAD, XMP_MORE)
        return part.kind in (b"\xed", b"\xfe") or (part.kind == b"\xe1" and bytes(part.body[:40]).startswith(heads))
    return part.kind in (b"EXIF", b"XMP ")


def _turn(parts: list[Part]) -> int:
    """How the picture is turned when it is shown: it goes along, whatever is left out."""
    for part in parts:
        if part.kind in (b"eXIf", b"EXIF", b"\xe1"):
            body = bytes(part.body[:TEXT_BYTES])
            if body.startswith(EXIF_HEAD) or part.kind != b"\xe1":
                return exif.read(body.removeprefix(EXIF_HEAD)).turn
    return 1


# --- writing ----------------------------------------------------------------------------------------------------------


def _png(content: bytes, remaining: list[Part], words: Words, turn: int) -> list[Bytes]:
    ours = []
    if words.parameters:
        ours.append(_png_chunk(*_as_text(b"parameters", words.parameters)))
    if words.xmp:
        ours.append(_png_chunk(b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + words.xmp.encode()))
    if turn != 1:
        ours.append(_png_chunk(b"eXIf", exif.written("", turn)))
    after = memoryview(content)[len(PNG) + sum(len(part.whole) for part in _png_parts(memoryview(content))) :]
    header, *others = (part.whole for part in remaining)
    return [PNG, header, *ours, *others, after]


def _as_text(name: bytes, text: str) -> tuple[bytes, bytes]:
    """A text as AUTOMATIC1111 stores it: Latin-1 where that can say it, else UTF-8."""
    text = text.replace("\0", "")
    try:
        return b"tEXt", name + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", name + b"\0\0\0\0\0" + text.encode("utf-8", "replace")


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _jpeg(remaining: list[Part], words: Words, turn: int) -> list[Bytes]:
    ours = []
    if words.parameters or turn != 1:
        ours.append(_segment(EXIF_HEAD + exif.written(words.parameters, turn)))
    if words.xmp:
        ours.append(_segment(XMP_HEAD + words.xmp.encode()))
    first = 1 if remaining[0].kind == b"\xe0" else 0  # JFIF's own comes before all others
    wholes: list[Bytes] = [part.whole for part in remaining]
    return [b"\xff\xd8", *wholes[:first], *ours, *wholes[first:]]


def _segment(body: bytes) -> bytes:
    if len(body) > SEGMENT_BYTES:
        raise BrokenContainer
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _webp(content: bytes, remaining: list[Part], words: Words, turn: int) -> list[Bytes]:
    ours, flags = [], 0
    if words.parameters or turn != 1:
        ours.append(_webp_chunk(b"EXIF", exif.written(words.parameters, turn)))
        flags |= WITH_EXIF
    if words.xmp:
        ours.append(_webp_chunk(b"XMP ", words.xmp.encode()))
        flags |= WITH_XMP
    first, *others = remaining
    if first.kind == b"VP8X":
        if len(first.body) < 10:
            raise BrokenContainer
        head = bytes([(first.body[0] & ~(WITH_EXIF | WITH_XMP)) | flags]) + bytes(first.body[1:])
    else:
        head, others = _extended(first, flags), remaining
    pieces: list[Bytes] = [_webp_chunk(b"VP8X", head), *(part.whole for part in others), *ours]
    size = 4 + sum(map(len, pieces))
    if size > 2**32 - 10:
        raise BrokenContainer
    after = memoryview(content)[_riff_end(memoryview(content)) :]
    return [b"RIFF", struct.pack("<I", size), b"WEBP", *pieces, after]


def _extended(frame: Part, flags: int) -> bytes:
    """The head of the extended form, for a file in the simple one."""
    body, width, height = bytes(frame.body[:10]), 0, 0
    if frame.kind == b"VP8 " and len(body) == 10 and body[3:6] == b"\x9d\x01\x2a":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", body, 6))
    elif frame.kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        (bits,) = struct.unpack_from("<I", body, 1)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        flags |= ALPHA if bits >> 28 & 1 else 0
    if not width or not height:
        raise BrokenContainer
    return bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _webp_chunk(kind: bytes, body: bytes) -> bytes:
    return b"".join([kind, struct.pack("<I", len(body)), body, bytes(len(body) % 2)])
