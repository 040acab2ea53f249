"""Small files that decode to much data: pictures of 50 megapixels, animations, PDF bombs."""

import io
import struct
import zlib

from PIL import Image

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
LINE = b"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) Tj 0 -12 Td "
SIDE = 7071  # of a picture of 50 megapixels


def png(side: int = SIDE, *, mode: str = "RGB") -> bytes:
    """A PNG of one colour: 190 kB for 50 megapixels."""
    channels, kind = {"L": (1, 0), "RGB": (3, 2), "RGBA": (4, 6)}[mode]

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(6)
    row = b"\0" * (1 + channels * side)
    data = b"".join(packer.compress(row) for _row in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def animation(form: str, frames: int, side: int) -> bytes:
    """Frames of one colour each."""
    pictures = [Image.new("P", (side, side), number) for number in range(frames)]
    for number, picture in enumerate(pictures):
        picture.putpalette([number] * 768)
    if form != "GIF":
        pictures = [picture.convert("RGB") for picture in pictures]
    out = io.BytesIO()
    pictures[0].save(out, form, save_all=True, append_images=pictures[1:], duration=40)
    return out.getvalue()


def commented_gif(size: int) -> bytes:
    """A GIF of one pixel behind a comment of so many bytes."""
    out = io.BytesIO()
    Image.new("P", (1, 1)).save(out, "GIF")
    plain = out.getvalue()
    head = 13 + 3 * 2 ** ((plain[10] & 7) + 1)  # the screen and its palette
    return plain[:head] + b"\x21\xfe" + (b"\xff" + b"x" * 255) * (size // 256) + b"\0" + plain[head:]


def stream(data: bytes, extra: bytes = b"", *, packs: int = 1) -> bytes:
    """A PDF's stream, compressed so many times over."""
    for _pack in range(packs):
        data = zlib.compress(data, 9)
    filters = b"/Filter [" + b"/FlateDecode " * packs + b"]"
    return b"<< " + filters + extra + b" /Length %d >>\nstream\n" % len(data) + data + b"\nendstream"


def pdf(*objects: bytes, pages: int = 1, contents: bytes = b"5 0 R", resources: bytes = b"") -> bytes:
    """A PDF whose pages are all the same one; `objects` begin at number 5."""
    fonts = b"/Font << /F1 4 0 R >> " + resources
    page = b"/MediaBox [0 0 612 792] /Resources << " + fonts + b" >> /Contents " + contents
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [" + b"3 0 R " * pages + b"] /Count %d >>" % pages,
        b"<< /Type /Page /Parent 2 0 R " + page + b" >>",
        FONT,
        *objects,
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    start = len(out)
    out += f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{table}".encode()
    return out + f"trailer\n<< /Size {len(bodies) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()


def words(lines: int) -> bytes:
    return b"BT /F1 12 Tf " + LINE * lines + b"ET"


def repeating(depth: int = 9, width: int = 10) -> bytes:
    """A PDF of nested forms, each of which draws the next one ten times."""
    forms = []
    for level in range(depth):
        inner = b"" if level == depth - 1 else b"/XObject << /X %d 0 R >>" % (7 + level)
        body = words(50) if level == depth - 1 else b"/X Do " * width
        kind = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Font << /F1 4 0 R >> "
        forms.append(stream(body, kind + inner + b">>"))
    return pdf(stream(b"/X Do " * width), *forms, resources=b"/XObject << /X 6 0 R >>")
