"""Forms (`multipart/form-data`): read in the file that holds them, and sent from there.

A form that no rule changes is sent as it came, with its own boundary. A changed field replaces the content of its part
and nothing else. Whatever a provider could read differently is refused, because the model that a form names decides
what a caller may do: two models, other line ends, a boundary inside a part.

https://www.rfc-editor.org/rfc/rfc7578 and https://www.rfc-editor.org/rfc/rfc2046#section-5.1
"""

import re
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import IO, Any

from django.conf import settings

from providers import json_bodies
from providers.errors import BadRequest, TooLarge
from providers.process import waiting
from providers.sentences import sentence as _

PIECE = 2**18  # bytes that are read at once
LONGEST_BOUNDARY = 200  # the standard says 70
LONGEST_HEAD = 2**13  # bytes of the header lines of a part
LONGEST_TEXT = 2**16  # bytes of a field that is read; a longer one is only passed on
PLAIN_ENCODINGS = ("7bit", "8bit", "binary")

_PARAMETER = r'[ \t]*;[ \t]*([\w!#$%&+.^`|~*-]+)=("(?:[^"\\\r\n]|\\[^\r\n])*"|[^\s;"]+)'
_PARAMETERS = re.compile(_PARAMETER)
_FORM = re.compile(rf"multipart/form-data((?:{_PARAMETER})+)[ \t;]*", re.IGNORECASE)
_DISPOSITION = re.compile(rf"form-data((?:{_PARAMETER})+)[ \t]*", re.IGNORECASE)
_HEADER = re.compile(r"([\w-]+):[ \t]*(.*)")
_AFTER = re.compile(rb"(--)?[ \t]*(\r\n|\Z)")  # what follows a boundary; two hyphens close the form


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """The body of a request, in a file that stays open until the request is over."""

    file: IO[bytes] = field(repr=False)
    content_type: str
    size: int
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __len__(self) -> int:
        return self.size

    def read(self, start: int, end: int) -> bytes:
        with self.lock:
            self.file.seek(start)
            return self.file.read(max(0, end - start))


@dataclass(frozen=True, slots=True)
class FormPart:
    """Where the content of a part stands in the body."""

    name: str
    start: int
    end: int
    is_file: bool


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is sent: what was received, but for `changed`.

    `fields` are its texts, and lists of texts under names that stand several times.
    """

    received: ReceivedForm
    boundary: str
    first: int  # where the first boundary stands
    parts: tuple[FormPart, ...]
    fields: dict[str, Any] = field(repr=False)
    changed: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def content_type(self) -> str:
        return self.received.content_type

    def with_fields(self, fields: Mapping[str, Any]) -> "Form":
        """The form with these values; this one where they are its own. No field is taken away."""
        changed = {name: _text_of(value) for name, value in fields.items() if self.fields.get(name) != value}
        if not changed:
            return self
        return replace(self, fields={**self.fields, **fields}, changed={**self.changed, **changed})

    @property
    def size(self) -> int:
        return sum(len(span) if isinstance(span, bytes) else span[1] - span[0] for span in self._spans())

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes, which are read while they are sent; any number of times."""
        received = self.received
        for span in self._spans():
            if isinstance(span, bytes):
                yield span
                continue
            for start in range(*span, PIECE):
                end = min(start + PIECE, span[1])
                yield await waiting.off_loop(received.size, received.read, start, end)

    def _spans(self) -> Iterator[bytes | tuple[int, int]]:
        """The bytes as texts of ours and as (start, end) of what was received."""
        named = {part.name for part in self.parts}
        at = 0
        for name, text in self.changed.items():
            if name not in named:
                yield at, self.first
                at = self.first
                yield f'--{self.boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
                yield text + b"\r\n"
        for part in self.parts:
            if part.name in self.changed:
                yield at, part.start
                yield self.changed[part.name]
                at = part.end
        yield at, self.received.size


def read(received: ReceivedForm) -> Form:
    """The form in a body. Raises BadRequest (`invalid_form`), TooLarge for a file over the bound."""
    boundary = _boundary_of(received.content_type)
    hits = list(_boundaries(received, boundary.encode()))
    if not hits or not hits[-1][2] or received.read(0, min(hits[0][0], 3)) not in (b"", b"\r\n"):
        raise _invalid()
    parts, fields = list[FormPart](), dict[str, Any]()
    for (_start, head, _closes), (end, _next, _last) in pairwise(hits):
        part = _part(received, head, end - 2)  # the line end before a boundary is part of it
        if part.name == "model" and any(earlier.name == "model" for earlier in parts):
            raise BadRequest(_("The form names its model twice."), code="invalid_form", param="model")
        parts.append(part)
        if not part.is_file and part.end - part.start <= LONGEST_TEXT:
            text = _text_in(received.read(part.start, part.end))
            fields[part.name] = [*_listed(fields[part.name]), text] if part.name in fields else text
    return Form(received, boundary, hits[0][0], tuple(parts), fields)


def check_type(content_type: str) -> None:
    """Raise BadRequest (415) for a body that is no form, before it is read."""
    _boundary_of(content_type)


def _boundary_of(content_type: str) -> str:
    match = _FORM.fullmatch(content_type.strip())
    if match is None:
        raise BadRequest(
            _("Send this request as a form (multipart/form-data) with a boundary."),
            code="unsupported_media_type",
            status=415,
        )
    given = [value.strip('"') for name, value in _PARAMETERS.findall(match[1]) if name.lower().startswith("boundary")]
    boundary = str(given[0]) if len(given) == 1 else ""
    if not boundary or "\\" in boundary or len(boundary) > LONGEST_BOUNDARY or not boundary.isascii():
        raise _invalid()
    return boundary


def _boundaries(received: ReceivedForm, boundary: bytes) -> Iterator[tuple[int, int, bool]]:
    """(where it stands, where its line ends, whether it closes the form) for each boundary. Raises BadRequest."""
    mark = b"--" + boundary
    at = 0
    for _number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1):
        start = _find(received, mark, at)
        if start < 0:
            return
        after = start + len(mark)
        match = _AFTER.match(received.read(after, after + 64))
        if match is None or (start and received.read(start - 2, start) != b"\r\n"):
            raise _invalid()
        at = after + match.end()
        closes = match[1] is not None
        if not closes and not match[2]:
            raise _invalid()
        yield start, at, closes
        if closes:
            if received.size - at > 2 or received.read(at, received.size).strip():
                raise _invalid()
            return
    raise _invalid()


def _find(received: ReceivedForm, mark: bytes, start: int) -> int:
    """Where `mark` stands at or after `start`; -1 where it does not."""
    while start < received.size:
        data = received.read(start, start + PIECE + len(mark))
        offset = data.find(mark)
        if offset >= 0:
            return start + offset
        start += PIECE
    return -1


def _part(received: ReceivedForm, start: int, end: int) -> FormPart:
    """The part between two boundaries. Raises BadRequest, TooLarge."""
    head, blank, _content = received.read(start, min(end, start + LONGEST_HEAD)).partition(b"\r\n\r\n")
    if not blank:
        raise _invalid()
    name, is_file = _name_in(_text_in(head))
    part = FormPart(name, start + len(head) + len(blank), end, is_file)
    if is_file and part.end - part.start > settings.FILE_MAX_BYTES:
        limit = settings.FILE_MAX_BYTES // 1_000_000
        raise TooLarge(_("This file is too large: at most %d MB.") % limit, param=name)
    return part


def _name_in(head: str) -> tuple[str, bool]:
    """The name that the header lines of a part give it, and whether it is a file."""
    headers = dict[str, str]()
    for line in head.split("\r\n"):
        match = _HEADER.fullmatch(line)
        if match is None or match[1].lower() in headers:
            raise _invalid()
        headers[match[1].lower()] = match[2]
    disposition = _DISPOSITION.fullmatch(headers.get("content-disposition", ""))
    if disposition is None or headers.get("content-transfer-encoding", "binary").lower() not in PLAIN_ENCODINGS:
        raise _invalid()
    parameters = [(name.lower(), value) for name, value in _PARAMETERS.findall(disposition[1])]
    names = [value.strip('"') for name, value in parameters if name.startswith("name")]
    if len(names) != 1 or "name*" in dict(parameters) or not names[0] or "\\" in names[0]:
        raise _invalid()
    return names[0], any(name.startswith("filename") for name, _value in parameters)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _text_in(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _invalid() from error


def _text_of(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else json_bodies.dumps(value)


def _invalid() -> BadRequest:
    return BadRequest(_("The body of the request is no valid form (multipart/form-data)."), code="invalid_form")
