"""The kind of a file: its content type by its bytes, the name that it gets, and whether a browser may show it."""

import mimetypes
from pathlib import PurePath

from chat.decoding import encodings
from chat.files import pictures

HEAD = 4096  # bytes that tell the content type
MAX_NAME = 150
BINARY = "application/octet-stream"
# Types that a browser may show; every other type is served as a download.
INLINE = {
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/avif",
    "image/bmp",
    "audio/mpeg",
    "audio/wav",
    "audio/ogg",
    "audio/flac",
    "text/plain",
}
TEXT_NAMES = {".csv": "text/csv", ".md": "text/markdown", ".json": "application/json"}
# Extensions that are served as a download although the content is plain text: a browser might run it.
RUNNABLE = {".htm", ".html", ".js", ".mjs", ".svg", ".xht", ".xhtml", ".xml"}
EXTENSIONS = {
    "text/plain": ".txt",
    "text/markdown": ".md",
    "image/jpeg": ".jpg",
    BINARY: ".bin",
    "application/x-ole-storage": ".bin",
    "application/gzip": ".gz",
    "video/mp4": ".mp4",
    "audio/webm": ".webm",
}
_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
# Containers that many kinds of files are in: what they begin with, their own type, and the kinds by their extensions.
# https://www.iana.org/assignments/media-types/media-types.xhtml; of those that are not listed there, the usual name.
ZIP = {
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".dotx": f"{_OFFICE}.wordprocessingml.template",
    ".docm": "application/vnd.ms-word.document.macroEnabled.12",
    ".dotm": "application/vnd.ms-word.template.macroEnabled.12",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".xltx": f"{_OFFICE}.spreadsheetml.template",
    ".xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
    ".xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".ppsx": f"{_OFFICE}.presentationml.slideshow",
    ".potx": f"{_OFFICE}.presentationml.template",
    ".pptm": "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
    ".vsdx": "application/vnd.ms-visio.drawing",
    ".odt": f"{_OPEN}.text",
    ".ott": f"{_OPEN}.text-template",
    ".ods": f"{_OPEN}.spreadsheet",
    ".ots": f"{_OPEN}.spreadsheet-template",
    ".odp": f"{_OPEN}.presentation",
    ".otp": f"{_OPEN}.presentation-template",
    ".odg": f"{_OPEN}.graphics",
    ".odf": f"{_OPEN}.formula",
    ".odb": f"{_OPEN}.base",
    ".epub": "application/epub+zip",
    ".pages": "application/vnd.apple.pages",
    ".numbers": "application/vnd.apple.numbers",
    ".key": "application/vnd.apple.keynote",
    ".jar": "application/java-archive",
    ".apk": "application/vnd.android.package-archive",
    ".kmz": "application/vnd.google-earth.kmz",
    ".3mf": "model/3mf",
    ".usdz": "model/vnd.usdz+zip",
    ".cbz": "application/vnd.comicbook+zip",
    ".xpi": "application/x-xpinstall",
    ".whl": "application/zip",
}
OLE = {
    ".doc": "application/msword",
    ".dot": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".xlt": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pps": "application/vnd.ms-powerpoint",
    ".msg": "application/vnd.ms-outlook",
    ".vsd": "application/vnd.visio",
    ".pub": "application/x-mspublisher",
}
GZIP = {".tgz": "application/gzip", ".svgz": "application/gzip", ".gz": "application/gzip"}
ISO_MEDIA = {
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".3gp": "video/3gpp",
}
WEBM = b"\x1a\x45\xdf\xa3"
CONTAINERS = (
    ((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"), "application/zip", ZIP),
    ((b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",), "application/x-ole-storage", OLE),
    ((b"\x1f\x8b\x08",), "application/gzip", GZIP),
)


def sniff(head: bytes, name: str = "") -> str:
    """The content type by the first bytes. A name only chooses among the kinds of plain text, and of one container."""
    if picture := pictures.sniff(head):
        return picture
    suffix = PurePath(name).suffix.lower()
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if head.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")):
        return "audio/mpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "audio/wav"
    if head.startswith(b"OggS"):
        return "audio/ogg"
    if head.startswith(b"fLaC"):
        return "audio/flac"
    if head.startswith(WEBM) and b"webm" in head[:64]:
        return "video/webm" if b"V_" in head else "audio/webm"  # the codecs of its tracks: V_VP9, A_OPUS
    for beginnings, content_type, kinds in CONTAINERS:
        if head.startswith(beginnings):
            return kinds.get(suffix, content_type)
    if head[4:8] == b"ftyp":
        return ISO_MEDIA.get(suffix, "video/mp4")
    if encodings.is_text(head):
        return TEXT_NAMES.get(suffix, "text/plain")
    return BINARY


def is_shown(content_type: str, name: str) -> bool:
    """Whether a browser may show it; other files are served as a download."""
    return content_type in INLINE and PurePath(name).suffix.lower() not in RUNNABLE


def extension(content_type: str) -> str:
    return EXTENSIONS.get(content_type) or mimetypes.guess_extension(content_type) or ".bin"


def display_name(name: str, content_type: str) -> str:
    """The file's own name without unsafe characters, with an extension that fits its content."""
    stem = PurePath(name.replace("\\", "/")).name
    stem = "".join(letter for letter in stem if letter.isprintable() and letter not in '/\\<>:"|?*').strip(". ")
    path = PurePath(stem or "file")
    return (path.name if _fits(path, content_type) else f"{path.stem}{extension(content_type)}")[-MAX_NAME:]


def _fits(path: PurePath, content_type: str) -> bool:
    suffix = path.suffix.lower()
    if any(kinds.get(suffix) == content_type for kinds in (ZIP, OLE, GZIP, ISO_MEDIA)):
        return True
    guessed = mimetypes.guess_type(path.name)[0]
    if content_type.startswith("text/") and guessed and not guessed.startswith(("image/", "audio/", "video/")):
        return True
    return guessed == content_type or suffix == extension(content_type)
