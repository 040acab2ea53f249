"""Files of people: what they attached, and pictures that were made for them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.decoding import formats
from chat.file_addresses import content_address
from chat.models.assistants import Assistant
from chat.models.chats import Chat, Message
from chat.models.folders import Folder


class PresentFiles(models.Manager["File"]):
    """Files that are not deleted. Deleted ones keep their bytes until the deletion is final."""

    def get_queryset(self) -> models.QuerySet["File"]:
        return super().get_queryset().filter(deleted_at=None)


class File(models.Model):
    """One person's access to stored bytes; rows with the same bytes have the same `storage_name`: see `chat.files`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="files", verbose_name=_("owner"))
    name = models.CharField(_("name"), max_length=160)
    storage_name = models.CharField(max_length=300, db_index=True)
    content_type = models.CharField(_("type"), max_length=100)  # as sniffed from the bytes
    size = models.PositiveBigIntegerField(_("bytes"))
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField(null=True, blank=True)  # of pictures, in pixels
    height = models.PositiveIntegerField(null=True, blank=True)
    chat = models.ForeignKey(
        Chat, models.CASCADE, null=True, blank=True, related_name="file_rows", verbose_name=_("chat")
    )
    message = models.ForeignKey(Message, models.CASCADE, null=True, blank=True, related_name="file_rows")
    folder = models.ForeignKey(
        Folder, models.CASCADE, null=True, blank=True, related_name="file_rows", verbose_name=_("folder")
    )
    assistant = models.ForeignKey(Assistant, models.CASCADE, null=True, blank=True, related_name="file_rows")
    session_id = models.CharField(max_length=100, blank=True)
    # How a picture was made: engine, model, prompt, revised_prompt, seed, size; never bytes or whole requests.
    provenance = models.JSONField(_("how it was made"), default=dict, blank=True)
    created = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(
        _("expires"), null=True, blank=True, db_index=True
    )  # then `collect_files` removes it
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)  # set while a deletion can be undone

    objects = PresentFiles()
    everything = models.Manager["File"]()

    class Meta:
        ordering: ClassVar = ["-created"]
        indexes: ClassVar = [
            models.Index(fields=["owner", "sha256"], name="files_by_bytes"),
            models.Index(fields=["owner", "-created"], name="files_by_owner"),
            # SQLite counts the many files of no chat in the key's own index, and reads all files instead.
            models.Index(fields=["chat"], name="files_of_chats", condition=models.Q(chat__isnull=False)),
            models.Index(fields=["deleted_at"], name="files_deleted", condition=models.Q(deleted_at__isnull=False)),
        ]
        verbose_name = _("file")
        verbose_name_plural = _("files")

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        return content_address(self.pk)

    @property
    def is_picture(self) -> bool:
        return self.content_type.startswith("image/")

    @property
    def is_raster(self) -> bool:
        return formats.is_raster(self.content_type)
