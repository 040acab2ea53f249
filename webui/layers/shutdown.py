"""What is told to stop before the server closes its connections."""

import asyncio
import logging

GRACE_SECONDS = 3  # how long a stop waits for answers that are being sent

logger = logging.getLogger(__name__)


async def close_running() -> None:
    """Let running replies end as interrupted and close this loop's upstream connections. Never raises, never hangs."""
    from chat import runs
    from imagegen import jobs
    from providers import http

    async def let_go() -> None:
        await asyncio.to_thread(jobs.shutdown)

    steps = (("replies", runs.shutdown), ("pictures", let_go), ("upstream connections", http.aclose))
    for what, close in steps:
        try:
            await asyncio.wait_for(close(), GRACE_SECONDS)
        except TimeoutError:
            logger.warning("Stopping: %s did not end within %s s", what, GRACE_SECONDS)
        except Exception:  # the server has to stop whatever happens here
            logger.exception("Stopping: %s ended with an error", what)
