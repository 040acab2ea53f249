"""The life of one reply: it reads the messages, runs the pipeline, and sends and saves what the model answers."""

import asyncio
import logging
import time
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from chat import events, pipeline, tools
from chat.answers import reader
from chat.answers.usage import tokens_of
from chat.loop import in_thread
from chat.models import Message
from chat.pipeline import CompletionRequest, Turn, pictures_refused
from chat.runs import inputs
from chat.runs.continuation import Continuation
from chat.runs.draft import AnswerDraft
from chat.runs.store import ReplyStore
from providers import relay, stored_errors
from providers.errors import GatewayError, ProviderError
from providers.permits import PermitScope
from providers.process import outages, request_ids
from providers.process.waiting import LARGE
from providers.sentences import sentence as _

GATHER_SECONDS = 0.04  # pieces that come within this time are sent as one event
SAVE_SECONDS = 1.0  # how often the row is saved, which is its heartbeat
LAST_SAVE_WAITS = (0.5, 2.0, 5.0)  # seconds between attempts, when the database is away at the end of an answer

logger = logging.getLogger(__name__)
Status = Message.Status


class RunningReply:
    """One answer while it grows. Lives on one event loop; `stop` and `interrupt` must be called there."""

    def __init__(
        self,
        store: ReplyStore,
        request: CompletionRequest,
        loop: asyncio.AbstractEventLoop,
        *,
        draft: AnswerDraft | None = None,
    ) -> None:
        self.store = store
        self.id = store.id
        self.chat_id = store.chat_id
        self.request = request
        self.user_id = request.user_id
        self.draft = draft or AnswerDraft(for_admin=request.caller.is_admin)
        self.loop = loop
        self.is_told = False  # the channel layer took its last event
        self._turn: Turn | None = None
        self._continuation: Continuation | None = None
        self._task: asyncio.Task[Any] | None = None  # set when it runs
        self._stopped = False  # the person stopped it
        self._ending = False  # too late to stop it
        self.ended = asyncio.Event()  # told and saved
        self._over = asyncio.Event()
        self._unsent = asyncio.Event()
        self._sending = asyncio.Lock()  # one event at a time, in the order of their numbers
        self._began = time.monotonic()

    # --- from outside -----------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the call of the model and keep the text; harmless when repeated or too late."""
        if not self._stopped and not self._ending:
            self._stopped = True
            self.interrupt()

    def interrupt(self) -> None:
        """End the call of the model because the process ends: the answer becomes `interrupted`."""
        if self._task is not None and not self._ending:
            self._task.cancel()

    async def snapshot(self) -> str:
        """The answer so far, packed as an event."""
        draft = self.draft
        return await events.pack_large(
            draft.size, "snapshot", draft.snapshot(), chat_id=self.chat_id, message_id=self.id, seq=draft.seq
        )

    async def send_snapshot(self, channel: str) -> None:
        """Send the answer so far to one socket, and no event of it in between."""
        async with self._sending:
            await events.send_to(channel, await self.snapshot())

    async def emit(self, type: events.EventType, data: Any) -> None:
        """Send a numbered event about this message, and record what it changes in the answer."""
        async with self._sending:
            await self._send_unsent()
            self._record(type, data)
            await self._send(type, data)

    # --- running ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """From the pending row to the last event. Errors are saved in the row, none is raised."""
        self._task = asyncio.current_task()
        request_ids.current.set(str(self.id))  # its calls have a receipt under the message's id
        permit_scope = PermitScope(self.request.caller)
        helpers = [asyncio.create_task(self._send_as_it_grows()), asyncio.create_task(self._save_as_it_grows())]
        try:
            if not self._stopped:
                with permit_scope:
                    await self._answer()
            status, error = (Status.STOPPED, None) if self._stopped else (Status.DONE, None)
        except asyncio.CancelledError:
            status, error = (Status.STOPPED if self._stopped else Status.INTERRUPTED), None
        except GatewayError as problem:
            status, error = Status.FAILED, events.plain(problem.message_body())
            if problem.code == outages.RESTARTING:
                status, error = Status.INTERRUPTED, None
        except Exception:  # the last resort of a task: whatever failed, the answer must end
            logger.exception("Reply %s failed", self.id)
            status, error = Status.FAILED, GatewayError(_("Something went wrong on this site.")).message_body()
        permit_scope.close()
        self._ending = True
        self._over.set()
        self._unsent.set()
        for result in await asyncio.gather(*helpers, return_exceptions=True):
            if isinstance(result, Exception):
                logger.error("Sending or saving reply %s failed", self.id, exc_info=result)
        await self._end(status, error)
        self.ended.set()

    async def _answer(self) -> None:
        request = await in_thread(self.store.load, self.request)
        if request is None:
            self._stopped = True
            return
        self._turn = turn = Turn(request, sink=self)
        await pipeline.run(turn)
        if not turn.finished:
            await self._call_model(turn)
            text = self.draft.content
            if (changed := await pipeline.end_answer(turn, text)) != text:
                await self.emit("replace", {"content": changed[: settings.CHAT_ANSWER_MAX_CHARACTERS]})

    async def _call_model(self, turn: Turn) -> None:
        """Call the model until it calls no tools any more."""
        rounds = await tools.begin(turn)
        if turn.request.continues:
            rounds.add(self.draft.usage or {})
            self._continuation = Continuation(turn, self.draft.content)
            await self._continuation.begin()
        while calls := await self._read_round(turn, rounds):
            self.draft.pause()
            if not await rounds.run(calls):
                return

    async def _read_round(self, turn: Turn, rounds: tools.Rounds) -> dict[str, Any] | None:
        """Read one answer of the model; returns its message when that calls tools."""
        before = self.draft.size
        while True:  # each of the three gives up once
            try:
                return await self._read_once(turn, rounds)
            except ProviderError as error:
                if self.draft.size > before:
                    raise
                if not rounds.gives_up(error) and not await self._does_without(turn, error):
                    raise

    async def _does_without(self, turn: Turn, error: ProviderError) -> bool:
        """Whether the same is asked once more in a form that this provider takes."""
        if await pictures_refused.gives_up(turn, error):
            notice = _("This model takes no pictures. It was asked again without them.")
            await turn.emit("status", {"description": notice, "done": True, "notice": True})
            return True
        return self._continuation is not None and self._continuation.gives_up(error)

    async def _read_once(self, turn: Turn, rounds: tools.Rounds) -> dict[str, Any] | None:
        self.draft.follow_ups = []  # an earlier round at its limit has gone on by itself
        payload = {**rounds.payload, "stream": True, "stream_options": {"include_usage": True}}
        async with relay.call(turn.relay_request(payload)) as upstream:
            self.draft.connection = upstream.connection
            if upstream.status >= 400:
                raise await upstream.error()
            calls: dict[str, Any] | None = None
            self.draft.is_incomplete = False
            seam = self._continuation if rounds.number == 1 else None
            since = len(self.draft.content)  # the content of earlier rounds stays content
            answer = reader.read(
                upstream.chunks(),
                may_call=rounds.offers,
                may_be_silent=rounds.number > 1,
                room=max(0, settings.CHAT_ANSWER_MAX_CHARACTERS - self.draft.size),
            )
            async with aclosing(answer) as pieces:
                async for piece in pieces:
                    calls = piece.calls or calls
                    if piece.was_reasoning:
                        await self._move_to_reasoning(since)
                    if piece.usage:
                        self.draft.usage = rounds.count(piece.usage)
                        self.draft.context_tokens = tokens_of(piece.usage)
                    if piece.notice:
                        await turn.emit("status", {"description": piece.notice, "done": True})
                    self.draft.is_incomplete = piece.is_cut
                    if piece.is_cut and not self.store.may_go_on:
                        self.draft.follow_ups = [str(_("Go on where you stopped."))]
                    if piece.images:
                        await pipeline.receive_pictures(turn, piece.images)
                    if piece.inline and (file := await pipeline.keep_picture(turn, piece.inline.url)):
                        self._grow(reader.Piece(content=f"![{piece.inline.alt}]({file['url']})"))
                    if seam is not None:
                        piece = replace(piece, content=seam.take(piece.content))
                    if piece.content or piece.reasoning:
                        self._grow(piece)
                    if self.draft.unsent_size > LARGE:
                        async with self._sending:  # the provider waits for the sockets
                            await self._send_unsent()
            if seam is not None and (rest := seam.rest()):
                self._grow(reader.Piece(content=rest))
            return calls

    async def _move_to_reasoning(self, since: int) -> None:
        async with self._sending:
            await self._send_unsent()
            await self._send("replace", {"content": self.draft.move_to_reasoning(since)})
        self._unsent.set()

    def _grow(self, piece: reader.Piece) -> None:
        if self.draft.first_token_ms is None:
            self.draft.first_token_ms = self._elapsed_ms()
        self.draft.status = Status.STREAMING
        self.draft.note_time(self._elapsed_ms(), thinking=bool(piece.reasoning), answering=bool(piece.content))
        self.draft.add(piece.content, piece.reasoning)
        self._unsent.set()

    async def _end(self, status: str, error: dict[str, Any] | None) -> None:
        draft = self.draft
        async with self._sending:
            await self._send_unsent()
            draft.status, draft.error = status, error
            draft.took(self._elapsed_ms())
            await self._save_at_the_end()  # before `done`: a client may read the row as soon as it gets that
            shown = stored_errors.worded(error, for_admin=draft.for_admin)
            if shown:
                await self._send("chat:message:error", {"error": {"content": shown["provider"] or shown["message"]}})
            if self._stopped:
                await self._send("chat:tasks:cancel", {})
            done: events.CompletionData = {
                "content": "",
                "done": True,
                "status": status,
                "error": shown,
                "usage": draft.usage,
            }
            self.is_told = await self._send("chat:completion", done)
            if draft.follow_ups:
                await self._send("chat:message:follow_ups", {"follow_ups": draft.follow_ups})

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    # --- sending ----------------------------------------------------------------------------------------------------

    async def _send_as_it_grows(self) -> None:
        """Send the first piece at once, and those that come within GATHER_SECONDS after it together."""
        while True:
            await self._unsent.wait()
            self._unsent.clear()
            async with self._sending:
                await self._send_unsent()
            if await self._over_within(GATHER_SECONDS):
                return

    async def _send_unsent(self) -> None:
        while data := self.draft.take_unsent():
            await self._send("chat:completion", data)

    async def _send(self, type: events.EventType, data: Any) -> bool:
        self.draft.seq += 1
        return await events.emit(
            self.user_id, type=type, data=data, chat_id=self.chat_id, message_id=self.id, seq=self.draft.seq
        )

    def _record(self, type: events.EventType, data: Any) -> None:
        """Change the answer as a handler's event says."""
        if type == "status":
            self.draft.note_status(data)
        elif type == "files":
            self.draft.files = list(data["files"])
        elif type == "replace":
            self.draft.replace(data["content"])
        elif type == "message":
            self.draft.append(data["content"])

    # --- saving -----------------------------------------------------------------------------------------------------

    async def _save_as_it_grows(self) -> None:
        saved: dict[str, Any] = {}
        is_away = False  # the database
        while not await self._over_within(SAVE_SECONDS):
            row = self.draft.row()
            changed = {name: value for name, value in row.items() if saved.get(name) != value}
            try:
                alive = await in_thread(self.store.save, {**changed, "status": row["status"]})
            except (DatabaseError, InterfaceError) as error:
                if not is_away:
                    logger.warning("Reply %s could not be saved for now: %s", self.id, error)
                is_away = True
                continue
            saved, is_away = row, False
            if not alive:
                self.stop()

    async def _over_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._over.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _save_at_the_end(self) -> None:
        read = inputs.of(self._turn) if self._turn is not None else []
        for wait in (*LAST_SAVE_WAITS, None):
            try:
                await in_thread(self.store.save_end, self.draft.row(), read)
            except (DatabaseError, InterfaceError):
                if wait is None:  # the row stays as it was last saved and is settled as interrupted later
                    logger.exception("The end of reply %s could not be saved", self.id)
                    return
                await asyncio.sleep(wait)
            else:
                return
