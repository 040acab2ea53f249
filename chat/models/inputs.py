"""What models read beside the conversation, kept so that later turns send it again."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Message

TOOLS = "tools"  # the `source` of tool calls and their results


class ModelInput(models.Model):
    """What a model read for one answer: the context of a handler (a text), or tool calls with their results.

    Sent again in later turns at the same place: a request then begins as the one before it did, which providers find
    in their prompt caches, and the model knows what it looked up.
    """

    answer = models.ForeignKey(Message, models.CASCADE, related_name="inputs", verbose_name=_("answer"))
    source = models.CharField(_("source"), max_length=64)  # the name of a handler, or `TOOLS`
    content = models.JSONField(_("content"))  # a text; of `TOOLS` a list of OpenAI messages

    class Meta:
        ordering = ("pk",)
        verbose_name = _("model input")
        verbose_name_plural = _("model inputs")

    def __str__(self) -> str:
        return f"{self.source}: {str(self.content)[:60]}"
