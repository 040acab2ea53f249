"""`POST /api/chat/completions`: OpenAI's request through the chat's pipeline, as a stream or as a reply in a chat.

The body holds OpenAI's members and ours, which no provider gets: `chat_id`, `id` (a message), `session_id`, `features`,
`files`, `params`, `rules`. With all three ids the reply runs in the background: it is stored, and its events go to the
sockets.
"""

import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chat import access, events, exchanges, serializers, services, temporary
from chat.api import NOT_FOUND, ChatView
from chat.completions import direct
from chat.models import Message
from chat.pipeline import CompletionRequest, Turn, attachments, instructions
from chat.rules import RulesSerializer
from providers import json_bodies, relay
from providers.authentication import caller_of
from providers.errors import BadRequest
from providers.relay.views import RELAYED, LoopView, body_of
from providers.responses import event_streams
from providers.sentences import sentence as _

# Members of the body that are ours, with their forms.
OURS: dict[str, type] = {
    "chat_id": str,
    "id": str,
    "session_id": str,
    "features": dict,
    "files": list,
    "params": dict,
    "rules": dict,
}
NO_TOKENS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}  # of an answer without a model
SESSION_CHARACTERS = 100  # the column's length


class ChatCompletions(LoopView):
    @extend_schema(
        operation_id="chat_completions",
        request=serializers.CompletionRequestSerializer,
        responses={**RELAYED, (200, "application/json"): serializers.BackgroundSerializer},
    )
    async def post(self, request: Request) -> HttpResponseBase:
        """Complete a chat with all that this site adds; in the background with `chat_id`, `id` and `session_id`."""
        relayed = await relay.read_on_loop("chat", caller_of(request), body_of(request), request.COOKIES)
        relay.check(relayed)
        completion = completion_request(relayed)
        if completion.files or any("files" in message for message in completion.messages or ()):
            completion = await sync_to_async(_with_files)(request.user, completion)
        if completion.chat_id and completion.message_id and completion.session_id:
            task_id = await sync_to_async(_in_background)(request.user, completion)
            return Response({"status": True, "task_id": str(task_id)})
        messages = list(completion.messages or ())
        attachments.add_to_question(messages, completion.files)
        expiry = temporary.files_end(completion.chat_id)
        sink = DirectSink(completion)
        turn = Turn(replace(completion, messages=messages, files_expire_at=expiry), sink)
        answer = await direct.begin(turn)
        if answer is not None:
            return StreamingHttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
        return _written(turn, sink.text)


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


class DirectSink:
    """The target of events for a request without a stored answer: the person's sockets, if it names a message."""

    def __init__(self, request: CompletionRequest) -> None:
        self.request = request
        self.text = ""  # written by handlers

    async def emit(self, type: events.EventType, data: Any) -> None:
        if type == "message":
            self.text += data["content"]
        elif type == "replace":
            self.text = data["content"]
        if message_id := self.request.message_id:
            user_id, chat_id = self.request.user_id, self.request.chat_id
            await events.emit(user_id, type=type, data=data, chat_id=chat_id, message_id=message_id)


def completion_request(relayed: relay.RelayRequest) -> CompletionRequest:
    """The `CompletionRequest` of a checked body. Raises BadRequest for a member of ours that has the wrong form."""
    ours: dict[str, Any] = {}
    for name, form in OURS.items():
        value = relayed.payload.get(name)
        if value is not None and not isinstance(value, form):
            raise BadRequest(_("“%(name)s” has the wrong type.") % {"name": name}, code="invalid_type", param=name)
        ours[name] = form() if value is None else value
    openai = {name: value for name, value in relayed.payload.items() if name not in OURS}
    return CompletionRequest(
        relayed.caller,
        relayed.cookies,
        model=openai.pop("model"),
        messages=openai.pop("messages"),
        params={**ours["params"], **openai},
        features=ours["features"],
        files=ours["files"],
        instructions=_instructions(ours["rules"]),
        chat_id=ours["chat_id"],
        message_id=ours["id"],
        session_id=json_bodies.storable(ours["session_id"])[:SESSION_CHARACTERS],
    )


def _instructions(rules: dict[str, Any]) -> instructions.Instructions:
    """Those of a request's own rules. Raises ValidationError."""
    if not rules:
        return instructions.NONE
    checked = RulesSerializer(data=rules)
    checked.is_valid(raise_exception=True)
    return instructions.of_rules(checked.validated_data)


def _with_files(user: Any, request: CompletionRequest) -> CompletionRequest:
    """The request, its files looked up and those of its messages. Raises NotFound for what the person may not see."""
    messages = list(request.messages or ())
    attachments.resolve(user, messages)
    return replace(request, messages=messages, files=attachments.named(user, request.files))


def _in_background(user: Any, request: CompletionRequest) -> uuid.UUID:
    """The id of the reply, in a stored chat or in a temporary one."""
    message_id = access.named_uuid(request.message_id)
    if temporary.is_temporary(request.chat_id):
        return temporary.answer(message_id, request)
    return exchanges.answer_into(access.chat_for(user, request.chat_id), message_id, request).pk


# --- An answer without a model ----------------------------------------------------------------------------------------


def _written(turn: Turn, text: str) -> HttpResponseBase:
    """The text of handlers, in the form of a model's answer."""
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": turn.payload["model"]}
    if turn.payload.get("stream"):
        frames = [b"data: %s\n\n" % orjson.dumps({**head, **chunk}) for chunk in _chunks(text)]
        return event_streams.response(_each([*frames, b"data: [DONE]\n\n"]))
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return Response({**head, "object": "chat.completion", "choices": [choice], "usage": NO_TOKENS})


def _chunks(text: str) -> Iterator[dict[str, Any]]:
    for delta, finish in (({"role": "assistant", "content": text}, None), ({}, "stop")):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        yield {"object": "chat.completion.chunk", "choices": [choice]}


async def _each(frames: list[bytes]) -> AsyncIterator[bytes]:
    for frame in frames:
        yield frame
