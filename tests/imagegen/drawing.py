"""Helpers that run an engine as a job does and check its result."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagegen import services
from imagegen.engines.base import Engine, EngineConfig, Run
from imagegen.engines.events import Event, Learned, Notice, Picture, Progress, TokenUsage
from imagegen.image_request import ImageRequest, InputPicture
from imagegen.models import ImageJob
from imagegen.pictures import accept
from providers.callers import caller_for_user
from tests.upstream import Gate
from tests.upstream.pictures import png

LONG_AGO = 30.0  # seconds that a test waits for a thread


@dataclass
class Drawing:
    """The events of one run, by kind."""

    events: list[Event] = field(default_factory=list)

    def _of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def pictures(self) -> list[Picture]:
        return self._of(Picture)

    @property
    def progress(self) -> list[Progress]:
        return self._of(Progress)

    @property
    def learned(self) -> list[str]:
        return [event.param for event in self._of(Learned)]

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self._of(Notice)]

    @property
    def used(self) -> list[TokenUsage]:
        return self._of(TokenUsage)


def draw(engine: Engine, config: EngineConfig, run: Run | None = None, **wish: Any) -> Drawing:
    """Draw `wish` (a ImageRequest's members; the prompt is a red kite) to the end."""
    request = ImageRequest(**{"prompt": "a red kite", **wish})
    return Drawing(list(engine.generate(config, request, run or Run(id="job-1"))))


def request_images(user: Any, values: Mapping[str, Any], **members: Any) -> tuple[ImageJob, bool]:
    """The job of this person's request, and whether it is new; `members` are those of a `JobRequest`."""
    return services.request_images(services.JobRequest(caller=caller_for_user(user), values=values, **members))


def picture(width: int = 64, height: int = 64, **options: Any) -> InputPicture:
    """An input picture; `alpha=True` leaves its left half transparent."""
    return accept(png(width, height, **options))


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do; fail when it does not."""
    end = time.monotonic() + LONG_AGO
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def too_late_at(gate: Gate, run: Run) -> None:
    """The run's time is over when the upstream comes to the gate."""

    def end() -> None:
        gate.wait()
        run.deadline = time.monotonic()

    threading.Thread(target=end).start()
