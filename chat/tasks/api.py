"""The tasks of the task model as routes: a conversation in, a chat completion out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chat import serializers, tasks
from providers.authentication import caller_of
from providers.facts import Caller
from providers.process import waiting
from providers.rest import checked_body

TASK: dict[str, Any] = {
    "request": serializers.TaskRequestSerializer,
    "responses": {
        200: OpenApiResponse(OpenApiTypes.OBJECT, description="The task model's answer, as OpenAI's chat completion"),
        404: OpenApiResponse(serializers.ProblemSerializer, description="No such model, or not for this caller"),
    },
}


def completed(
    request: Request, prompt_for: Callable[[Caller, Sequence[Mapping[str, Any]]], str], *, in_json: bool = False
) -> Response:
    """The task model's answer to the prompt that `prompt_for` makes of a conversation. Raises GatewayError."""
    caller = caller_of(request)
    body = checked_body(serializers.TaskRequestSerializer, request)
    prompt = prompt_for(caller, body["messages"])
    complete = tasks.complete_as_json if in_json else tasks.complete
    answer = waiting.on_loop(complete)(caller, body["model"], [{"role": "user", "content": prompt}])
    return Response(answer)


class Title(APIView):
    @extend_schema(operation_id="tasks_title", **TASK)
    def post(self, request: Request) -> Response:
        """A title for a conversation."""
        return completed(request, lambda _caller, messages: tasks.title_prompt(messages))


class FollowUps(APIView):
    @extend_schema(operation_id="tasks_follow_ups", **TASK)
    def post(self, request: Request) -> Response:
        """Suggestions of what to ask next; the answer's content is `{"follow_ups": […]}`."""
        return completed(request, lambda _caller, messages: tasks.follow_ups_prompt(messages), in_json=True)
