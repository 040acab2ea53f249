"""Long work with a person's data: imports, exports, deletions."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Transfer(models.Model):
    """One import, export or deletion of a person's data, which runs in the background: see `chat.transfers`."""

    class TransferKind(models.TextChoices):
        IMPORT = "import", _("import")
        EXPORT = "export", _("export")
        ERASURE = "erasure", _("deletion")

    class TransferState(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        READY = "ready", _("waits for a decision")  # an import that was looked through
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    OPEN: ClassVar = (TransferState.QUEUED, TransferState.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="transfers", verbose_name=_("user"))
    kind = models.CharField(_("kind"), max_length=10, choices=TransferKind)
    state = models.CharField(_("status"), max_length=10, choices=TransferState, default=TransferState.QUEUED)
    # What the person chose: of an import {"go": true} once it shall come in, of a deletion {"sections": [name]}.
    options = models.JSONField(default=dict, blank=True)
    name = models.CharField(_("name"), max_length=160, blank=True)  # of the file that was uploaded, or is downloaded
    storage_name = models.CharField(max_length=300, blank=True)  # of its bytes in the file store
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    progress = models.JSONField(default=dict, blank=True)  # {"share": 0 to 1, "chats": n}
    report = models.JSONField(default=dict, blank=True)  # what came of it: see the works of `chat.transfers.table`
    error = models.JSONField(_("error"), null=True, blank=True)  # `GatewayError.message_body` of one that failed
    cancel_requested = models.BooleanField(default=False)
    worker = models.CharField(max_length=120, blank=True)  # the process that runs it
    heartbeat = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created = models.DateTimeField(_("created"), default=timezone.now)
    ended = models.DateTimeField(_("ended"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)  # then row and file are removed

    class Meta:
        ordering: ClassVar = ["-created"]
        indexes: ClassVar = [
            models.Index(fields=["user", "-created"], name="transfers_by_user"),
            models.Index(fields=["state"], name="transfers_open", condition=models.Q(state__in=["queued", "running"])),
        ]
        verbose_name = _("transfer of data")
        verbose_name_plural = _("transfers of data")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}".strip()

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN
