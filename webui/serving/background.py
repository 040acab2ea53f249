"""The background work of a serving process: picture jobs, and the daily housekeeping."""

import threading

from providers import runtime

START_SECONDS = 1.0  # after the server: the first page comes before what another process left behind


def start() -> None:
    """Begin looking after picture jobs, those of a process that died among them, and after the daily clearing."""

    def begin() -> None:
        from imagegen import jobs  # late: the server is up before it loads
        from webui.housekeeping import Housekeeper  # late, as above

        jobs.start()
        runtime.state(Housekeeper).start()

    timer = threading.Timer(START_SECONDS, begin)
    timer.daemon = True
    timer.start()
