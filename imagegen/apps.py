from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import datetime

    from providers.checkup import CheckReport, CheckSubject


class ImagegenConfig(AppConfig):
    name = "imagegen"
    verbose_name = _("Pictures")

    def ready(self) -> None:
        from chat.files import collecting
        from imagegen.models import ImageEngine, ImageSettings
        from providers import checkup
        from providers.signals import count_changes_of, count_members_of

        count_changes_of(ImageEngine, ImageSettings)
        count_members_of(ImageEngine.groups.through, ImageSettings.groups.through)
        checkup.register(engine_subjects)
        collecting.connect(_purge_jobs, dispatch_uid="imagegen.purge_jobs")


def _purge_jobs(sender: Any, now: "datetime", **more: Any) -> None:
    from imagegen import services

    services.purge_jobs(now=now)


def engine_subjects() -> "Iterator[CheckSubject]":
    """Every engine that is switched on, for `check_connections`."""
    from imagegen.models import ImageEngine
    from providers.checkup import CheckSubject

    for row in ImageEngine.objects.filter(enabled=True):
        yield CheckSubject(row.name, partial(_examine, row))


def _examine(row: Any) -> "CheckReport":
    from imagegen import engine_tests
    from providers.checkup import CheckReport

    result = engine_tests.check(row)
    return CheckReport(row.name, result.ok, result.message)
