"""The background work of a serving process: picture jobs, imports and exports, and the daily housekeeping."""

import threading

from providers import runtime

START_SECONDS = 1.0  # after the server: the first page is served before old jobs are taken over


def start() -> None:
    """Start what runs picture jobs, and imports and exports (those of dead processes, too), and the housekeeping."""

    def begin() -> None:
        from chat.transfers import worker as transfers  # late, as below
        from imagegen import jobs  # late: the server is up before it loads
        from webui.housekeeping import Housekeeper  # late, as above

        jobs.start()
        transfers.start()
        runtime.state(Housekeeper).start()

    timer = threading.Timer(START_SECONDS, begin)
    timer.daemon = True
    timer.start()
