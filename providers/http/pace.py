"""The deadlines for the body of a response: by when its next step has to arrive.

A step is the end of a line, or a kilobyte: single bytes move no deadline. The first step has to arrive within
`first_byte` of the start of the call, each further one within `idle` of the one before, and the whole body within
`total`. Without a `total`, a body that is no stream has to be complete within `first_byte` or `idle`, whichever is
longer. Only time that the reader waits for bytes counts.
"""

from providers.http.policy import Limits, soonest

STEP = 1024  # bytes
# Content types of bodies that are used only once they are complete.
WHOLE = ("application/json", "application/problem+json", "text/html", "image/")


class Pace:
    """The deadlines of one body. Times are on a monotonic clock, in seconds."""

    __slots__ = ("_idle", "_left", "_limits", "_next", "_size", "_started", "ends", "has_begun")

    def __init__(self, limits: Limits, started: float) -> None:
        self._limits = limits
        self._started = started
        self._idle = limits.idle
        self._next = None if limits.first_byte is None else started + limits.first_byte
        self._left: float | None = None  # when the reader stopped waiting
        self._size = 0  # bytes since the last step
        self.ends = None if limits.total is None else started + limits.total
        self.has_begun = False  # whether there was a step

    def bound(self, status: int, content_type: str) -> None:
        """Set the deadline of a whole body if the head of the response says that it is no stream."""
        if self.ends is None and (status >= 400 or content_type.lower().startswith(WHOLE)):
            self.be_whole()

    def be_whole(self) -> None:
        whole = self._limits.for_whole().total
        if self.ends is None and whole is not None:
            self.ends = self._started + whole

    def wait(self, now: float) -> None:
        """Note that the reader begins to wait for bytes."""
        if self._left is not None and self._next is not None:
            self._next += now - self._left

    def took(self, piece: bytes, now: float) -> bool:
        """Note bytes that have arrived. Returns whether the first step is among them."""
        self._left = now
        self._size += len(piece)
        if self._size >= STEP or b"\n" in piece or b"\r" in piece:
            self._size = 0
            self._next = None if self._idle is None else now + self._idle
            if not self.has_begun:
                self.has_begun = True
                return True
        return False

    @property
    def deadline(self) -> float | None:
        """The time by which bytes have to arrive, while the reader waits for some."""
        return soonest(self._next, self.ends)
