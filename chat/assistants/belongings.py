"""Assistants among the things that people have."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from chat.assistants import services
from chat.belongings.base import Archive, Belonging
from chat.models import Assistant


class Assistants(Belonging):
    """Their files are among the person's files."""

    name = "assistants"
    label = _("Assistants")
    models = ("chat.Assistant",)

    def count(self, user_id: int) -> int:
        return Assistant.objects.filter(model__owner_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        if facts := [services.as_json(row, user, ()) for row in services.own_of(user)]:
            archive.add_json("assistants.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        count = self.count(user_id)
        services.forget(user_id, shared=True)
        return count
