"""What every response of a call has, whoever made its bytes, and a response that hands on another."""

from providers import http
from providers.errors import GatewayError, ProviderError
from providers.relay import budgets, rate_limits
from providers.upstream.error_bodies import error_of


class RelayResponse(http.PiecewiseBody):
    """A response that has begun. `headers` are those for the client, with lower-case names. The receiver must close it.

    Reading raises NetworkError and UpstreamTimeout where the body breaks off, and a CallerError where the caller lost
    the permission for it.
    """

    __slots__ = ("connection", "connection_id", "headers", "hold", "public_id", "status")

    public_id: str
    connection: str  # its name; "" for a response from the cache
    connection_id: int | None
    status: int
    headers: list[tuple[str, str]]
    hold: budgets.Hold | None  # what the call reserved of its caller's budgets

    def keep(self, hold: budgets.Hold) -> None:
        """Take over a hold, which the end of the response settles."""
        self.hold = hold

    def fail(self, error: GatewayError) -> None:
        """Have the usage record show that the response ended in this error."""

    async def aclose(self) -> None:
        """End the call, at any point of the body, and record the usage."""
        raise NotImplementedError

    def closing_bytes(self, error: GatewayError) -> bytes:
        """The bytes that end a body which broke off with this error. Raises the error where no bytes can tell of it."""
        raise error

    async def error(self) -> ProviderError:
        """The error of a response with a status of 400 and above, with the provider's words."""
        return self.error_with(await self.beginning())

    @property
    def refusal(self) -> bytes:
        """The beginning of an error response, which stays in the body; b"" where it is not known."""
        return b""

    def error_with(self, body: bytes, *, status: int | None = None) -> ProviderError:
        """The error in a body that was read already. `status` replaces the response's own, which may be a 200."""
        return error_of(status or self.status, body, dict(self.headers))

    @property
    def length(self) -> int | None:
        """The number of bytes of the body; None where the provider did not send it."""
        for name, value in self.headers:
            if name == "content-length":
                return int(value)
        return None

    def _limit(self, admission: rate_limits.Admission | None) -> None:
        """Replace the provider's rate limit headers by ours, which are the limits of this client."""
        if admission is not None:
            others = [pair for pair in self.headers if not pair[0].startswith("x-ratelimit-")]
            self.headers = [*others, *admission.headers]


class WrappedResponse(RelayResponse):
    """A response that hands on another with other bytes, and so without its length. It takes over `inner`."""

    __slots__ = ("_inner",)

    def __init__(self, inner: RelayResponse) -> None:
        self.public_id, self.connection, self.connection_id = inner.public_id, inner.connection, inner.connection_id
        self.status = inner.status
        self.headers = [pair for pair in inner.headers if pair[0] != "content-length"]
        self._inner = inner

    @property
    def refusal(self) -> bytes:
        return self._inner.refusal

    def error_with(self, body: bytes, *, status: int | None = None) -> ProviderError:
        return self._inner.error_with(body, status=status)

    def closing_bytes(self, error: GatewayError) -> bytes:
        return self._inner.closing_bytes(error)

    def fail(self, error: GatewayError) -> None:
        self._inner.fail(error)

    def keep(self, hold: budgets.Hold) -> None:
        self._inner.keep(hold)

    async def aclose(self) -> None:
        await self._inner.aclose()
