"""The events that go over the socket: their types, and how they are sent.

Each event is `{"chat_id", "message_id", "seq", "data": {"type", "data"}}` and reaches every socket of its person.
`seq` counts one message's events from 1 without gaps; 0 marks an event outside the count: about a chat, or sent by a
process that does not run the reply. A `snapshot` replaces what the client has, up to the `seq` that it names.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypedDict

import orjson
from channels.layers import get_channel_layer
from django.utils.translation import gettext as _

from chat import loop
from providers import runtime, sentences
from providers.process import waiting

LOG_SECONDS = 60.0  # between two log lines about one trouble, which comes with every socket and every event
TEXTS = ("description", "detail")  # members of a status line that people read
logger = logging.getLogger(__name__)
SEND_SECONDS = 5.0  # a channel layer that hangs costs an event, never a reply
REPEAT_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # pauses between attempts to deliver an end that was lost
AGAIN_SECONDS = 3.0  # after which it is sent once more

EventType = Literal[
    "status",  # StatusData
    "files",  # {"files": [FileData]}: all files of the message
    "chat:completion",  # CompletionData
    "message",  # {"content"}: text of a handler, to append
    "replace",  # {"content"}: the whole text, to replace the old one
    "chat:message:error",  # {"error": {"content"}}
    "chat:title",  # {"title"}
    "chat:rules",  # {"rules"}: the chat's own rules, as its API shows them
    "chat:message:follow_ups",  # {"follow_ups": [str]}: suggestions of what to ask next
    "chat:messages",  # {"chat_id"}: messages or the shown branch changed
    "chat:list",  # {}: chats or folders were added, moved, deleted or restored
    "chat:read",  # {"unread"}: an answer of the chat has not been seen, or was seen
    "chat:draft",  # {"key", "written" or "gone"}: what stands in the field of a chat was kept, or taken away
    "chat:queue",  # {}: a message of the chat's queue was added, changed, moved, taken away, held or sent
    "data:transfer",  # an import, an export or a deletion moved or ended: {"id", "kind", "state", "share"}
    "chat:summary",  # {"id", "status", "error"}: the summary of a chat's beginning is there, or failed
    "chat:tasks:cancel",  # {}: the person stopped this reply
    "image:job",  # a picture job moved or ended: {"id", "state", …} as the jobs API shows it
    "snapshot",  # SnapshotData
    "error",  # {"code", "detail"}: the answer to an invalid message of the client
    "pong",  # {}
]


class SourceData(TypedDict, total=False):
    """A page, or a file, that an answer cites; shown below it."""

    title: str
    url: str
    site: str  # of a file: which places of it


class CallData(TypedDict, total=False):
    """A call of a tool, as the thread shows it."""

    name: str  # as models call it
    title: str
    server: str
    arguments: str  # JSON, indented
    result: str  # once there is one


class ApprovalData(TypedDict, total=False):
    """The question whether a tool may be called."""

    id: str
    may_keep: bool  # whether it can be allowed for the whole chat
    decision: str  # "once", "chat", "refuse" or "late"; missing while the answer waits


class StatusData(TypedDict, total=False):
    """A status line; stored in the message's `status_history`."""

    description: str
    done: bool
    error: bool
    notice: bool  # a notice to the person, not a step: it stays visible
    progress: float  # 0 to 1
    step: int
    total: int
    preview: str
    queue: int
    sources: list[SourceData]
    call: CallData
    approval: ApprovalData


class FileData(TypedDict, total=False):
    type: str  # "image" or "file"
    url: str
    id: str
    name: str
    content_type: str


class CompletionData(TypedDict, total=False):
    """A piece of the answer; with `done`, how it ended."""

    content: str
    reasoning: str
    done: bool
    usage: dict[str, Any] | None
    error: dict[str, Any] | None
    status: str


class SnapshotData(TypedDict):
    """A message as a whole."""

    content: str
    reasoning: str
    files: list[FileData]
    status: str
    status_history: list[StatusData]
    error: dict[str, Any] | None
    usage: dict[str, Any] | None
    done: bool


def group_of(user_id: object) -> str:
    """The channel group that all sockets of a person join."""
    return f"user.{user_id}"


def pack(*, type: EventType, data: Any, chat_id: object = "", message_id: object = "", seq: int = 0) -> str:
    """The event as it goes over the wire: a status line without the parts of its texts."""
    if type == "status":
        data = {name: value for name, value in data.items() if name != "texts"}
    envelope = {
        "chat_id": str(chat_id),
        "message_id": str(message_id),
        "seq": seq,
        "data": {"type": type, "data": data},
    }
    return orjson.dumps(envelope, default=str).decode()


async def pack_large(size: int, type: EventType, data: Any, **about: Any) -> str:
    """`pack` for data with `size` characters of text: in a thread where that would keep the loop busy."""
    return await waiting.off_loop(size, pack, type=type, data=data, **about)


def plain(data: Any) -> Any:
    """Plain JSON data: lazy translations, ids and times become text."""
    return orjson.loads(orjson.dumps(data, default=str))


async def emit(
    user_id: object, *, type: EventType, data: Any, chat_id: object = "", message_id: object = "", seq: int = 0
) -> bool:
    """Send an event to every socket of a person; False when it was lost. Never raises: a client that misses one sees
    the gap and resumes.
    """
    text = pack(type=type, data=data, chat_id=chat_id, message_id=message_id, seq=seq)
    return await _deliver(group_of(user_id), {"type": "chat.event", "text": text})


async def emit_end(user_id: object, text: str) -> None:
    """Send the last packed event of a message. It is repeated if lost: no later event would show clients the gap.

    The channel layer may be back before the sockets listen to it again: what was lost once is sent twice.
    """
    message, lost = {"type": "chat.event", "text": text}, False
    for pause in REPEAT_SECONDS:
        if await _deliver(group_of(user_id), message):
            break
        lost = True
        await asyncio.sleep(pause)
    if lost:
        await asyncio.sleep(AGAIN_SECONDS)
        await _deliver(group_of(user_id), message)


def emit_soon(
    user_id: object,
    *,
    type: EventType,
    data: Any,
    chat_id: object = "",
    message_id: object = "",
    is_end: bool = False,
) -> None:
    """`emit` from synchronous code, outside the count of any reply; an end is repeated as in `emit_end`."""
    if is_end:
        text = pack(type=type, data=data, chat_id=chat_id, message_id=message_id)
        loop.spawn(partial(emit_end, user_id, text), name=f"event {type}")
        return

    async def once() -> None:
        await emit(user_id, type=type, data=data, chat_id=chat_id, message_id=message_id)

    loop.spawn(once, name=f"event {type}")


async def send_to(channel: str, text: str) -> None:
    """Send a packed event to one socket. Never raises."""
    await _deliver(channel, {"type": "chat.event", "text": text}, group=False)


def end_session_soon(user_id: object, session_key: str) -> None:
    """Close the sockets of one session; from synchronous code."""
    message = {"type": "session.ended", "session": digest_of(session_key)}

    async def end() -> None:
        await _deliver(group_of(user_id), message)

    loop.spawn(end, name="end of a session")


def digest_of(session_key: str) -> str:
    """The digest that names a session on the channel layer, where its key must not be read."""
    return hashlib.sha256(session_key.encode()).hexdigest()


class ChannelTroubles:
    """When each trouble with the channel layer was logged last, on the monotonic clock."""

    def __init__(self) -> None:
        self.logged: dict[tuple[str, str], float] = {}


def log_trouble(message: str, *about: object, error: BaseException) -> None:
    """Log that the channel layer failed: each message with each kind of error at most once in `LOG_SECONDS`."""
    logged, now = runtime.state(ChannelTroubles).logged, time.monotonic()
    trouble = (message, type(error).__name__)
    if now - logged.get(trouble, float("-inf")) >= LOG_SECONDS:
        logged[trouble] = now
        logger.warning(message, *about, type(error).__name__)


async def _deliver(address: str, message: dict[str, str], *, group: bool = True) -> bool:
    """Whether the channel layer took the message."""
    layer = get_channel_layer()
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await (layer.group_send(address, message) if group else layer.send(address, message))
    except Exception as error:  # each channel layer has errors of its own; none may end a reply
        log_trouble("An event for %s was lost: %s", address, error=error)
        return False
    return True


def with_parts(line: Mapping[str, Any]) -> Any:
    """A status line as plain data, with what its texts are made of as `texts`: for readers in other languages."""
    parts = {name: made for name in TEXTS if (made := sentences.parts_of(line.get(name)))}
    return plain({**line, "texts": parts} if parts else line)


def stored_step(line: Mapping[str, Any]) -> Any:
    """The stored form of a status line of `with_parts`: no preview, texts in English, and the parts of texts with
    values.
    """
    parts = line.get("texts") or {}
    sources = {name: made["source"] for name, made in parts.items() if made.keys() == {"source"}}
    others = {name: made for name, made in parts.items() if name not in sources}
    stored = {name: value for name, value in line.items() if name not in ("preview", "texts")}
    return stored | sources | ({"texts": others} if others else {})


def worded_steps(lines: Sequence[Any]) -> list[Any]:
    """Stored status lines as clients get them: in the present language, without the parts of their texts."""
    return [
        {name: step_text(line, name) if name in TEXTS else value for name, value in line.items() if name != "texts"}
        for line in lines
    ]


def step_text(line: Any, name: str) -> str:
    """One text of a stored status line, in the present language."""
    text: str = line.get(name) or ""
    return str(sentences.remade((line.get("texts") or {}).get(name)) or (_(text) if text else ""))
