"""Replaces the secrets of a call in the response of its server, before the response is shown, stored or logged.

Servers quote what they receive: an error the key that it refuses, a list a header, the page of a proxy a password. What
replaces a secret has as many bytes, because the response declares its length. A secret that looks like an ordinary word
(a header with a team's name) is replaced in errors only: the answer of a model may contain the same word.
"""

import base64
import binascii
import hashlib
import html
import json
import re
import threading
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, urlsplit

from providers import runtime

SHORTEST_CERTAIN = 8  # characters; shorter secrets are replaced in errors only
SHORTEST_KEY, SHORTEST_HEADER = 4, 6  # characters; shorter secrets are not replaced at all
# Words that are never replaced: placeholders that people enter where a server needs no key, and words of every error.
ORDINARY = frozenset(
    """
    anything changeme code default detail details dummy empty error errors false key lm-studio localai message messages
    model models no-key no-key-required none not-needed nokey null object ollama openai param password placeholder
    secret sk-no-key-required sk-none status test token true type unused user vllm xxxx
    """.split()  # noqa: SIM905  words read better than quoted words
)
KEY_HEADERS = frozenset({"authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key"})
_SECRET_NAME = re.compile(
    r"(?:^|[-_])(?:api-?key|auth|authorization|cookie|credentials?|jwt|key|passwd|password|secret|signature|token)"
    r"(?:$|[-_\d])",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"(?=.*[A-Za-z])(?=.*\d)[A-Za-z0-9_.~+/=-]{12,}")
# Values that `_RANDOM` matches although they are not random: dates, media types, short settings.
_TELLING = re.compile(r"\d{4}-\d\d-\d\d\b.*|[a-z]+/[a-z0-9.+-]+|[a-z-]+=[a-z0-9]{1,4}")
# How a body or a frame with status 200 shows that it is an error.
_ERROR = re.compile(
    rb'"error"\s*:(?!\s*(?:null\b|false\b|""|\{\}))|"exception_message"|event:\s*error|(?:^|\n)error\s*:'
    rb'|"type"\s*:\s*"error"'
)
MARK = 40  # bytes; longer than any match of `_ERROR`
RECENT = 1024  # calls with different secrets
LARGE = 2**14  # bytes; in larger bodies (pictures) only the beginning and the end are searched for `_ERROR`


# The sources of the secrets of a call: keys, headers, URLs, and whether they are replaced in errors only.
_Parts = tuple[tuple[str, ...], tuple[tuple[str, str], ...], tuple[str, ...], bool]


class Secrets:
    """The secrets of a call: `always` are replaced in every body, `in_errors` in bodies of errors."""

    __slots__ = ("always", "ends", "in_errors", "longest")

    def __init__(self, always: Iterable[str] = (), in_errors: Iterable[str] = ()) -> None:
        self.always = _forms(always)
        self.in_errors = _forms([*always, *in_errors])
        self.longest = max(map(len, self.in_errors), default=0)
        # A piece that cuts a secret in two ends with one of these bytes.
        self.ends = frozenset(byte for secret in self.in_errors for byte in secret[:-1])

    def __bool__(self) -> bool:
        return bool(self.in_errors)

    def clean(self, data: bytes, *, error: bool = False) -> bytes:
        """Clean a body, or a piece that does not end within a secret. `error`: the body is known to be an error."""
        return self.replace(data, self.in_errors if error or _tells_of_error(data) else self.always)

    @staticmethod
    def replace(data: bytes, secrets: Iterable[bytes]) -> bytes:
        for secret in secrets:
            if secret in data:
                # Digits are replaced by digits: a number in JSON has no quotes.
                data = data.replace(secret, (b"1" if secret.isdigit() else b"*") * len(secret))
        return data

    def clean_text(self, text: str) -> str:
        """The cleaned text of an error."""
        return self.clean(text.encode(errors="surrogatepass"), error=True).decode(errors="surrogatepass")

    def clean_headers(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The cleaned headers of a response."""
        text = "\n".join([value for _name, value in headers]).encode(errors="replace")
        for secret in self.always:
            if secret in text:
                return [(name, self.clean(value.encode(errors="replace")).decode()) for name, value in headers]
        return headers

    def cleaner(self, *, error: bool = False) -> "Cleaner":
        return Cleaner(self, error=error)


def _tells_of_error(data: bytes) -> bool:
    if len(data) > LARGE:
        data = data[: LARGE // 2] + data[-LARGE // 2 :]
    return (b"error" in data or b"exception" in data) and _ERROR.search(data) is not None


class Cleaner:
    """Cleans a body that comes in pieces. It holds back the end of a piece where a secret may begin."""

    __slots__ = ("_before", "_error", "_held", "_in_frame", "_secrets")

    def __init__(self, secrets: Secrets, *, error: bool) -> None:
        self._secrets = secrets
        self._error = error
        self._in_frame = False  # whether the last piece ended within a frame that is an error
        self._before = b""  # the end of the last piece: a match of `_ERROR` may begin there
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """The cleaned bytes that can be sent now; b"" when all are held back."""
        if self._held:
            piece = self._held + piece
            self._held = b""
        error = self._error or self._in_frame or _tells_of_error(self._before + piece)
        whole = piece.endswith((b"\n\n", b"\n\r\n"))
        self._in_frame, self._before = error and not whole, b"" if whole else piece[-MARK:]
        secrets = self._secrets
        piece = secrets.replace(piece, secrets.in_errors if error else secrets.always)
        if piece and piece[-1] in secrets.ends and (count := self._begun(piece)):
            self._held = piece[-count:]
            return piece[:-count]
        return piece

    def flush(self) -> bytes:
        """The bytes that were held back, at the end of the body: no secret came of them."""
        held, self._held = self._held, b""
        return held

    def _begun(self, piece: bytes) -> int:
        """The number of bytes at the end of the piece that may be the beginning of a secret."""
        tail = piece[1 - self._secrets.longest :]
        count = 0
        for secret in self._secrets.in_errors:
            start = tail.find(secret[:1])
            while start >= 0:
                rest = tail[start:]
                if len(rest) < len(secret) and secret.startswith(rest):
                    count = max(count, len(rest))
                    break
                start = tail.find(secret[:1], start + 1)
        return count


# --- what is a secret -------------------------------------------------------------------------------------------------


def secrets_of(
    keys: Iterable[str] = (), headers: Iterable[tuple[str, str]] = (), *urls: str, only_errors: bool = False
) -> Secrets:
    """The secrets of a call: keys (also passwords and tokens), values of headers, and passwords and keys in URLs.

    `only_errors`: replace them in errors only, because ordinary answers of this server may hold them.
    """
    return runtime.state(RecentSecrets).of(tuple(keys), tuple(headers), urls, only_errors)


class RecentSecrets:
    """The secrets of recent calls by the digest of what they are made of: to make them takes long."""

    def __init__(self) -> None:
        self.by_digest: dict[bytes, Secrets] = {}
        self.lock = threading.Lock()

    def of(self, *parts: *_Parts) -> Secrets:
        digest = hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()  # faster than SHA-256
        secrets = self.by_digest.get(digest)
        if secrets is None:
            secrets = _made_of(*parts)
            with self.lock:
                while len(self.by_digest) >= RECENT:
                    del self.by_digest[next(iter(self.by_digest))]
                self.by_digest[digest] = secrets
        return secrets


def _made_of(
    keys: tuple[str, ...], headers: tuple[tuple[str, str], ...], urls: tuple[str, ...], only_errors: bool
) -> Secrets:
    certain: list[str] = []
    possible: list[str] = []
    for key in [*keys, *(part for url in urls for part in _in_url(url))]:
        for part in _parts(key):
            if len(part) >= SHORTEST_KEY:
                (certain if len(part) >= SHORTEST_CERTAIN else possible).append(part)
    for name, value in headers:
        for part in _parts(value):
            if len(part) >= SHORTEST_HEADER:
                (certain if len(part) >= SHORTEST_CERTAIN and _is_certain(name, value) else possible).append(part)
    return Secrets((), [*certain, *possible]) if only_errors else Secrets(certain, possible)


def credential_in(name: str, value: str) -> str:
    """The key in one of `KEY_HEADERS`, without its scheme; empty for another header."""
    return value.partition(" ")[2].strip() or value if name.lower() in KEY_HEADERS else ""


def _is_certain(name: str, value: str) -> bool:
    """Whether a header certainly holds a secret: its name says so, or its value is random."""
    return bool(_SECRET_NAME.search(name) or (_RANDOM.fullmatch(value) and not _TELLING.fullmatch(value)))


def _parts(value: str) -> list[str]:
    """A value, and the secrets in it: the value without its scheme, and the password of `user:password`."""
    parts = [value]
    scheme, _space, rest = value.partition(" ")
    if scheme.lower() in ("bearer", "basic", "token", "key", "apikey") and rest:
        parts.append(rest.strip())
        if scheme.lower() == "basic":
            parts += _decoded(rest.strip())
    user, colon, password = parts[-1].partition(":")
    if colon and user and "://" not in parts[-1]:
        parts.append(password)
    return parts


def _decoded(text: str) -> list[str]:
    try:
        return [base64.b64decode(text, validate=True).decode()]
    except (binascii.Error, UnicodeDecodeError):
        return []


def _in_url(url: str) -> list[str]:
    """The password in a URL, and the values of parameters with the name of a secret."""
    parts = urlsplit(url)
    values = [unquote(parts.password)] if parts.password else []
    for pair in parts.query.split("&"):
        name, _equals, value = pair.partition("=")
        if value and _SECRET_NAME.search(name):
            values.append(unquote(value))
    return values


def _forms(values: Iterable[str]) -> tuple[bytes, ...]:
    """The values in every encoding that servers use (plain, URL, JSON, HTML, base64), the longest first."""
    forms: set[bytes] = set()
    for value in values:
        if not value or value.lower() in ORDINARY:
            continue
        in_json = json.dumps(value)[1:-1]
        texts = {value, quote(value, safe=""), quote(value), quote_plus(value), in_json, in_json.replace("/", "\\/")}
        texts |= {json.dumps(value, ensure_ascii=False)[1:-1], html.escape(value), html.escape(value, quote=False)}
        if len(value) >= SHORTEST_CERTAIN:
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                texts.add(encode(value.encode(errors="replace")).decode().rstrip("="))
        forms |= {text.encode(errors="replace") for text in texts}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


NO_SECRETS = Secrets()
