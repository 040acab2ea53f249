"""Pulls of models to servers that hold their models themselves."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers.models.servers import Connection


class ModelPull(models.Model):
    """One pull, by the process that reads the server's progress and writes it here every second."""

    class PullState(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="pulls", verbose_name=_("connection"))
    model = models.CharField(_("model"), max_length=255)  # the id at the server
    state = models.CharField(_("state"), max_length=10, choices=PullState, default=PullState.RUNNING)
    status = models.CharField(_("progress"), max_length=300, blank=True)  # the server's own words
    completed = models.BigIntegerField(default=0)  # bytes of the part that comes now
    total = models.BigIntegerField(default=0)
    error = models.TextField(_("error"), blank=True)
    cancels = models.BooleanField(default=False)  # somebody wants it to stop
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("user")
    )
    started = models.DateTimeField(_("started"), default=timezone.now)
    updated = models.DateTimeField(default=timezone.now)  # the heartbeat of its process

    class Meta:
        ordering: ClassVar = ["-started", "-pk"]
        verbose_name = _("pull")
        verbose_name_plural = _("pulls")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint("connection", "model", condition=models.Q(state="running"), name="one_pull_at_once")
        ]

    def __str__(self) -> str:
        return self.model

    @property
    def is_running(self) -> bool:
        return self.state == self.PullState.RUNNING

    @property
    def share(self) -> int | None:
        """How much of the part has come, in percent; None before its size is known."""
        return min(100, self.completed * 100 // self.total) if self.total > 0 else None
