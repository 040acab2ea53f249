from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from providers.checkup import Finding, Subject


class ImagegenConfig(AppConfig):
    name = "imagegen"
    verbose_name = _("Pictures")

    def ready(self) -> None:
        from providers import checkup

        checkup.register(engine_subjects)


def engine_subjects() -> "Iterator[Subject]":
    """Every engine that is switched on, for `check_connections`."""
    from imagegen.models import ImageEngine
    from providers.checkup import Subject

    for row in ImageEngine.objects.filter(enabled=True):
        yield Subject(row.name, partial(_examine, row))


def _examine(row: Any) -> "Finding":
    from imagegen import testing
    from providers.checkup import Finding

    tested = testing.check(row)
    return Finding(row.name, tested.ok, tested.words)
