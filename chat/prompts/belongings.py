"""Saved prompts among the things that people have."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from chat.belongings.base import Archive, Belonging
from chat.models import Prompt


class Prompts(Belonging):
    name = "prompts"
    label = _("Saved prompts")
    models = ("chat.Prompt",)

    def count(self, user_id: int) -> int:
        return Prompt.objects.filter(owner_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        rows = Prompt.objects.filter(owner_id=user.pk)
        if facts := list(rows.values("command", "title", "text", "access", "created", "updated")):
            archive.add_json("prompts.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        return Prompt.objects.filter(owner_id=user_id).delete()[1].get(Prompt._meta.label, 0)
