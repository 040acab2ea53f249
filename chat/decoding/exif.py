"""Two facts of EXIF data: how a picture is turned, and the comment in which AUTOMATIC1111 stores its parameters."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MOST_TAGS = 500
TURN, EXIF_FOLDER, USER_COMMENT = 0x0112, 0x8769, 0x9286
SHORT, LONG, UNDEFINED = 3, 4, 7
UNICODE = b"UNICODE\0"
CODES = (UNICODE, b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8))


@dataclass(frozen=True, slots=True)
class Exif:
    turn: int = 1
    comment: str = ""


def read(body: bytes) -> Exif:
    """The facts in a TIFF structure; the usual ones for what is broken or missing."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(body[:4])
    if order is None:
        return Exif()
    turn, comment = 1, ""
    try:
        for tag, at in _tags(body, order, struct.unpack_from(f"{order}I", body, 4)[0]):
            if tag == TURN:
                turn = struct.unpack_from(f"{order}H", body, at + 8)[0]
            elif tag == EXIF_FOLDER:
                for inner, entry in _tags(body, order, struct.unpack_from(f"{order}I", body, at + 8)[0]):
                    if inner == USER_COMMENT:
                        count, offset = struct.unpack_from(f"{order}II", body, entry + 4)
                        start = entry + 8 if count <= 4 else offset
                        comment = _comment(body[start : start + count], order)
    except struct.error:
        pass  # what was read so far counts
    return Exif(turn if 1 <= turn <= 8 else 1, comment)


def _tags(body: bytes, order: str, start: int) -> Iterator[tuple[int, int]]:
    """The tags of a folder, each with the offset of its entry."""
    (count,) = struct.unpack_from(f"{order}H", body, start)
    for number in range(min(count, MOST_TAGS)):
        at = start + 2 + 12 * number
        yield struct.unpack_from(f"{order}H", body, at)[0], at


def _comment(value: bytes, order: str) -> str:
    code, text = value[:8], value[8:]
    if code not in CODES:
        return value.decode("utf-8", "replace").strip("\0 ")
    if code != UNICODE:
        return text.decode("utf-8", "replace").strip("\0 ")
    # Writers do not agree on the order: in words of most languages the high bytes are those that are mostly zero.
    high, low = text[:2000:2].count(0), text[1:2000:2].count(0)
    is_big = high > low if high != low else order == ">"
    return text.decode("utf-16-be" if is_big else "utf-16-le", "replace").strip("\0 \ufeff")


def written(comment: str, turn: int) -> bytes:
    """A TIFF structure with these two; a comment as UTF-16 with its head, as AUTOMATIC1111 writes it."""
    tags = [(TURN, SHORT, 1, struct.pack(">HH", turn, 0))] if turn != 1 else []
    if not comment:
        return b"MM\0*" + struct.pack(">I", 8) + _folder(tags)
    value = UNICODE + comment.encode("utf-16-be", "replace")
    inner = 8 + 2 + 12 * (len(tags) + 1) + 4
    tags.append((EXIF_FOLDER, LONG, 1, struct.pack(">I", inner)))
    entry = struct.pack(">I", inner + 2 + 12 + 4)
    folder = _folder([(USER_COMMENT, UNDEFINED, len(value), entry)])
    return b"MM\0*" + struct.pack(">I", 8) + _folder(tags) + folder + value


def _folder(tags: list[tuple[int, int, int, bytes]]) -> bytes:
    entries = b"".join(struct.pack(">HHI", tag, kind, count) + value for tag, kind, count, value in tags)
    return struct.pack(">H", len(tags)) + entries + struct.pack(">I", 0)
