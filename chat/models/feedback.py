"""What people think of answers."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Message


class Feedback(models.Model):
    """A thumb of one person on one answer, with reasons. It goes with the message."""

    class Rating(models.TextChoices):
        UP = "up", _("good")
        DOWN = "down", _("bad")

    message = models.ForeignKey(Message, models.CASCADE, related_name="feedback", verbose_name=_("message"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="feedback", verbose_name=_("user"))
    rating = models.CharField(_("rating"), max_length=4, choices=Rating)
    reasons = models.JSONField(_("reasons"), default=list, blank=True)  # names of `chat.feedback.reasons`
    text = models.CharField(_("in their words"), max_length=1000, blank=True)
    model = models.CharField(_("model"), max_length=255, blank=True)  # of the message: its public id
    created = models.DateTimeField(_("created"), default=timezone.now)
    updated = models.DateTimeField(_("updated"), default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-updated"]
        indexes: ClassVar = [models.Index(fields=["updated", "model"], name="feedback_by_time")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "user"], name="one_feedback_per_person_and_message")
        ]
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")

    def __str__(self) -> str:
        return f"{self.get_rating_display()}: {self.model}"
