"""A person's feedback, as a thing that people have: see `chat.belongings`."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from chat.belongings.base import Archive, Belonging
from chat.models import Feedback


class OwnFeedback(Belonging):
    name = "feedback"
    label = _("Feedback")
    models = ("chat.Feedback",)

    def count(self, user_id: int) -> int:
        return Feedback.objects.filter(user_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        rows = Feedback.objects.filter(user_id=user.pk).order_by("created")
        if facts := list(rows.values("message_id", "rating", "reasons", "text", "model", "created", "updated")):
            archive.add_json("feedback.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        return Feedback.objects.filter(user_id=user_id).delete()[0]
