"""People, the dashboard and the look of the administration."""

from webui.admin.people import GroupAdmin, UserAdmin
from webui.admin.settings import SiteSettingsAdmin

__all__ = [
    "GroupAdmin",
    "SiteSettingsAdmin",
    "UserAdmin",
]
