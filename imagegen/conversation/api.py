"""Prompts by models: from the last question of a conversation, and from a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chat import access as chat_access
from chat.history import last_question
from chat.tasks.api import TASK, completed
from imagegen.conversation import description, prompt
from imagegen.models import ImageSettings
from providers.authentication import caller_of
from providers.errors import NotFound
from providers.facts import Caller
from providers.process import waiting
from providers.rest import checked_body
from providers.sentences import sentence as _


class ImagePrompt(APIView):
    @extend_schema(operation_id="tasks_image_prompt", **TASK)
    def post(self, request: Request) -> Response:
        """A prompt for a picture; with the built-in template the answer's content is `{"prompt": "…"}`."""
        template = ImageSettings.load().prompt_template

        def tell(caller: Caller, messages: Sequence[Mapping[str, Any]]) -> str:
            return prompt.prompt_for(caller, messages, last_question(messages), template=template)

        return completed(request, tell, in_json=True)


class DescribedPictureSerializer(serializers.Serializer[Any]):
    prompt = serializers.CharField()
    model = serializers.CharField(help_text="That wrote it")


class PictureToDescribeSerializer(serializers.Serializer[Any]):
    image = serializers.CharField(help_text="The id of one's own picture")


class DescribePicture(APIView):
    @extend_schema(
        operation_id="images_describe", request=PictureToDescribeSerializer, responses=DescribedPictureSerializer
    )
    def post(self, request: Request) -> Response:
        """The prompt that would draw a picture like one's own, by a model that sees pictures, in one's language."""
        image = checked_body(PictureToDescribeSerializer, request)["image"]
        row = chat_access.own_file_for(request.user, image)
        if not row.is_picture:
            raise NotFound(_("This file is not a picture."))
        language = get_language() or "en"
        written, model = waiting.on_loop(description.describe)(caller_of(request), row, language=language)
        return Response({"prompt": written, "model": model})
