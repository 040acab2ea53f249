"""Models that people can choose, and the connections that offer them."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from providers.models.servers import Connection
from providers.versioning import ConfigQuerySet, FullHistory


class ModelAccess(models.TextChoices):
    INHERIT = "inherit", _("Same as its connection")
    PUBLIC = "public", _("Everyone who can sign in")
    GROUPS = "groups", _("The groups and people below")
    PRIVATE = "private", _("Owner and administrators only")


class SourceOrder(models.TextChoices):
    """In which order a call tries the sources of its model. `providers.relay.source_order` holds the rules."""

    POSITION = "position", _("By the position of the connections")
    WEIGHTS = "weights", _("By chance, by the weights below")
    FEWEST = "fewest", _("The one with the fewest calls in flight")


class FallbackReason(models.TextChoices):
    """Why another model answers instead. `providers.relay.routing.fallbacks` holds the rules."""

    UNAVAILABLE = "unavailable", _("no connection answers")
    CONTEXT_LENGTH = "context_length", _("the text is too long for the model")
    CONTENT_FILTER = "content_filter", _("safety rules refuse the content")


PEOPLES = "assistants/"  # begins the ids of presets that people make; discovery gives no model such an id


def cascade_or_keep(collector: Any, field: Any, rows: Any, using: str) -> None:
    """With a base its presets go too, but for those that people made: these lose it, and wait for another one."""
    models.SET_NULL(collector, field, rows.filter(needs_base=True), using)
    models.CASCADE(collector, field, rows.filter(needs_base=False), using)


class ChatModel(models.Model):
    """A model that people can choose: either discovered (it has sources) or a preset (it has a base)."""

    public_id = models.CharField(_("id"), max_length=255, unique=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    description = models.TextField(_("description"), blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    base = models.ForeignKey(
        "self", cascade_or_keep, null=True, blank=True, related_name="presets", verbose_name=_("base model")
    )
    # Of a preset: it opens its base to nobody, and its calls count as calls of that. Those of people always do.
    needs_base = models.BooleanField(_("only for those who may use its base"), default=False)
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    system_prompt = models.TextField(_("system prompt"), blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("owner")
    )
    access = models.CharField(_("who may use it"), max_length=10, choices=ModelAccess, default=ModelAccess.INHERIT)
    groups = models.ManyToManyField(Group, verbose_name=_("groups"), blank=True, related_name="+")
    users = models.ManyToManyField(settings.AUTH_USER_MODEL, verbose_name=_("people"), blank=True, related_name="+")
    tags = models.JSONField(_("tags"), default=list, blank=True)
    vision = models.BooleanField(_("can see pictures"), null=True, blank=True)  # None = not known
    tools = models.BooleanField(_("can use tools"), null=True, blank=True)  # None = not known
    context_length = models.PositiveIntegerField(
        _("context length"), null=True, blank=True, validators=[MinValueValidator(1)]
    )  # tokens; None: what the providers tell
    order = models.CharField(
        _("order of connections"), max_length=10, choices=SourceOrder, default=SourceOrder.POSITION
    )
    # [{"model": public id, "on": [FallbackReason]}], in the order in which they are tried; without `on`: every reason
    fallbacks = models.JSONField(_("fallback models"), default=list, blank=True)
    extra_params = models.JSONField(_("added parameters"), default=dict, blank=True)
    dropped_params = models.JSONField(_("dropped parameters"), default=list, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords(m2m_fields=[groups, users], history_manager=FullHistory)
    objects = ConfigQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["public_id"]
        verbose_name = _("model")
        verbose_name_plural = _("models")

    def __str__(self) -> str:
        return self.name or self.public_id


class ModelSource(models.Model):
    """One connection that offers a model, and the model's id there. Discovery writes these rows, but not `weight`."""

    model = models.ForeignKey(ChatModel, models.CASCADE, related_name="sources", verbose_name=_("model"))
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="sources", verbose_name=_("connection"))
    upstream_id = models.CharField(_("id at the provider"), max_length=255)
    raw = models.JSONField(default=dict, blank=True)  # the provider's own object
    weight = models.PositiveSmallIntegerField(_("weight"), default=1)  # 0: only when the others fail
    # What the provider called unknown in chats: no configuration, it makes no new version (`relay.routing.learning`).
    unknown_params = models.JSONField(_("unknown parameters"), default=list, blank=True)
    usage_refused = models.DateTimeField(
        _("refused to tell usage"), null=True, blank=True, editable=False
    )  # of streams
    listed = models.BooleanField(_("offered now"), default=True)  # false once the provider no longer lists it
    first_seen = models.DateTimeField(_("first seen"), default=timezone.now)
    last_seen = models.DateTimeField(_("last seen"), default=timezone.now)

    objects = ConfigQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "upstream_id"], name="one_source_per_upstream_id")
        ]
        verbose_name = _("source")
        verbose_name_plural = _("sources")

    @classmethod
    def offered(cls) -> "models.QuerySet[ModelSource]":
        """The sources for calls: their server lists them, and their connection is enabled."""
        return cls.objects.filter(listed=True, connection__enabled=True)

    def __str__(self) -> str:
        return f"{self.connection}: {self.upstream_id}"
