"""The question before a call: the answer pauses until its person allows or refuses it, on whatever device.

The question is a status line of the message with `approval`, so that it is there after a reload and in every tab. The
process that runs the answer waits on its event loop: no thread and no connection is held. Who decides in another
process reaches it as a stop does (`chat.runs`).
"""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Literal, get_args

from django.conf import settings
from django.core.cache import cache

from chat.access import as_uuid
from chat.loop import in_thread
from chat.models import Chat, ToolAllowance
from chat.pipeline import Turn
from chat.tools.base import Tool
from providers import runtime
from providers.sentences import sentence as _

Decision = Literal["once", "chat", "refuse"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
TEMPORARY_SECONDS = 86_400.0  # for which a temporary chat remembers; it has no row


class Questions:
    """The questions that answers of this process wait for, by message and id."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], tuple[asyncio.AbstractEventLoop, asyncio.Future[Decision]]] = {}


def decide(message_id: str, question: str, decision: Decision) -> bool:
    """Answer a question of an answer that runs in this process; false where it waits for none. From any thread."""
    loop, future = runtime.state(Questions).open.get((message_id, question), (None, None))
    if loop is None or future is None:
        return False
    loop.call_soon_threadsafe(_settle, future, decision)
    return True


def _settle(future: "asyncio.Future[Decision]", decision: Decision) -> None:
    if not future.done():
        future.set_result(decision)


async def refusal(turn: Turn, tool: Tool, shown: Mapping[str, Any]) -> str:
    """Ask the person; empty when the tool may be called, else what the model is told."""
    key = tool.key or tool.name
    if await in_thread(_is_allowed, turn.chat_id, turn.caller.user_id, key):
        return ""
    decision = await _asked(turn, tool, shown)
    if decision == "chat":
        await in_thread(_allow, turn.chat_id, turn.caller.user_id, key)
    if decision in ("once", "chat"):
        return ""
    if decision == "refuse":
        return "Not run: the person refused this call. Do not call it again unless they ask for it; go on without it."
    return "Not run: the person did not answer the question whether it may be called. Go on without it."


async def _asked(turn: Turn, tool: Tool, shown: Mapping[str, Any]) -> str:
    questions, question = runtime.state(Questions).open, secrets.token_hex(8)
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Decision] = loop.create_future()
    questions[turn.message_id, question] = (loop, future)
    values = {"tool": tool.title or tool.name, "server": tool.origin}
    approval = {"id": question, "may_keep": True}
    decision: str = "late"
    try:
        description = _("May “%(tool)s” of %(server)s be called?") % values
        await turn.emit("status", {"description": description, "done": False, "approval": approval, **shown})
        async with asyncio.timeout(settings.TOOL_APPROVAL_SECONDS):
            decision = await future
    except TimeoutError:
        pass
    finally:
        del questions[turn.message_id, question]
    words = {
        "once": _("“%(tool)s” of %(server)s was allowed once"),
        "chat": _("“%(tool)s” of %(server)s was allowed for this chat"),
        "refuse": _("“%(tool)s” of %(server)s was refused"),
        "late": _("“%(tool)s” of %(server)s was not allowed in time"),
    }
    done = {"description": words[decision] % values, "done": True, "approval": {**approval, "decision": decision}}
    is_allowed = decision in ("once", "chat")  # then a line about the call itself follows
    await turn.emit("status", done if is_allowed else {**done, **shown})
    return decision


# --- what is allowed for a whole chat; in a thread --------------------------------------------------------------------


def _is_allowed(chat_id: str, user_id: int, tool: str) -> bool:
    chat = Chat.objects.filter(pk=as_uuid(chat_id), user_id=user_id)
    if ToolAllowance.objects.filter(chat__in=chat, tool=tool).exists():
        return True
    return bool(cache.get(_key(chat_id, user_id, tool)))


def _allow(chat_id: str, user_id: int, tool: str) -> None:
    chat = Chat.objects.filter(pk=as_uuid(chat_id), user_id=user_id).first()
    if chat is not None:
        ToolAllowance.objects.get_or_create(chat=chat, tool=tool)
    else:
        cache.set(_key(chat_id, user_id, tool), True, TEMPORARY_SECONDS)


def _key(chat_id: str, user_id: int, tool: str) -> str:
    return f"tool-allowance.{user_id}.{chat_id}.{tool}"
