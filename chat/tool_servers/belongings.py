"""A person's grants at tool servers, as a thing that they have: where and since when, never the tokens."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from chat.belongings.base import Archive, Belonging
from chat.models import ToolGrant


class Grants(Belonging):
    name = "grants"
    label = _("Connected tool servers")
    models = ("chat.ToolGrant",)

    def count(self, user_id: int) -> int:
        return ToolGrant.objects.filter(user_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        rows = ToolGrant.objects.filter(user_id=user.pk).order_by("created")
        if facts := list(rows.values("server__name", "created", "updated")):
            archive.add_json("tool_servers.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        return ToolGrant.objects.filter(user_id=user_id).delete()[0]
