"""`POST /api/v1/tasks/image_prompt/completions`: the task model makes a prompt from the last question."""

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chat.history import last_question
from chat.tasks.api import TASK, completed
from imagegen.conversation import prompt
from imagegen.models import ImageSettings
from providers.facts import Caller


class ImagePrompt(APIView):
    @extend_schema(operation_id="tasks_image_prompt", **TASK)
    def post(self, request: Request) -> Response:
        """A prompt for a picture; with the built-in template the answer's content is `{"prompt": "…"}`."""
        template = ImageSettings.load().prompt_template

        def tell(caller: Caller, messages: Sequence[Mapping[str, Any]]) -> str:
            return prompt.prompt_for(caller, messages, last_question(messages), template=template)

        return completed(request, tell, in_json=True)
