"""The bodies of the picture API, for validation and for the schema."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from chat.files.views import FileSerializer
from providers.json_bodies import ObjectField, TextField


class ImageRequestSerializer(serializers.Serializer[Any]):
    """A request for new pictures. `ImageRequest` and the engine check the values."""

    prompt = TextField(trim_whitespace=False, allow_blank=True)
    model = serializers.CharField(required=False, allow_blank=True, allow_null=True)
    engine = serializers.CharField(required=False, allow_blank=True, allow_null=True, help_text="Name or id")
    size = serializers.CharField(required=False, allow_blank=True, allow_null=True, help_text="1024x768, auto or empty")
    n = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=10)
    steps = serializers.IntegerField(required=False, allow_null=True)
    seed = serializers.IntegerField(required=False, allow_null=True)
    negative_prompt = TextField(required=False, allow_blank=True, allow_null=True)
    params = ObjectField(required=False, help_text="The model's own parameters, sent unchanged")


class EditRequestSerializer(ImageRequestSerializer):
    image = serializers.JSONField(help_text="Data URL, file URL or id, web address, or a list of these")
    mask = serializers.CharField(required=False, allow_null=True, allow_blank=True, help_text="Transparent = change")

    def validate_image(self, image: object) -> object:
        if not image:  # without a picture the edit would silently become a new picture
            raise serializers.ValidationError(_("Send at least one picture to edit."))
        return image


class JobRequestSerializer(ImageRequestSerializer):
    """A job is an edit when it names an image."""

    image = serializers.JSONField(required=False, allow_null=True)
    mask = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    original_prompt = TextField(required=False, allow_blank=True)
    limit_seen = serializers.BooleanField(
        required=False,
        allow_null=True,
        help_text="`false`: a job above the limit of the picture settings is refused (`above_limit`), so that a page "
        "asks its person first; with `true`, and without it, it is made",
    )


class EstimateQuerySerializer(serializers.Serializer[Any]):
    """A request for pictures without its words and pictures, in a query. `ImageRequest` and the engine check it."""

    engine = serializers.CharField(required=False, allow_blank=True, help_text="Name or id")
    model = serializers.CharField(required=False, allow_blank=True)
    size = serializers.CharField(required=False, allow_blank=True, help_text="1024x768, auto or empty")
    shape = serializers.CharField(required=False, allow_blank=True, help_text="Instead of a size: 3:2")
    n = serializers.IntegerField(required=False, min_value=1, max_value=10)
    steps = serializers.IntegerField(required=False)
    quality = serializers.CharField(required=False, allow_blank=True, max_length=20)
    images = serializers.IntegerField(required=False, min_value=0, max_value=16, help_text="How many are edited")


class EstimateSerializer(serializers.Serializer[Any]):
    """What is known of a request before it is made; null for what is not."""

    pictures = serializers.IntegerField()
    quality = serializers.CharField(allow_blank=True)
    seconds = serializers.FloatField(allow_null=True, help_text="By the latest jobs of this engine")
    cost = serializers.FloatField(allow_null=True, help_text="By the prices that the job is priced by")
    currency = serializers.CharField()
    before = serializers.IntegerField(help_text="How many jobs of the engine wait")
    above_limit = serializers.BooleanField(help_text="Whether pages ask first")
    budgets = serializers.ListField(child=serializers.CharField(), help_text="Those that it would pass, in words")
    words = serializers.CharField(allow_blank=True, help_text="One line of all of it; empty where nothing is known")


class ImageModelSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()


class ParameterChoiceSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it off the class


class ParameterNeedsSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    values = serializers.ListField(child=serializers.CharField())


class ParameterSerializer(serializers.Serializer[Any]):
    """A member of `params`, as a form offers it."""

    name = serializers.CharField()
    kind = serializers.ChoiceField(
        choices=["choice", "number", "flag", "insert"], help_text="`insert`: its choice goes into the prompt"
    )
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it off the class
    help = serializers.CharField(allow_blank=True)
    choices = ParameterChoiceSerializer(many=True)
    low = serializers.FloatField()
    high = serializers.FloatField()
    step = serializers.FloatField()
    for_edits = serializers.BooleanField(allow_null=True, help_text="Null: for edits and for new pictures")
    needs = ParameterNeedsSerializer(allow_null=True, help_text="Values of another one, without which it means nothing")
    insert = serializers.CharField(allow_blank=True, help_text="The text for the prompt, with {} for the choice")
    last = serializers.JSONField(allow_null=True, help_text="What the caller chose last with this engine")


class ParameterFormSerializer(serializers.Serializer[Any]):
    parameters = ParameterSerializer(many=True)
    problem = serializers.CharField(allow_blank=True, help_text="Why the lists of the engine's server are missing")


class EngineSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField()
    demo = serializers.BooleanField()


class JobSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=["queued", "running", "succeeded", "failed", "cancelled"])
    prompt = TextField()
    engine = EngineSerializer(allow_null=True)
    request = serializers.JSONField()
    inputs = serializers.ListField(child=serializers.CharField())
    progress = serializers.JSONField()
    queue = serializers.IntegerField(allow_null=True, help_text="How many jobs come first")
    files = FileSerializer(many=True)
    error = serializers.JSONField(allow_null=True)
    attempts = serializers.IntegerField()
    chat_id = serializers.UUIDField(allow_null=True)
    message_id = serializers.UUIDField(allow_null=True)
    created = serializers.DateTimeField()
    started = serializers.DateTimeField(allow_null=True)
    ended = serializers.DateTimeField(allow_null=True)


class JobPageSerializer(serializers.Serializer[Any]):
    results = JobSerializer(many=True)
    next = serializers.CharField(allow_null=True)
