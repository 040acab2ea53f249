"""The feed of a job: its progress and its end, for listeners of this process and for every tab of its person."""

import asyncio
import base64
import threading
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

from chat import events, push
from chat.files import pictures
from imagegen.engines.events import Progress
from imagegen.models import ImageJob
from providers.errors import GatewayError

PROGRESS_SECONDS = 0.25  # between reports of progress; the end is always reported
PREVIEW_WIDTH = 320  # pixels of the preview in an event
PREVIEW_BYTES = 32 * 1024  # a preview up to this size is sent as it came
PREVIEW_PATIENCE = 0.5  # seconds: drawing goes on without a preview
SHOWN_TYPES = ("image/jpeg", "image/png", "image/webp")

# A listener is called with ("progress", numbers and the URL of a small preview), ("preview", {"content": bytes}) as the
# engine sent it, ("notice", {"text"}) or ("end", the job as the API shows it).
Listener = Callable[[str, dict[str, Any]], None]


@dataclass(slots=True)
class JobFeed:
    """One open job of this process. Listeners are called from worker threads and return at once."""

    job_id: Any
    user_id: int
    ended: threading.Event = field(default_factory=threading.Event)
    progress: dict[str, Any] = field(default_factory=dict)
    _listeners: list[Listener] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reported: float = 0.0

    def listen(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.append(listener)

    def unlisten(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.remove(listener)

    async def moves(self, *, patience: float) -> AsyncGenerator[tuple[str, dict[str, Any]] | None, None]:
        """Yield what listeners are called with, until the job ends; None after `patience` seconds without any."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[str, dict[str, Any]]]()

        def listener(kind: str, data: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, (kind, data))

        self.listen(listener)
        try:
            while not (self.ended.is_set() and queue.empty()):
                try:
                    kind, data = await asyncio.wait_for(queue.get(), patience)
                except TimeoutError:
                    yield None
                    continue
                if kind == "end":
                    return
                yield kind, data
        finally:
            self.unlisten(listener)

    def began(self) -> None:
        """Report that drawing has begun."""
        self._emit({"state": ImageJob.State.RUNNING})

    def moved(self, progress: Progress) -> bool:
        """Report progress, unless the last report was a moment ago; true when the row should be written too."""
        facts = progress_facts(progress)
        self.progress = facts
        if progress.preview:
            self._call("preview", {"content": progress.preview})
        now = time.monotonic()
        if now - self._reported < PROGRESS_SECONDS and not (progress.total and progress.step >= progress.total):
            return False
        self._reported = now
        shown = facts | ({"preview": preview_url(progress)} if progress.preview else {})
        self._call("progress", shown)
        self._emit({"state": ImageJob.State.RUNNING, **shown})
        return True

    def noticed(self, text: str) -> None:
        self._call("notice", {"text": text})

    def end(self, data: dict[str, Any]) -> None:
        """`data` is the job as the API shows it."""
        self.ended.set()
        self._call("end", data)
        self._emit(data, is_end=True)
        if data.get("state") == ImageJob.State.SUCCEEDED and not data.get("message_id"):  # an answer tells of its own
            push.picture_ready(self.user_id, self.job_id)

    def let_go(self) -> None:
        """End the feed, but not the job, because this process ends."""
        self.ended.set()
        self._call("end", {})

    def _call(self, kind: str, data: dict[str, Any]) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(kind, data)

    def _emit(self, data: dict[str, Any], *, is_end: bool = False) -> None:
        events.emit_soon(self.user_id, type="image:job", data={"id": str(self.job_id), **data}, is_end=is_end)


def progress_facts(progress: Progress) -> dict[str, Any]:
    """The part of the progress that the row stores: numbers, without the preview."""
    facts = {
        "fraction": progress.fraction,
        "step": progress.step or None,
        "total": progress.total or None,
        "queue": progress.queue,
    }
    return {name: value for name, value in facts.items() if value is not None}


def preview_url(progress: Progress) -> str:
    """A small preview as a data URL; empty when the preview cannot be read, which does not end the job."""
    content = progress.preview or b""
    try:
        kind = pictures.sniff(content)
        if len(content) > PREVIEW_BYTES or kind not in SHOWN_TYPES or pictures.measure(content).width > PREVIEW_WIDTH:
            kind, content = "image/webp", pictures.thumbnail(content, PREVIEW_WIDTH, patience=PREVIEW_PATIENCE)
    except GatewayError:
        return ""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
