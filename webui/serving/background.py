"""What a serving process does besides answering."""

import threading

START_SECONDS = 1.0  # after the server: the first page comes before what another process left behind


def start() -> None:
    """Begin looking after picture jobs, those of a process that died among them."""

    def begin() -> None:
        from imagegen import jobs  # late: the server is up before it loads

        jobs.start()

    timer = threading.Timer(START_SECONDS, begin)
    timer.daemon = True
    timer.start()
