"""The admin of this app, one file per list."""

from imagegen.admin.engines import ImageEngineAdmin
from imagegen.admin.jobs import ImageJobAdmin
from imagegen.admin.settings import ImageSettingsAdmin

__all__ = ["ImageEngineAdmin", "ImageJobAdmin", "ImageSettingsAdmin"]
