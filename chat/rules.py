"""A chat's own rules: how models are to answer there. Stored with the chat, as an object with the members that are
set.
"""

import math
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from providers.json_bodies import TextField

MAX_PROMPT = 20_000  # characters of a system prompt
MAX_HEAT = 2  # as in OpenAI's API; the relay brings it to the scale of others
MAX_TOKENS = 1_000_000  # of an answer
MAX_TOOLS = 200
EFFORTS = {
    "none": _("Do not think"),
    "minimal": _("As little as possible"),
    "low": _("A little"),
    "medium": _("Some"),
    "high": _("A lot"),
    "xhigh": _("As much as possible"),
}
PARAMS = ("temperature", "reasoning_effort", "max_tokens")  # members of OpenAI's body


class NumberField(serializers.FloatField):
    """A number that JSON has: no NaN, which passes every comparison."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not math.isfinite(number := super().to_internal_value(data)):
            self.fail("invalid")
        return number


class WholeNumberField(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool):  # which Python counts among the numbers
            self.fail("invalid")
        return super().to_internal_value(data)


class RulesSerializer(serializers.Serializer[Any]):
    """The rules of a chat. What is missing, null or empty is left to the model; the value holds what is set."""

    system_prompt = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        max_length=MAX_PROMPT,
        help_text="Told to the model before the first message, after its own system prompt. Variables such as"
        " {{USER_NAME}} and {{CURRENT_DATE}} are filled in.",
    )
    temperature = NumberField(required=False, allow_null=True, min_value=0, max_value=MAX_HEAT)
    reasoning_effort = serializers.ChoiceField(list(EFFORTS), required=False, allow_null=True, allow_blank=True)
    max_tokens = WholeNumberField(
        required=False, allow_null=True, min_value=1, max_value=MAX_TOKENS, help_text="Of one answer"
    )
    tools = serializers.ListField(
        child=serializers.CharField(max_length=128),
        required=False,
        allow_null=True,
        max_length=MAX_TOOLS,
        help_text="The names of the tools that models may use; an empty list for none, null for all",
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        given = super().to_internal_value(data)
        return {name: value for name, value in given.items() if not _is_unset(value)}

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return dict(instance)


def _is_unset(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
