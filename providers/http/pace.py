"""By when a body has to come on. Limits are deadlines: bytes that drip in one by one move none of them.

A step is a line that ends, or a kilobyte. The first one has to be there within `first_byte` of the start of the call,
each further one within `idle`, and all of the body within `total`. A body that is no stream has to be complete by the
longer of the first two where there is no `total`. Time that its reader spends elsewhere is not the server's.
"""

from providers.http.policy import Limits, soonest

STEP = 1024  # bytes
# Bodies that have an end, and that nobody listens to while they come.
WHOLE = ("application/json", "application/problem+json", "text/html", "image/")


class Pace:
    """The deadlines of one body. Times are on a monotonic clock, in seconds."""

    __slots__ = ("_idle", "_left", "_limits", "_next", "_size", "_started", "ends", "has_begun")

    def __init__(self, limits: Limits, started: float) -> None:
        self._limits = limits
        self._started = started
        self._idle = limits.idle
        self._next = None if limits.first_byte is None else started + limits.first_byte
        self._left: float | None = None  # when the reader went elsewhere
        self._size = 0  # bytes since the last step
        self.ends = None if limits.total is None else started + limits.total
        self.has_begun = False  # whether there was a step

    def bound(self, status: int, content_type: str) -> None:
        """Judge the body by the head of its response."""
        if self.ends is None and (status >= 400 or content_type.lower().startswith(WHOLE)):
            self.be_whole()

    def be_whole(self) -> None:
        whole = self._limits.for_whole().total
        if self.ends is None and whole is not None:
            self.ends = self._started + whole

    def wait(self, now: float) -> None:
        """The reader begins to wait for bytes."""
        if self._left is not None and self._next is not None:
            self._next += now - self._left

    def took(self, piece: bytes, now: float) -> None:
        """These bytes have come."""
        self._left = now
        self._size += len(piece)
        if self._size >= STEP or b"\n" in piece or b"\r" in piece:
            self._size = 0
            self.has_begun = True
            self._next = None if self._idle is None else now + self._idle

    @property
    def deadline(self) -> float | None:
        """By when bytes have to come, while the reader waits for some."""
        return soonest(self._next, self.ends)
