"""Whether this process is being stopped. What it breaks off then is no provider's failure and no client's choice."""

from providers import runtime


class Stop:
    """How far the stop of this process is."""

    def __init__(self) -> None:
        self.breaks_off = False  # the grace is over: what is still running is ended


def begin_to_break_off() -> None:
    runtime.state(Stop).breaks_off = True


def breaks_off() -> bool:
    return runtime.state(Stop).breaks_off
