"""Rows of the gateway: connections, models, API keys, sign-ins, rate limits, speech clips, usage records."""

import hashlib
import secrets
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from providers import auth
from providers.addresses import validate_base_url
from providers.fields import EncryptedMappingField, EncryptedTextField, hint_of
from providers.secrets.rows import SecretRow
from providers.upstream import kinds
from providers.versioning import ConfigQuerySet, ConfigVersion, FullHistory, SettingsRow

__all__ = [
    "Access",
    "ChatModel",
    "ClientKey",
    "ConfigVersion",
    "Connection",
    "GatewaySettings",
    "ModelAccess",
    "ModelSource",
    "RateLimit",
    "ServerRow",
    "SharedAccess",
    "SignIn",
    "SpeechClip",
    "UsageRecord",
    "key_digest",
]

KEY_PREFIX = "sk-"
# Columns about a connection's health. They are no configuration: a change makes no history and no new version.
HEALTH_FIELDS = (
    "last_ok",
    "last_error",
    "last_fault",
    "last_checked",
    "last_duration_ms",
    "next_try",
    "failures",
    "listed_at",
)


# Choices as callables: a new kind or auth type needs no migration. Migrations name these two functions.


def kind_choices() -> list[tuple[str, Any]]:
    return [(kind.name, kind.label) for kind in kinds.KINDS.values()]


def auth_type_choices() -> list[tuple[str, Any]]:
    return [(auth_type.name, auth_type.label) for auth_type in auth.AUTH_TYPES.values()]


class Access(models.TextChoices):
    PUBLIC = "public", _("Everyone who can sign in")
    GROUPS = "groups", _("Members of the groups below")
    PRIVATE = "private", _("Administrators only")


class SharedAccess(models.TextChoices):
    STRICTEST = "strictest", _("The strictest rule of all who offer it")
    OWN = "own", _("Only the rule above")


class ModelAccess(models.TextChoices):
    INHERIT = "inherit", _("Same as its connection")
    PUBLIC = "public", _("Everyone who can sign in")
    GROUPS = "groups", _("The groups and people below")
    PRIVATE = "private", _("Owner and administrators only")


class ServerRow(SecretRow):
    """Columns that every row about a server has: how it is reached, who may use it, its health."""

    headers: Any = EncryptedMappingField(_("headers"))  # texts by name
    verify_tls = models.BooleanField(_("check TLS certificates"), default=True)
    ca_file = models.CharField(_("CA file"), max_length=500, blank=True)
    access = models.CharField(_("who may use it"), max_length=10, choices=Access, default=Access.PUBLIC)
    groups = models.ManyToManyField(Group, verbose_name=_("groups"), blank=True, related_name="+")
    demo = models.BooleanField(_("demo"), default=False, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    last_ok = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)  # in English; empty while it works
    # The error in the form of `GatewayError.message_body`, worded for each reader. None: written by an earlier version.
    last_fault = models.JSONField(null=True, blank=True, editable=False)
    last_checked = models.DateTimeField(null=True, blank=True, editable=False)
    last_duration_ms = models.PositiveIntegerField(null=True, blank=True, editable=False)

    secret: str  # the encrypted key; each subclass declares the column
    # Two rows that agree in these and in their address make the same calls; see `providers.catalogue.twins`.
    call_columns: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    @property
    def secret_hint(self) -> str:
        """The masked key, as pages and forms show it."""
        return hint_of(self.secret)


class Connection(ServerRow):
    """One OpenAI-compatible API: where it is, how we prove who we are, who may use what it offers."""

    class Location(models.TextChoices):
        EXTERNAL = "external", _("External")
        LOCAL = "local", _("Local")

    class Cookies(models.TextChoices):
        AUTO = "auto", _("As the authentication type needs")
        NONE = "none", _("None")
        OTHERS = "others", _("All but this site's own")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=kind_choices, default=kinds.DEFAULT.name)
    base_url = models.CharField(
        _("base URL"),
        max_length=500,
        validators=[validate_base_url],
        help_text=_("For example https://api.openai.com/v1 or http://ollama:11434"),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    position = models.PositiveIntegerField(
        _("position"),
        default=0,
        help_text=_("When several connections offer the same model, the one with the lowest position serves it."),
    )
    auth_type = models.CharField(_("authentication"), max_length=30, choices=auth_type_choices, default=auth.DEFAULT)
    secret = EncryptedTextField(_("API key"), blank=True)
    auth_options = models.JSONField(_("authentication options"), default=dict, blank=True)
    api_version = models.CharField(_("API version"), max_length=40, blank=True)
    prefix_id = models.CharField(
        _("prefix"),
        max_length=60,
        blank=True,
        help_text=_("Put before model ids with a dot: “work” turns “gpt-6” into “work.gpt-6”."),
    )
    tags = models.JSONField(_("tags"), default=list, blank=True)
    connection_type = models.CharField(_("location"), max_length=10, choices=Location, default=Location.EXTERNAL)
    model_ids = models.JSONField(
        _("model ids"),
        default=list,
        blank=True,
        help_text=_("When set, only these models are offered, and the provider is not asked."),
    )
    forward_cookies = models.CharField(_("forwarded cookies"), max_length=10, choices=Cookies, default=Cookies.AUTO)
    shared_access = models.CharField(
        _("for models that others offer too"),
        max_length=10,
        choices=SharedAccess,
        default=SharedAccess.STRICTEST,
    )
    # None: as UPSTREAM_CONNECT_TIMEOUT, UPSTREAM_FIRST_BYTE_TIMEOUT and AIOHTTP_CLIENT_TIMEOUT say.
    connect_timeout = models.FloatField(
        _("seconds to connect"), null=True, blank=True, validators=[MinValueValidator(0.1)]
    )
    first_byte_timeout = models.FloatField(
        _("seconds to first byte"), null=True, blank=True, validators=[MinValueValidator(0.1)]
    )
    idle_timeout = models.FloatField(
        _("seconds between bytes"), null=True, blank=True, validators=[MinValueValidator(0.1)]
    )

    next_try = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    listed_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Key and headers are not in the history. A change of them is: as the reason of a change.
    history = HistoricalRecords(
        excluded_fields=[*HEALTH_FIELDS, "updated", "secret", "headers"],
        m2m_fields=["groups"],
        history_manager=FullHistory,
    )
    objects = ConfigQuerySet.as_manager()

    audited = ("base_url", "auth_type", "auth_options", "forward_cookies", "verify_tls", "ca_file")
    address_columns = ("base_url",)
    call_columns = ("auth_type", "secret", "prefix_id", "model_ids")

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        permissions: ClassVar = [
            ("change_connection_destination", _("Can change where calls lead and what proves who we are"))
        ]

    def __str__(self) -> str:
        return self.name

    def origins(self) -> tuple[str, ...]:
        from providers.http.policy import origin  # late: it brings the HTTP libraries, which most commands never need

        return (origin(self.base_url),)


class ChatModel(models.Model):
    """A model that people can choose: either discovered (it has sources) or a preset (it has a base)."""

    public_id = models.CharField(_("id"), max_length=255, unique=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    description = models.TextField(_("description"), blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    base = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="presets", verbose_name=_("base model")
    )
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
    """One connection that offers a model, and the model's id there. Discovery writes these rows."""

    model = models.ForeignKey(ChatModel, models.CASCADE, related_name="sources", verbose_name=_("model"))
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="sources", verbose_name=_("connection"))
    upstream_id = models.CharField(_("id at the provider"), max_length=255)
    raw = models.JSONField(default=dict, blank=True)  # the provider's own object
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


def key_digest(key: str) -> str:
    """SHA-256 of a key, in hex. Keys have 256 random bits: a hash without salt is safe, and it can be looked up."""
    return hashlib.sha256(key.encode()).hexdigest()


class ClientKey(models.Model):
    """An API key with which a program calls this site. Only its digest is stored: the key is shown once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="client_keys", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list, blank=True)  # empty = everything its user may do
    created = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    objects = ConfigQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created"]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name or _('API key')} ({self.prefix}…)"

    @staticmethod
    def make_key() -> str:
        return KEY_PREFIX + secrets.token_urlsafe(32)


class SignIn(models.Model):
    """A sign-in through an OpenID provider: the tokens of one browser session, see `providers.sign_ins`."""

    account = models.ForeignKey("socialaccount.SocialAccount", models.CASCADE, related_name="+")
    token = EncryptedTextField()
    refresh_token = EncryptedTextField(blank=True)
    expires_at = models.DateTimeField(null=True)  # of the token; None: the provider did not say
    session_ends = models.DateTimeField(db_index=True)
    renewing_until = models.DateTimeField(null=True)  # a process renews the token; None: no process does

    class Meta:
        verbose_name = _("sign-in through a provider")
        verbose_name_plural = _("sign-ins through a provider")

    def __str__(self) -> str:
        return f"{self.pk}"


class GatewaySettings(SettingsRow):
    """The settings of the gateway as a whole."""

    enable_openai_api = models.BooleanField(_("connections enabled"), default=True)
    task_model = models.CharField(_("task model for local models"), max_length=255, blank=True)
    task_model_external = models.CharField(_("task model for external models"), max_length=255, blank=True)
    default_model = models.CharField(_("model for new chats"), max_length=255, blank=True)
    speech_model = models.CharField(_("speech model"), max_length=255, blank=True)
    speech_voice = models.CharField(_("voice"), max_length=100, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = verbose_name_plural = _("gateway settings")


class RateLimit(models.Model):
    """A rate limit: requests and tokens per minute and per day. An empty number is no limit."""

    class Target(models.TextChoices):
        EVERYONE = "everyone", _("Each person")
        USER = "user", _("One person")
        GROUP = "group", _("A group, its members together")
        KEY = "key", _("One API key")

    name = models.CharField(_("name"), max_length=100, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    target = models.CharField(_("for"), max_length=10, choices=Target, default=Target.EVERYONE)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("person")
    )
    group = models.ForeignKey(Group, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("group"))
    key = models.ForeignKey(
        ClientKey, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("API key")
    )
    requests_minute = models.PositiveIntegerField(_("requests per minute"), null=True, blank=True)
    tokens_minute = models.PositiveIntegerField(_("tokens per minute"), null=True, blank=True)
    requests_day = models.PositiveIntegerField(_("requests per day"), null=True, blank=True)
    tokens_day = models.PositiveBigIntegerField(_("tokens per day"), null=True, blank=True)

    history = HistoricalRecords()
    objects = ConfigQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["target", "pk"]
        verbose_name = _("rate limit")
        verbose_name_plural = _("rate limits")

    def __str__(self) -> str:
        target = self.user or self.group or self.key or self.get_target_display()
        return f"{self.name}: {target}" if self.name else str(target)

    def clean(self) -> None:
        chosen = {"user": self.user_id, "group": self.group_id, "key": self.key_id}
        if self.target != self.Target.EVERYONE and not chosen[self.target]:
            raise ValidationError({self.target: _("Choose the person, group or key that this limit is for.")})
        self._check_numbers()

    def save(self, *args: Any, **options: Any) -> None:
        """Raises ValidationError for a limit without any number: it would look like one and limit nothing."""
        self._check_numbers()
        super().save(*args, **options)

    def _check_numbers(self) -> None:
        if all(getattr(self, name) is None for name in self.numbers()):
            raise ValidationError(_("Enter at least one number. To lift a limit, switch it off or delete it."))

    @classmethod
    def numbers(cls) -> tuple[str, ...]:
        """The columns that say how much: each has its row in `providers.relay.rate_limits.RULES`."""
        return tuple(
            field.name
            for field in cls._meta.concrete_fields
            if isinstance(field, models.PositiveIntegerField | models.PositiveBigIntegerField)
        )

    @property
    def target_id(self) -> int | None:
        """The id of the person, group or key that the limit is for; None for everybody."""
        chosen: dict[str, int | None] = {"user": self.user_id, "group": self.group_id, "key": self.key_id}
        return chosen.get(self.target)


class SpeechClip(models.Model):
    """The stored audio of a speech request (`providers.speech`)."""

    key = models.CharField(max_length=64, unique=True)  # SHA-256 of request, connection and model
    storage_name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=50)
    size = models.PositiveBigIntegerField()
    last_used = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("speech clip")
        verbose_name_plural = _("speech clips")

    def __str__(self) -> str:
        return f"{self.key[:12]}… ({self.size} bytes)"


class UsageRecord(models.Model):
    """One call to a provider, whether it was reached or not."""

    when = models.DateTimeField(_("when"), default=timezone.now, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("user")
    )
    key = models.ForeignKey(
        ClientKey, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("API key")
    )
    connection = models.ForeignKey(
        Connection, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("connection")
    )
    model = models.CharField(_("model"), max_length=255, blank=True)  # public id; stays when the model is deleted
    kind = models.CharField(_("kind"), max_length=20)  # the name of an operation, image, task
    tokens_in = models.PositiveIntegerField(_("tokens sent"), default=0)
    tokens_out = models.PositiveIntegerField(_("tokens received"), default=0)
    images = models.PositiveIntegerField(_("pictures"), default=0)
    audio_bytes = models.PositiveBigIntegerField(_("bytes of audio"), default=0)
    status = models.PositiveSmallIntegerField(_("status"), default=0)  # HTTP status; 499 = the client disconnected
    first_byte_ms = models.PositiveIntegerField(_("milliseconds to the first byte"), null=True, blank=True)
    duration_ms = models.PositiveIntegerField(_("milliseconds"), default=0)

    class Meta:
        ordering: ClassVar = ["-when"]
        indexes: ClassVar = [models.Index(fields=["user", "when"], name="usage_by_user")]
        verbose_name = _("usage record")
        verbose_name_plural = _("usage")

    def __str__(self) -> str:
        return f"{self.when:%Y-%m-%d %H:%M} {self.kind} {self.model}"
