"""The shutdown of a server, between the signal and its end. Servers call `close_running` once they accept no more
connections and before they close the open ones.
"""

import asyncio
import logging
from contextlib import suppress

from django.conf import settings

from webui.layers import calls

STEP_SECONDS = 3  # how long each step after the grace may take
LONGEST_SECONDS = 5 * STEP_SECONDS  # all of them, and the server's own

logger = logging.getLogger(__name__)


async def close_running() -> None:
    """Wait for answers up to `STOP_GRACE_SECONDS`; end what is left, the connections to providers last.

    Never raises, never hangs.
    """
    # Late: the servers import this module before Django is set up, and these import models.
    from chat import runs
    from imagegen import jobs
    from providers import http
    from providers.process import shutdown, waiting

    async def let_go() -> None:
        await waiting.in_own_thread(jobs.shutdown)

    with suppress(TimeoutError):
        async with asyncio.timeout(settings.STOP_GRACE_SECONDS):
            await calls.until_answered()  # the first, because some of them start replies
            await runs.until_over()
    shutdown.begin_to_break_off()
    steps = (
        ("replies", runs.shutdown),
        ("pictures", let_go),
        ("requests", calls.end_all),
        ("upstream connections", http.aclose),
    )
    for what, close in steps:
        try:
            await asyncio.wait_for(close(), STEP_SECONDS)
        except TimeoutError:
            logger.warning("Stopping: %s did not end within %s s", what, STEP_SECONDS)
        except Exception:  # the server has to stop whatever happens here
            logger.exception("Stopping: %s ended with an error", what)
