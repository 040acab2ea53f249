"""People and the dashboard in the administration."""

from webui.admin.people import GroupAdmin, UserAdmin

__all__ = [
    "GroupAdmin",
    "UserAdmin",
]
