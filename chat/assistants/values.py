"""The values of an assistant as they come in from programs and pages, and how it looks as JSON."""

import re
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from chat.audience import AudienceValues, GroupSerializer
from chat.rules import PARAMS, RulesSerializer
from chat.serializers import FilesField, MessageFileSerializer
from providers.json_bodies import TextField

MAX_STARTERS, MAX_STARTER = 6, 300  # how many, and characters of one
MAX_NAME, MAX_DESCRIPTION = 80, 500
ID = re.compile(r"\A[\w.-]{1,60}\Z")  # what follows the prefix


class AssistantValues(AudienceValues, RulesSerializer):
    """An assistant that is made or changed. In a change, what is missing stays as it is, and null resets it."""

    id = serializers.RegexField(
        ID,
        required=False,
        help_text="Of a new one: the id for programs, to which `assistants/` is added; else it is made from the name",
        error_messages={"invalid": _("Letters, digits, “.”, “_” and “-”, at most 60.")},
    )
    name = serializers.CharField(max_length=MAX_NAME)
    description = TextField(max_length=MAX_DESCRIPTION, required=False, allow_blank=True)
    base = serializers.CharField(max_length=255, help_text="The id of the model that answers")
    starters = serializers.ListField(
        child=TextField(max_length=MAX_STARTER), required=False, max_length=MAX_STARTERS, help_text="First messages"
    )
    files = FilesField(
        required=False, help_text="Uploaded files that go along with each of its chats, instead of those so far"
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values: dict[str, Any] = serializers.Serializer.to_internal_value(self, data)  # null means something here
        return values


class AssistantSerializer(serializers.Serializer[Any]):
    """An assistant; what is told to its model is for its owner and for administrators."""

    id = serializers.UUIDField()
    model = serializers.CharField(help_text="Its id as a model: choose it in chats, call it at `/v1`")
    name = serializers.CharField()
    description = serializers.CharField()
    picture = serializers.CharField(allow_null=True, help_text="An address on this site")
    starters = serializers.ListField(child=serializers.CharField())
    own = serializers.BooleanField()
    owner = serializers.CharField(allow_null=True, help_text="A name")
    available = serializers.BooleanField(help_text="False: the model that it is made of is not there for the caller")
    base = serializers.CharField(allow_null=True)
    updated = serializers.DateTimeField()
    system_prompt = serializers.CharField(required=False)
    temperature = serializers.FloatField(required=False, allow_null=True)
    reasoning_effort = serializers.CharField(required=False, allow_null=True)
    max_tokens = serializers.IntegerField(required=False, allow_null=True)
    tools = serializers.ListField(child=serializers.CharField(), required=False, allow_null=True)
    files = MessageFileSerializer(many=True, required=False)
    access = serializers.CharField(required=False)
    groups = GroupSerializer(many=True, required=False)


class AssistantPageSerializer(serializers.Serializer[Any]):
    results = AssistantSerializer(many=True)


def params_of(values: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the preset after a change; those that the form does not know stay."""
    given = {name: values[name] for name in PARAMS if name in values}
    return {
        **{name: value for name, value in before.items() if name not in given},
        **{name: value for name, value in given.items() if value not in (None, "")},
    }
