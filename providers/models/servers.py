"""Connections, and what every row about a server has: how it is reached, who may use it, its health."""

from typing import Any, ClassVar

from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from providers import auth
from providers.addresses import validate_base_url
from providers.fields import EncryptedMappingField, EncryptedTextField, hint_of
from providers.secrets.rows import SecretRow
from providers.upstream import kinds
from providers.versioning import ConfigQuerySet, FullHistory

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
    "key_faults",
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
    # Two rows that agree in these, in their keys and in their address make the same calls: `providers.catalogue.twins`.
    call_columns: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    @property
    def call_keys(self) -> frozenset[str]:
        """The keys that calls use, in whatever order."""
        return frozenset({self.secret})

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

    class Speaks(models.TextChoices):
        KIND = "", _("As usual for its kind")
        BOTH = "both", _("Chat completions and the Responses API")
        CHAT = "chat", _("Chat completions only")
        RESPONSES = "responses", _("The Responses API only")

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
    more_keys: Any = EncryptedMappingField(_("further API keys"))  # keys by their masks, see `named_keys`
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

    retries = models.PositiveSmallIntegerField(
        _("tries again"),
        default=1,
        validators=[MaxValueValidator(10)],
        help_text=_(
            "How often a call is sent again when nobody answers, or with the status 429 or of 500 and above, and no "
            "other connection offers the model. Never after the first byte of an answer."
        ),
    )
    retry_seconds = models.FloatField(
        _("seconds for these tries"),
        default=5.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(60.0)],
        help_text=_(
            "Further tries begin within this time after the first one failed. If the provider asks to wait longer "
            "(Retry-After), its answer is passed on at once."
        ),
    )

    speaks = models.CharField(
        _("protocol"),
        max_length=10,
        choices=Speaks,
        blank=True,
        default=Speaks.KIND,
        help_text=_(
            "Programs may call its models in every form: /v1/chat/completions, /v1/responses and /v1/messages. What "
            "the provider does not speak is translated."
        ),
    )
    extra_params = models.JSONField(_("added parameters"), default=dict, blank=True)
    dropped_params = models.JSONField(_("dropped parameters"), default=list, blank=True)
    learn_params = models.BooleanField(
        _("leave out what the provider calls unknown"),
        default=True,
        help_text=_(
            "When a provider calls a parameter of a chat unknown that changes little, such as “temperature”, the call "
            "is sent again without it, and further ones to this model leave it out."
        ),
    )

    key_faults = models.JSONField(default=dict, blank=True, editable=False)  # of refused keys, by mask: English words
    next_try = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    listed_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Key and headers are not in the history. A change of them is: as the reason of a change.
    history = HistoricalRecords(
        excluded_fields=[*HEALTH_FIELDS, "updated", "secret", "more_keys", "headers"],
        m2m_fields=["groups"],
        history_manager=FullHistory,
    )
    objects = ConfigQuerySet.as_manager()

    audited = ("base_url", "auth_type", "auth_options", "forward_cookies", "verify_tls", "ca_file")
    address_columns = ("base_url",)
    call_columns = ("auth_type", "prefix_id", "model_ids")

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        permissions: ClassVar = [
            ("change_connection_destination", _("Can change where calls lead and what proves who we are"))
        ]

    @property
    def call_keys(self) -> frozenset[str]:
        return frozenset({self.secret, *self.more_keys.values()})

    @property
    def refused_keys(self) -> dict[str, str]:
        """The keys that the provider refused: mask → why. Those that were replaced since are left out."""
        masks = {hint_of(key) for key in self.call_keys}
        return {mask: words for mask, words in self.key_faults.items() if mask in masks}

    def __str__(self) -> str:
        return self.name

    def origins(self) -> tuple[str, ...]:
        from providers.http.policy import origin  # late: it brings the HTTP libraries, which most commands never need

        return (origin(self.base_url),)
