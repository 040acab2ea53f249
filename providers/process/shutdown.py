"""Whether a shutdown cuts off what still runs. Such calls count neither as failures of providers nor as cancelled."""

from providers import runtime


class Stop:
    """Whether this process is past its time to finish."""

    def __init__(self) -> None:
        self.breaks_off = False  # the time to finish is over: running calls are ended


def begin_to_break_off() -> None:
    runtime.state(Stop).breaks_off = True


def breaks_off() -> bool:
    return runtime.state(Stop).breaks_off
