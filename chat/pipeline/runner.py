"""The handlers of the pipeline: which there are, and how they work on a turn, one after the other."""

import logging
from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from chat.events import FileData
from chat.loop import in_thread
from chat.pipeline import attachments, contexts
from chat.pipeline.base import Handler, Toggle
from chat.pipeline.turn import Turn
from providers.errors import GatewayError
from providers.facts import Caller
from providers.sentences import sentence as _

logger = logging.getLogger(__name__)


def handlers() -> tuple[Handler, ...]:
    """One instance of each handler, in order. Raises ImportError for a path that leads nowhere."""
    return _load(tuple(settings.CHAT_PIPELINE))


@lru_cache(maxsize=8)
def _load(paths: tuple[str, ...]) -> tuple[Handler, ...]:
    return tuple(import_string(path)() for path in paths)


def toggles_for(caller: Caller) -> list[tuple[str, Toggle]]:
    """`(feature, toggle)` of what this person may switch on, for the composer. May read the database."""
    return [(handler.name, toggle) for handler in handlers() if (toggle := handler.toggle_for(caller)) is not None]


async def run(turn: Turn) -> None:
    """Run the handlers until one finishes the turn; if none does, turn its files into what the model reads.

    An answer that goes on has what most of them added when it began.
    """
    for handler in handlers():
        if turn.finished:
            return
        if turn.request.continues and not handler.goes_on:
            continue
        if handler.toggle is not None and not (
            turn.wants(handler.name) and await in_thread(handler.may_use, turn.caller)
        ):
            continue
        turn.source = handler.name
        try:
            await handler.handle(turn)
        except GatewayError as error:
            logger.warning("Handler %s gave up: %s", handler.name, error.message)
            await _report(turn, error.reason)
        except Exception:  # a handler may come from anywhere; the conversation goes on without it
            logger.exception("Handler %s failed", handler.name)
            await _report(turn, _("Something went wrong on this site."))
    if not turn.finished:
        await attachments.attach(turn)
        contexts.insert(turn)
        for handler in handlers():
            await handler.before_model(turn)


async def end_answer(turn: Turn, text: str) -> str:
    """The text of a complete answer after all handlers have seen it."""
    for handler in handlers():
        try:
            text = await handler.after_answer(turn, text)
        except GatewayError as error:
            logger.warning("Handler %s gave up: %s", handler.name, error.message)
            await _report(turn, error.reason)
    return text


async def receive_pictures(turn: Turn, urls: Sequence[str]) -> None:
    """Hand pictures that the model itself made (data or http URLs) to the first handler that stores them.

    Those that the answer has no room for are left out, and the person is told.
    """
    taken = [url for url in urls if turn.picture_allowance.takes(url)]
    if len(taken) < len(urls):
        await _tell_left_out(turn)
    for handler in handlers() if taken else ():
        if await handler.receive_pictures(turn, taken):
            return
    if taken:
        await _report(turn, _("The model sent a picture that could not be saved."))


async def keep_picture(turn: Turn, url: str) -> FileData | None:
    """Store a picture from the model's text and return its file; None, with a status line, if no handler stores it or
    the answer has no room for it.
    """
    if not turn.picture_allowance.takes(url):
        await _tell_left_out(turn)
        return None
    for handler in handlers():
        if file := await handler.keep_picture(turn, url):
            return file
    await _report(turn, _("The model sent a picture that could not be saved."))
    return None


async def _tell_left_out(turn: Turn) -> None:
    """Once for a turn."""
    if not turn.picture_allowance.is_told:
        turn.picture_allowance.is_told = True
        await _report(turn, _("The model sent more pictures than one answer may hold. The others were left out."))


async def _report(turn: Turn, description: str) -> None:
    await turn.emit("status", {"description": description, "done": True, "error": True})
