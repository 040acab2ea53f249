"""People, the dashboard and the look of the administration."""

from webui.admin.people import GroupAdmin, UserAdmin

__all__ = [
    "GroupAdmin",
    "UserAdmin",
]
