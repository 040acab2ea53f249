"""Picture engines, the settings of all pictures, and jobs."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from imagegen.engines import ENGINES
from imagegen.image_request import MAX_PICTURES
from providers.addresses import without_credentials
from providers.fields import EncryptedTextField
from providers.http.policy import origin
from providers.models import Connection, ServerRow
from providers.upstream.header_templates import is_template
from providers.versioning import ConfigQuerySet, FullHistory, SettingsRow

HEALTH_FIELDS = ("last_ok", "last_error", "last_fault", "last_checked", "last_duration_ms", "dropped")


def engine_kind_choices() -> list[tuple[str, Any]]:
    return [(name, engine.label) for name, engine in ENGINES.items()]


class ImageEngines(ConfigQuerySet["ImageEngine"]):
    """Engines. No write of this queryset leaves one enabled that has no destination: see `refuse_homeless`."""

    def homeless(self) -> "ImageEngines":
        """Engines with neither a connection nor an address, of kinds that need one."""
        needy = [name for name, engine in ENGINES.items() if engine.needs_address]
        return self.filter(connection=None, url="", kind__in=needy)

    def refuse_homeless(self) -> None:
        """Raise ValidationError if one of these rows is enabled and has no destination.

        Called after a write and in its transaction, so that it sees what is stored, whatever was in memory.
        """
        if row := self.homeless().filter(enabled=True).first():
            raise ValidationError(
                _(
                    "The picture engine “%(name)s” has neither a connection nor an address, so it stays switched off. "
                    "Choose a connection or enter an address first."
                )
                % {"name": row.name}
            )

    def update(self, **values: Any) -> int:
        if DESTINATION.isdisjoint(values):
            return super().update(**values)
        rows = self.model._default_manager.filter(pk__in=list(self.values_list("pk", flat=True)))
        with transaction.atomic(using=self.db):
            count = super().update(**values)
            rows.refuse_homeless()
        return count

    def bulk_create(self, *args: Any, **options: Any) -> list["ImageEngine"]:
        with transaction.atomic(using=self.db):
            rows = super().bulk_create(*args, **options)
            self.model._default_manager.filter(name__in=[row.name for row in rows]).refuse_homeless()
        return rows


# The columns that decide whether an engine is enabled without a destination.
DESTINATION = {"enabled", "kind", "url", "connection", "connection_id"}


class ImageEngine(ServerRow):
    """One engine as an administrator set it up: a kind, an address, a model and defaults. A kind may have several."""

    class Purpose(models.TextChoices):
        BOTH = "both", _("Draw and edit")
        GENERATE = "generate", _("Draw only")
        EDIT = "edit", _("Edit only")

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=30, choices=engine_kind_choices)
    purpose = models.CharField(_("used to"), max_length=10, choices=Purpose, default=Purpose.BOTH)
    enabled = models.BooleanField(_("enabled"), default=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    # Its address, key and headers are used instead of the engine's own.
    connection = models.ForeignKey(
        Connection, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("connection")
    )
    url = models.CharField(_("address"), max_length=500, blank=True)  # no URLField: hosts of a local network count too
    secret = EncryptedTextField(_("key"), blank=True)
    version = models.CharField(_("API version"), max_length=40, blank=True)
    method = models.CharField(_("method"), max_length=40, blank=True)
    model = models.CharField(_("model"), max_length=255, blank=True)
    size = models.CharField(_("size"), max_length=20, blank=True, help_text=_("For example 1024x1024, or auto."))
    steps = models.PositiveIntegerField(_("steps"), null=True, blank=True, validators=[MaxValueValidator(500)])
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    workflow = models.JSONField(_("workflow"), default=dict, blank=True)
    nodes = models.JSONField(_("nodes"), default=list, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)
    capabilities = models.JSONField(_("abilities"), default=dict, blank=True)
    # Parameters that the upstream does not know; written by runs, not by people.
    dropped = models.JSONField(default=list, blank=True, editable=False)
    timeout = models.FloatField(
        _("seconds a picture may take"), default=600, validators=[MinValueValidator(1), MaxValueValidator(7200)]
    )
    concurrency = models.PositiveIntegerField(_("pictures at once"), default=2, validators=[MinValueValidator(1)])

    # Without key and headers: a page of changes shows old values.
    history = HistoricalRecords(
        excluded_fields=[*HEALTH_FIELDS, "updated", "secret", "headers"],
        m2m_fields=["groups"],
        history_manager=FullHistory,
    )
    objects = ImageEngines.as_manager()

    audited = ("url", "connection", "verify_tls", "ca_file")
    address_columns = ("url", "connection")
    call_columns = ("kind", "purpose", "model", "workflow")

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        verbose_name = _("picture engine")
        verbose_name_plural = _("picture engines")
        permissions: ClassVar = [("change_imageengine_destination", _("Can change where calls lead"))]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **options: Any) -> None:
        """A user name and password in the address become a header: they are encrypted there, and shown to nobody.

        Raises ValidationError for an engine that would be enabled with neither a connection nor an address.
        """
        self.url, credential = without_credentials(self.url)
        if credential:
            others = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
            self.enter("headers", {**others, "Authorization": credential}, names={"Authorization"})
            if options.get("update_fields") is not None:
                options["update_fields"] = {*options["update_fields"], "url", "headers"}
        columns = options.get("update_fields")
        with transaction.atomic(using=options.get("using")):
            super().save(*args, **options)
            if columns is None or not DESTINATION.isdisjoint(columns):
                type(self).objects.filter(pk=self.pk).refuse_homeless()

    def origins(self) -> tuple[str, ...]:
        """The origin of its own server, and of its connection, which gets the headers too."""
        url = self.url or (ENGINES[self.kind].default_url if self.kind in ENGINES else "")
        through = Connection.objects.filter(pk=self.connection_id).first() if self.connection_id else None
        return (origin(url), origin(through.base_url if through else ""))

    def drop_headers(self) -> list[str]:
        """Remove the headers that may hold a secret, because they would be sent elsewhere now; returns their names.

        Templates hold no secret and stay.
        """
        templates = {name: value for name, value in self.headers.items() if is_template(value)}
        dropped = [name for name in self.headers if name not in templates]
        if dropped:
            self.headers = templates
            self.save(update_fields=["headers", "updated"])
        return dropped

    @property
    def is_demo(self) -> bool:
        """Whether its pictures are samples: those of a demo row, and of a kind that draws nothing else."""
        return self.demo or (self.kind in ENGINES and ENGINES[self.kind].demo)

    @property
    def has_address(self) -> bool:
        """Whether the engine has a destination: a connection, an address, or a kind that needs none."""
        return bool(
            self.connection_id is not None
            or self.url
            or self.kind not in ENGINES
            or not ENGINES[self.kind].needs_address
        )

    def serves(self, *, editing: bool) -> bool:
        """Whether its purpose is to edit (`editing`) or to draw."""
        return self.purpose in (self.Purpose.BOTH, self.Purpose.EDIT if editing else self.Purpose.GENERATE)


class ImageSettings(SettingsRow):
    """Switches, the two default engines, how prompts are improved, and who may draw."""

    class AfterPicture(models.TextChoices):
        REPLY = "reply", _("The model says something about it")
        PICTURE = "picture", _("The picture alone")

    enabled = models.BooleanField(_("people may draw"), default=False)
    edit_enabled = models.BooleanField(_("people may edit pictures"), default=False)
    prompt_generation = models.BooleanField(_("the task model improves prompts"), default=True)
    prompt_template = models.TextField(_("template for improving"), blank=True)
    engine = models.ForeignKey(
        ImageEngine, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("engine for drawing")
    )
    edit_engine = models.ForeignKey(
        ImageEngine, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("engine for editing")
    )
    after_picture = models.CharField(
        _("after a picture"), max_length=10, choices=AfterPicture, default=AfterPicture.REPLY
    )
    # Where groups are named, only they and administrators draw; docs/upstreams/compatibility.md, “Image permission”.
    groups = models.ManyToManyField(Group, verbose_name=_("only these groups"), blank=True, related_name="+")
    per_user = models.PositiveIntegerField(
        _("pictures at once per person"), default=2, validators=[MinValueValidator(1)]
    )
    # Above these the pages ask before they make a job; programs are not asked. None: never.
    ask_above_pictures = models.PositiveIntegerField(
        _("ask above this many pictures"), null=True, blank=True, validators=[MaxValueValidator(MAX_PICTURES)]
    )
    ask_above_cost = models.DecimalField(
        _("ask above this price"),
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )

    fail_over = models.BooleanField(_("another engine draws where one is down"), default=False)

    history = HistoricalRecords(m2m_fields=[groups], history_manager=FullHistory)

    class Meta:
        verbose_name = verbose_name_plural = _("picture settings")

    @classmethod
    def load(cls) -> "ImageSettings":
        return cls.objects.select_related("engine", "edit_engine").get_or_create(pk=1)[0]


class ImageJobs(models.QuerySet["ImageJob"]):
    """Jobs, and which of them have ended."""

    def open(self) -> "ImageJobs":
        return self.filter(state__in=ImageJob.OPEN)

    def ended(self) -> "ImageJobs":
        return self.exclude(state__in=ImageJob.OPEN)


class ImageJob(models.Model):
    """One request for pictures and what came of it. The row is written before anything is drawn."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    OPEN: ClassVar = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="image_jobs", verbose_name=_("user")
    )
    engine = models.ForeignKey(ImageEngine, models.SET_NULL, null=True, related_name="jobs", verbose_name=_("engine"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    # `ImageRequest.values()`; `prompt` is a column of its own for lists and search.
    prompt = models.TextField(_("prompt"))
    request = models.JSONField(_("request"), default=dict)
    inputs = models.ManyToManyField("chat.File", blank=True, related_name="+")
    input_order = models.JSONField(default=list, blank=True)  # ids of `inputs` as text, in order; without the mask
    mask = models.ForeignKey("chat.File", models.SET_NULL, null=True, blank=True, related_name="+")
    files = models.ManyToManyField("chat.File", blank=True, related_name="image_jobs")
    chat = models.ForeignKey("chat.Chat", models.SET_NULL, null=True, blank=True, related_name="+")
    message = models.ForeignKey("chat.Message", models.SET_NULL, null=True, blank=True, related_name="+")
    session_id = models.CharField(max_length=100, blank=True)
    # The `SignIn` of the session that asked, for engines that are called with its token; it ends with the session.
    sign_in = models.BigIntegerField(null=True, blank=True, editable=False)
    client_key = models.BigIntegerField(null=True, blank=True, editable=False)  # of the API key that asked; it may go
    idempotency_key = models.CharField(max_length=200, blank=True)
    request_digest = models.CharField(max_length=64, blank=True)  # of the key's first request

    # {"fraction", "step", "total", "queue"}: those that are known.
    progress = models.JSONField(default=dict, blank=True)
    # What it reserved of budgets that processes share, as `budgets.Hold.as_json` gives it.
    reserved = models.JSONField(null=True, blank=True, editable=False)
    upstream_id = models.CharField(_("id at the engine"), max_length=200, blank=True)
    cancel_requested = models.BooleanField(default=False)
    # When the pictures of a job in a temporary chat expire, and the job with them. None: they stay.
    expires_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    error = models.JSONField(null=True, blank=True)  # GatewayError.message_body()
    usage = models.JSONField(null=True, blank=True)  # in OpenAI's form, where the engine told it
    worker = models.CharField(max_length=100, blank=True)
    heartbeat = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(_("created"), default=timezone.now)
    started = models.DateTimeField(_("started"), null=True, blank=True)
    ended = models.DateTimeField(_("ended"), null=True, blank=True)

    objects = ImageJobs.as_manager()

    class Meta:
        ordering: ClassVar = ["-created"]
        indexes: ClassVar = [
            models.Index(fields=["state", "created"], name="image_jobs_by_state"),
            models.Index(fields=["user", "-created"], name="image_jobs_by_user"),
            # How long an engine takes: `jobs.estimates.seconds`.
            models.Index(
                fields=["engine", "-ended"], condition=models.Q(state="succeeded"), name="image_jobs_that_ended_well"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="one_image_job_per_idempotency_key",
            )
        ]
        verbose_name = _("picture job")
        verbose_name_plural = _("picture jobs")

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.prompt[:60]}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class PictureStar(models.Model):
    """A picture that its owner marked as one of the good ones."""

    file = models.OneToOneField("chat.File", models.CASCADE, related_name="star", verbose_name=_("picture"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="picture_stars", verbose_name=_("user")
    )
    created = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("star of a picture")
        verbose_name_plural = _("stars of pictures")

    def __str__(self) -> str:
        return str(self.file)
