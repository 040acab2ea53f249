"""Tool servers: what administrators entered, what the servers list, people's own grants, and what they allowed."""

from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from chat.models.chats import Chat
from chat.tool_kinds.base import GRANT, KEY
from chat.tool_kinds.table import KINDS, MCP
from providers.fields import EncryptedTextField
from providers.models import ServerRow
from providers.versioning import ConfigQuerySet, FullHistory

HEALTH_FIELDS = ("last_ok", "last_error", "last_fault", "last_checked", "last_duration_ms", "listed", "listed_at")


def tool_server_kind_choices() -> list[tuple[str, Any]]:
    return [(kind.name, kind.label) for kind in KINDS.values()]


class ToolServer(ServerRow):
    """One server whose tools models may call: how it is reached, who may use it, and which of its tools."""

    class Auth(models.TextChoices):
        NONE = "none", _("Nothing")
        KEY = KEY, _("The key below")
        GRANT = GRANT, _("A grant of each person's own (OAuth)")

    class Use(models.TextChoices):
        ON = "on", _("Without asking")
        ASK = "ask", _("After asking the person")
        OFF = "off", _("Never")

    name = models.CharField(_("name"), max_length=60, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=tool_server_kind_choices, default=MCP.name)
    url = models.CharField(_("address"), max_length=500, blank=True)
    command = models.CharField(_("command"), max_length=1000, blank=True)
    auth = models.CharField(_("authentication"), max_length=10, choices=Auth, default=Auth.NONE)
    secret = EncryptedTextField(_("key"), blank=True)
    client_id = models.CharField(_("client id"), max_length=300, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    seconds = models.PositiveIntegerField(
        _("seconds a call may take"), default=60, validators=[MinValueValidator(1), MaxValueValidator(600)]
    )
    new_tools = models.CharField(_("models may call its tools"), max_length=5, choices=Use, default=Use.ASK)
    uses = models.JSONField(_("tools with a rule of their own"), default=dict, blank=True)  # tool → Use
    # What the server said of its tools last (`ListedTool.stored`).
    listed = models.JSONField(default=list, blank=True, editable=False)
    listed_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Without key and headers: a page of changes shows old values.
    history = HistoricalRecords(
        excluded_fields=[*HEALTH_FIELDS, "updated", "secret", "headers"],
        m2m_fields=["groups"],
        history_manager=FullHistory,
    )
    objects = ConfigQuerySet.as_manager()

    audited = ("url", "command", "auth", "client_id", "verify_tls", "ca_file")
    address_columns = ("url", "command")
    call_columns = ("kind", "auth")

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        verbose_name = _("tool server")
        verbose_name_plural = _("tool servers")
        permissions: ClassVar = [("change_toolserver_destination", _("Can change where calls lead"))]

    def __str__(self) -> str:
        return self.name

    def origins(self) -> tuple[str, ...]:
        from providers.http.policy import origin  # late: it brings the HTTP libraries, which most commands never need

        return (origin(self.url), self.command)

    def save(self, *args: Any, **options: Any) -> None:
        """Where it leads to another server, people's grants and the list of tools are of the former one: they go."""
        super().save(*args, **options)
        if self.moved:
            ToolGrant.objects.filter(server_id=self.pk).delete()
            type(self).objects.filter(pk=self.pk).update(listed=[], listed_at=None)
            self.listed, self.listed_at = [], None

    @property
    def address(self) -> str:
        """Where it is: its address, or the command that starts it."""
        return self.url or self.command

    def use_of(self, tool: str) -> str:
        """How models may call a tool: one of `Use`."""
        return str(self.uses.get(tool, self.new_tools))


class ToolGrant(models.Model):
    """A person's own grant at a tool server. It belongs to that server, and goes when the server's address changes."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="tool_grants", verbose_name=_("user")
    )
    server = models.ForeignKey(ToolServer, models.CASCADE, related_name="grants", verbose_name=_("tool server"))
    values = EncryptedTextField()  # JSON: `chat.tool_kinds.Grant.values`
    renewing_until = models.DateTimeField(null=True, blank=True, editable=False)  # a call renews it
    created = models.DateTimeField(_("created"), auto_now_add=True)
    updated = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "server"], name="tool_grants_once")]
        verbose_name = _("grant at a tool server")
        verbose_name_plural = _("grants at tool servers")

    def __str__(self) -> str:
        return f"{self.pk}"


class ToolAllowance(models.Model):
    """A tool that its person allowed for all of one chat."""

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="tool_allowances")
    tool = models.CharField(max_length=64)  # its key, which is not its name for models

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["chat", "tool"], name="tool_allowances_once")]
        verbose_name = _("allowed tool")
        verbose_name_plural = _("allowed tools")

    def __str__(self) -> str:
        return self.tool
