"""Links of shared chats."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat, Message


class Share(models.Model):
    """The link of a shared chat, which its readers may read up to the message `leaf`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)  # the secret part of the link
    chat = models.OneToOneField(Chat, models.CASCADE, related_name="share", verbose_name=_("chat"))
    leaf = models.ForeignKey(Message, models.CASCADE, related_name="+")
    public = models.BooleanField(_("for everybody"), default=False)  # else for everybody who is signed in
    shows_name = models.BooleanField(_("shows the owner's name"), default=True)
    expires_at = models.DateTimeField(_("ends"), null=True, blank=True)  # None: when it is taken back
    updated = models.DateTimeField(_("updated"), default=timezone.now)  # when its readers got to see `leaf`
    created = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("shared chat")
        verbose_name_plural = _("shared chats")

    @property
    def has_ended(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def __str__(self) -> str:
        return str(self.chat)
