"""`POST /api/chat/completions`: OpenAI's request through the chat's pipeline, as a stream or as a reply in a chat.

The body holds OpenAI's members and ours, which no provider sees: `chat_id`, `id` (a message), `session_id`, `features`,
`files`, `params`. With all three ids the reply runs in the background, is saved and told over the socket.
"""

import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chat import access, events, exchanges, serializers, services, temporary
from chat.api import NOT_FOUND, ChatView, asker_of
from chat.completions import direct
from chat.models import Message
from chat.pipeline import Turn, attachments
from chat.runs import Given
from providers import event_streams, relay
from providers.authentication import caller_of
from providers.errors import BadRequest
from providers.relay.views import RELAYED, LoopView, body_of


class ChatCompletions(LoopView):
    @extend_schema(
        operation_id="chat_completions",
        request=serializers.CompletionRequestSerializer,
        responses={**RELAYED, (200, "application/json"): serializers.BackgroundSerializer},
    )
    async def post(self, request: Request) -> HttpResponseBase:
        """Complete a chat with all that this site adds; in the background with `chat_id`, `id` and `session_id`."""
        ask = relay.read_request("chat", caller_of(request), body_of(request), request.COOKIES)
        ours, payload = _told_apart(ask.payload)
        if ours["files"] or any("files" in message for message in payload["messages"]):
            await sync_to_async(_find_files)(request, ours, payload)
        if ours["chat_id"] and ours["id"] and ours["session_id"]:
            task_id = await sync_to_async(_in_background)(request, ours, payload)
            return Response({"status": True, "task_id": str(task_id)})
        attachments.place(payload["messages"], ours["files"])
        sink = Direct(ask.caller.user_id, ours["chat_id"], ours["id"])
        turn = Turn(
            caller=ask.caller,
            payload={**ours["params"], **payload},
            sink=sink,
            chat_id=ours["chat_id"],
            message_id=ours["id"],
            session_id=ours["session_id"],
            features=ours["features"],
            files=ours["files"],
            files_expire_at=temporary.files_end(ours["chat_id"]),
            cookies=ask.cookies,
        )
        answer = await direct.begin(turn)
        if answer is not None:
            return StreamingHttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
        return _spoken(turn, sink.text)


class StopTask(ChatView):
    @extend_schema(
        operation_id="tasks_stop", request=None, responses={200: serializers.TaskStoppedSerializer, 404: NOT_FOUND}
    )
    def post(self, request: Request, task_id: str) -> Response:
        """Stop a reply that runs in the background; its task id is the id of its message."""
        services.stop_task(request.user, task_id)
        return Response({"status": True})


class ChatTasks(ChatView):
    @extend_schema(operation_id="tasks_list", responses={200: serializers.TasksSerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str) -> Response:
        """The replies of a chat that are running; of a temporary chat those that run in this process."""
        if temporary.is_temporary(chat_id):
            return Response({"task_ids": temporary.running_in(request.user, chat_id)})
        chat = self.chat(request, chat_id)
        services.settle_stale(chat)
        running = chat.messages.filter(status__in=Message.RUNNING).values_list("pk", flat=True)
        return Response({"task_ids": [str(message_id) for message_id in running]})


class Direct:
    """Where the events of a request without a stored answer go: to the person's sockets, when it names a message."""

    def __init__(self, user_id: int, chat_id: str, message_id: str) -> None:
        self.user_id, self.chat_id, self.message_id = user_id, chat_id, message_id
        self.text = ""  # said by handlers

    async def emit(self, type: events.EventType, data: Any) -> None:
        if type == "message":
            self.text += data["content"]
        elif type == "replace":
            self.text = data["content"]
        if self.message_id:
            await events.emit(self.user_id, type=type, data=data, chat_id=self.chat_id, message_id=self.message_id)


def _find_files(request: Request, ours: dict[str, Any], payload: dict[str, Any]) -> None:
    """What the request and its messages call files becomes files that this person may see, or NotFound."""
    payload["messages"] = list(payload["messages"])
    attachments.resolve(request.user, payload["messages"])
    ours["files"] = attachments.named(request.user, ours["files"])


def _in_background(request: Request, ours: dict[str, Any], payload: dict[str, Any]) -> uuid.UUID:
    """The id of the reply, in a stored chat or in a temporary one."""
    message_id = access.named_uuid(ours["id"])
    wish = exchanges.Wish(asker_of(request), model=payload["model"], features=ours["features"])
    given = Given({**ours["params"], **payload}, session_id=ours["session_id"][:100], files=tuple(ours["files"]))
    if temporary.is_temporary(ours["chat_id"]):
        return temporary.answer(ours["chat_id"], message_id, wish, given=given, files=ours["files"])
    return exchanges.answer_into(access.chat_for(request.user, ours["chat_id"]), message_id, wish, given=given).pk


def _told_apart(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our members and OpenAI's. Raises BadRequest for one of ours in the wrong form."""
    ours: dict[str, Any] = {}
    forms: dict[str, type] = {
        "chat_id": str,
        "id": str,
        "session_id": str,
        "features": dict,
        "files": list,
        "params": dict,
    }
    for name, form in forms.items():
        value = body.get(name)
        if value is not None and not isinstance(value, form):
            raise BadRequest(_("“%(name)s” has the wrong form.") % {"name": name}, code="invalid_type", param=name)
        ours[name] = form() if value is None else value
    return ours, {name: value for name, value in body.items() if name not in forms}


# --- An answer without a model ----------------------------------------------------------------------------------------


def _spoken(turn: Turn, text: str) -> HttpResponseBase:
    """What handlers said, in the form of a model's answer."""
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": turn.payload["model"]}
    if turn.payload.get("stream"):
        frames = [b"data: %s\n\n" % orjson.dumps({**head, **chunk}) for chunk in _chunks(text)]
        return event_streams.response(_each([*frames, b"data: [DONE]\n\n"]))
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return Response({**head, "object": "chat.completion", "choices": [choice]})


def _chunks(text: str) -> Iterator[dict[str, Any]]:
    for delta, finish in (({"role": "assistant", "content": text}, None), ({}, "stop")):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        yield {"object": "chat.completion.chunk", "choices": [choice]}


async def _each(frames: list[bytes]) -> AsyncIterator[bytes]:
    for frame in frames:
        yield frame
