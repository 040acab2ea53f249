"""The HTTP client for threads: requests, with a connection per call.

Calls to engines are slow, so reusing a connection would save little, and one that its server has dropped meanwhile
fails a POST that cannot be repeated. Only `fetch` follows redirects. No proxy, no .netrc of the environment, no
cookies.
"""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar, TypedDict, Unpack
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter

from providers import json_bodies
from providers.errors import GatewayError, ProviderError
from providers.http import _urllib3_private, failures, local
from providers.http.abort import Abort
from providers.http.content_encoding import CannotUnpack, ErrorUnpacker, codings_of, unpacker_for
from providers.http.pace import Pace
from providers.http.policy import Limits, Reach, Tls, origin, soonest, tls_context
from providers.http.redaction import NO_SECRETS, Secrets
from providers.process import waiting
from providers.sentences import sentence as _

DEFAULT_LIMITS = Limits()
DEFAULT_TLS = Tls()
DEFAULT_HEADERS = {"User-Agent": "webui", "Accept-Encoding": "identity"}
PIECE = 2**16  # bytes read at a time
MAX_ERROR = 2**20  # bytes of an error's body; the rest of a longer one is left out
MAX_REDIRECTS = 5
FOLLOWED = {301, 302, 303, 307, 308}


class _Adapter(HTTPAdapter):
    """The adapter of requests with our connection pools."""

    pools: ClassVar[dict[str, type]] = _urllib3_private.WATCHED_POOLS

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        _urllib3_private.use_pools(self.poolmanager, self.pools)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Use our pools for calls through a proxy too; a SOCKS proxy needs those of its own library."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            _urllib3_private.use_pools(manager, self.pools)
        return manager


class _VettedAdapter(_Adapter):
    pools: ClassVar[dict[str, type]] = _urllib3_private.VETTED_POOLS


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: otherwise requests would prepare the next call, and fail where the target is no valid URL."""


class BlockingResponse:
    """The response of a server; `headers` has lower-case names. Read the body from `content` or, once, `iter_bytes`."""

    def __init__(
        self,
        response: requests.Response,
        limits: Limits,
        pace: Pace,
        deadlines: _urllib3_private.Deadlines,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        self._response = response
        self._secrets = secrets
        self._limits = limits
        self._pace = pace
        self._deadlines = deadlines
        self._content: bytes | None = None
        self.status: int = response.status_code
        pace.bound(self.status, response.headers.get("Content-Type", ""))
        headers = secrets.clean_headers(list(response.headers.items()))
        self.headers: dict[str, str] = {name.lower(): value for name, value in headers}

    def iter_bytes(self) -> Iterator[bytes]:
        """The body as it arrives. Raises NetworkError, UpstreamTimeout, and ProviderError (`answer_too_large`)."""
        if not self._secrets:
            yield from self._pieces()
            return
        cleaner = self._secrets.cleaner(error=self.status >= 400)
        for piece in self._pieces():
            if cleaned := cleaner.feed(piece):
                yield cleaned
        if held := cleaner.flush():
            yield held

    def _pieces(self) -> Iterator[bytes]:
        remaining = self._limits.max_bytes if self.status < 400 else MAX_ERROR
        for piece in self._plain():
            if remaining is not None and (remaining := remaining - len(piece)) < 0:
                if self.status >= 400:
                    return  # only words are looked for in it
                raise failures.too_large()
            yield piece

    def _plain(self) -> Iterator[bytes]:
        headers = list(self.headers.items())
        if self.status >= 400 and (codings := codings_of(headers)):
            yield from map(ErrorUnpacker(codings).feed, self._arriving())
            return
        unpacker = unpacker_for(headers)
        if unpacker is None:
            yield from self._arriving()
            return
        try:
            for packed in self._arriving():
                unpacker.feed(packed)
                while piece := unpacker.take():
                    yield piece
            unpacker.end()
        except CannotUnpack as error:
            raise failures.network_error(failures.BADLY_PACKED) from error

    def _arriving(self) -> Iterator[bytes]:
        try:
            while piece := self._read(self._response.raw):
                yield piece
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise failures.of(error, _own) from error

    def _read(self, raw: Any) -> bytes:
        """The bytes that have arrived, waiting for some as long as the limits allow."""
        self._pace.wait(time.monotonic())
        self._deadlines.over = self._pace.deadline
        waiting.give_back()
        piece: bytes = raw.read1(PIECE, decode_content=False)
        self._pace.took(piece, time.monotonic())
        return piece

    @property
    def content(self) -> bytes:
        """The whole body, read within the limits of a body that comes in one piece."""
        if self._content is None:
            self._pace.be_whole()
            self._content = b"".join(self.iter_bytes())
        return self._content

    @property
    def text(self) -> str:
        return self.content.decode(self._response.encoding or "utf-8", errors="replace")

    def json(self) -> Any:
        """The body as JSON. Raises ProviderError (`invalid_answer`) for anything else."""
        try:
            return json_bodies.parse_response(self.content)
        except ValueError as error:
            raise ProviderError(
                _("The provider's answer is not JSON."),
                code="invalid_answer",
                provider=self._secrets.clean_text(self.text[:1000])[:500],
            ) from error


class CallOptions(TypedDict, total=False):
    """The options of a blocking call. Those of `BODY_OPTIONS` are as in requests."""

    headers: Mapping[str, str] | None
    params: Mapping[str, Any] | None
    json: Any
    data: Any
    files: Any
    auth: tuple[str, str] | None
    limits: Limits
    tls: Tls
    reach: Reach
    trusted_origin: str  # may be private even under Reach.PUBLIC
    secrets: Secrets  # values that the response must not contain
    redirects: bool  # whether a redirect is a response too, instead of an error
    abort: Abort | None  # a handle to end the call, which then raises NetworkError


BODY_OPTIONS = ("params", "json", "data", "files", "auth")  # handed to requests as they are


def request(method: str, url: str, **options: Unpack[CallOptions]) -> BlockingResponse:
    """Send a request and read the whole response.

    Raises NetworkError, UpstreamTimeout, AddressRefused, ConfigurationError (CA file), ProviderError (too large).
    """
    with stream_blocking(method, url, **options) as response:
        response.content  # noqa: B018  read while the connection is open
        return response


@contextmanager
def stream_blocking(method: str, url: str, **options: Unpack[CallOptions]) -> Iterator[BlockingResponse]:
    """As `request`, but the caller reads the body. Leaving the context closes the connection."""
    limits, tls, abort = options.get("limits", DEFAULT_LIMITS), options.get("tls", DEFAULT_TLS), options.get("abort")
    url, reach = local.destination(url, options.get("reach", Reach.CONFIGURED), options.get("trusted_origin", ""))
    body: dict[str, Any] = {name: value for name, value in options.items() if name in BODY_OPTIONS}
    started = time.monotonic()
    pace = Pace(limits, started)
    connected = soonest(limits.connect, limits.total)
    deadlines = _urllib3_private.Deadlines(None if connected is None else started + connected, pace.deadline)
    with _Session() as session:
        session.trust_env = False
        adapter = _VettedAdapter() if reach is Reach.PUBLIC else _Adapter()
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        waiting.give_back()
        try:
            with deadlines.in_force(), abort.in_force() if abort else nullcontext():
                response = session.request(
                    method,
                    url,
                    headers={**DEFAULT_HEADERS, **(options.get("headers") or {})},
                    timeout=None,  # `deadlines` hold instead
                    verify=_verification(tls),
                    allow_redirects=False,
                    stream=True,
                    **body,
                )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise failures.of(error, _own) from error
        with response:
            secrets = options.get("secrets", NO_SECRETS)
            if response.status_code in failures.REDIRECTS and not options.get("redirects"):
                raise failures.redirected(url, response.headers.get("location", ""), secrets)
            yield BlockingResponse(response, limits, pace, deadlines, secrets)


class TimedSession(requests.Session):
    """A session for libraries that make their own calls: each call ends within so many seconds.

    Raises what requests raises.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())

    def request(self, *args: Any, **options: Any) -> requests.Response:
        end = time.monotonic() + self.seconds
        with _urllib3_private.Deadlines(end, end).in_force():
            return super().request(*args, **options)


def fetch(
    url: str,
    *,
    limits: Limits,
    reach: Reach = Reach.PUBLIC,
    trusted_origin: str = "",
    headers: Mapping[str, str] | None = None,
    tls: Tls = DEFAULT_TLS,
    secrets: Secrets = NO_SECRETS,
    abort: Abort | None = None,
) -> tuple[bytes, str]:
    """The bytes and the content type at a URL. Follows up to five redirects, each checked like the first address.

    `headers` and `tls` are for the first origin only. Raises as `request`, and ProviderError for a status above 399.
    """
    first, started = origin(url), time.monotonic()
    for _hop in range(MAX_REDIRECTS + 1):
        with stream_blocking(
            "GET",
            url,
            headers=headers if origin(url) == first else None,
            limits=limits.after(started),
            tls=tls if origin(url) == first else DEFAULT_TLS,
            reach=reach,
            trusted_origin=trusted_origin,
            secrets=secrets,
            redirects=True,
            abort=abort,
        ) as response:
            if response.status in FOLLOWED and "location" in response.headers:
                url = urljoin(url, response.headers["location"])
                continue
            if response.status >= 400:
                raise ProviderError(
                    _("The address answered with an error."), code="fetch_failed", provider=f"HTTP {response.status}"
                )
            return response.content, response.headers.get("content-type", "")
    raise ProviderError(_("The address redirects too often."), code="fetch_failed")


def _verification(tls: Tls) -> bool | str:
    tls_context(tls)  # raises ConfigurationError for an unreadable CA file
    return tls.ca_file if tls.verify and tls.ca_file else tls.verify


def _own(error: BaseException) -> GatewayError | None:
    """Our error for an exception of requests or urllib3. For a bad URL requests raises a ValueError."""
    match error:
        case requests.Timeout() | urllib3.exceptions.TimeoutError():
            return failures.timeout_error()
        case requests.exceptions.SSLError():
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
            return failures.network_error(failures.UNTRUSTED if untrusted else failures.NO_TLS)
        case requests.ConnectionError():
            return failures.timeout_error() if _is_late(error) else failures.network_error(_reason(error))
        case requests.exceptions.ChunkedEncodingError():
            return failures.network_error(failures.BROKEN)
    return None


def _is_late(error: requests.ConnectionError) -> bool:
    """Whether the time was over while the request was sent: urllib3 has that as the second word of its own error."""
    cause = error.args[0] if error.args else None
    return any(isinstance(word, TimeoutError) for word in getattr(cause, "args", ()))


def _reason(error: requests.ConnectionError) -> Any:
    """Our sentence for a broken connection. urllib3 has the cause one or two levels down."""
    cause = error.args[0] if error.args else None
    cause = getattr(cause, "reason", cause)
    if isinstance(cause, urllib3.exceptions.NameResolutionError | socket.gaierror):
        return failures.UNKNOWN_HOST
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return failures.UNREACHABLE
    return failures.BROKEN
