"""The wait for the end of a prompt: progress comes from the socket, position and result from queue and history."""

import logging
import time
from collections.abc import Generator
from typing import Any

from imagegen.engines.base import Run
from imagegen.engines.comfyui import failures
from imagegen.engines.comfyui.client import ServerClient
from imagegen.engines.comfyui.event_socket import EventSocket
from imagegen.engines.comfyui.prompt_state import PromptState
from imagegen.engines.events import Progress
from providers.errors import GatewayError

logger = logging.getLogger(__name__)

UNREACHABLE_SECONDS = 30.0  # how long the server may be unreachable during a run
REST_SECONDS = 0.5  # without a frame, after which a prompt that is in history sends no more …
PICTURES_SECONDS = 5.0  # … and the same where its pictures come as frames


def wait(
    client: ServerClient, socket: EventSocket, state: PromptState, client_id: str, run: Run, *, poll: float
) -> Generator[Progress, None, dict[str, Any]]:
    """Yield progress until the prompt has ended; returns its history entry, also that of a failed prompt.

    The queue, which holds whole workflows, is read only before the start and when the socket is or was closed. While a
    long step is silent, only the history is read. The run's time limit counts from the start of the prompt, not while
    others run before it. Raises ProviderError when the prompt is in neither queue nor history.
    """
    limit = run.remaining()
    looked, away_since = time.monotonic(), 0.0
    while True:
        if not state.ended:
            message = socket.receive(poll)
            if message is not None and (progress := state.read(message)):
                yield progress
            is_news = message is None or (state.queue_moved and not state.started)
            if not state.ended and not (is_news and time.monotonic() - looked >= poll):
                continue
        elif away_since:
            run.sleep(poll)
        state.queue_moved, looked = False, time.monotonic()
        try:
            queued, asked = None, False
            if state.ended or not state.started or socket.broken or not socket.is_open:
                queued, asked = client.queue_entry(state.prompt_id, client_id), True
            entry = {} if queued else client.history(state.prompt_id)
            away_since = 0.0
        except GatewayError as error:
            away_since = away_since or time.monotonic()
            if not error.retryable or time.monotonic() - away_since > UNREACHABLE_SECONDS:
                raise
            logger.info("The server is unreachable during a run: %s", error.message)
            continue
        if entry:
            yield from _rest(socket, state, PICTURES_SECONDS if state.expects_pictures else REST_SECONDS)
            return entry
        if queued and not queued.running:
            if limit is not None:
                run.deadline = time.monotonic() + limit
            yield Progress(queue=queued.before_us)
        elif queued:
            state.started = True
        elif asked and state.failure:
            raise failures.failed_run(state.failure, state.graph)
        elif asked:
            raise failures.interrupted() if state.interrupted else failures.vanished(restarted=socket.broken)


def _rest(socket: EventSocket, state: PromptState, seconds: float) -> Generator[Progress, None, None]:
    """The last frames of a prompt that is already in the history: some come after its entry is written."""
    while socket.is_open and not state.ended and (message := socket.receive(seconds)) is not None:
        if progress := state.read(message):
            yield progress
