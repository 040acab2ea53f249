"""Saved prompts as JSON: as they come in, and as they are shown."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chat import audience
from chat.audience import AudienceValues, GroupSerializer
from chat.models import Prompt
from chat.prompts import fields, services
from providers.json_bodies import TextField


class PromptValues(AudienceValues):
    """A prompt that is saved or changed; in a change, what is missing stays as it is."""

    command = serializers.RegexField(
        services.COMMAND,
        help_text="What is typed after the slash",
        error_messages={"invalid": _("Letters, digits, “_” and “-”, at most 40, without the slash.")},
    )
    title = serializers.CharField(max_length=100)
    text = TextField(
        max_length=services.MAX_TEXT,
        trim_whitespace=False,
        help_text="With fields to fill in: {{name}}, {{name=default}}, {{name:long}}, {{name:choice=one|two}}",
    )


class InputSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.ChoiceField([*fields.KINDS])
    default = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField())


class PromptSerializer(serializers.ModelSerializer[Prompt]):
    own = serializers.SerializerMethodField()
    owner = serializers.CharField()
    inputs = serializers.SerializerMethodField()
    access = serializers.ChoiceField([audience.PRIVATE, audience.GROUPS, audience.PUBLIC])
    groups = GroupSerializer(many=True)

    class Meta:
        model = Prompt
        fields = ("id", "command", "title", "text", "inputs", "own", "owner", "access", "groups", "updated")
        read_only_fields = fields

    @extend_schema_field(bool)
    def get_own(self, row: Prompt) -> bool:
        return bool(row.owner_id == self.context["user"].pk)

    @extend_schema_field(InputSerializer(many=True))
    def get_inputs(self, row: Prompt) -> list[dict[str, Any]]:
        return [field.as_json() for field in fields.fields_of(row.text)]


class PromptPageSerializer(serializers.Serializer[Any]):
    results = PromptSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The address of the next page")
