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
        from django.db.models.signals import post_save, pre_delete

        # Late, here and below: models can be imported once all apps are set up.
        from chat import runs
        from chat.files import collecting
        from imagegen.models import ImageEngine, ImageSettings
        from providers.checkup import listing
        from providers.models import Connection
        from providers.signals import count_changes_of, count_members_of, dependents

        count_changes_of(ImageEngine, ImageSettings)
        count_members_of(ImageEngine.groups.through, ImageSettings.groups.through)
        listing.connect(engine_subjects, dispatch_uid="imagegen.engine_subjects")
        runs.interrupted.connect(_reply_interrupted, dispatch_uid="imagegen.reply_interrupted")
        collecting.connect(_purge_jobs, dispatch_uid="imagegen.purge_jobs")
        dependents.connect(_engines_through, dispatch_uid="imagegen.engines_through")
        post_save.connect(_connection_saved, sender=Connection, dispatch_uid="imagegen.connection_saved")
        pre_delete.connect(_connection_deleting, sender=Connection, dispatch_uid="imagegen.connection_deleting")


def _purge_jobs(sender: Any, now: "datetime", **more: Any) -> None:
    from imagegen import services  # late: it imports models

    services.purge_jobs(now=now)


def _reply_interrupted(sender: Any, message: Any, **more: Any) -> None:
    from imagegen import jobs  # late: it imports models

    jobs.show_for(message)


def _connection_saved(instance: Any, **more: Any) -> None:
    """Drop the headers of engines that draw through a connection which has moved: they are for its old server."""
    if instance.moved:
        instance.lost_secrets = (*instance.lost_secrets, *_drop_headers(instance))


def _connection_deleting(instance: Any, **more: Any) -> None:
    """Switch off the engines of a deleted connection: they would send headers and prompts to their own addresses."""
    from imagegen.models import ImageEngine  # late: a model

    _drop_headers(instance)
    for engine in ImageEngine.objects.filter(connection=instance, enabled=True):
        engine.enabled = False
        engine._change_reason = str(_("Its connection was deleted"))
        engine.save(update_fields=["enabled", "updated"])


def _engines_through(connections: Any, **more: Any) -> list[str]:
    """The engines that a deletion of connections disables, as sentences for the confirmation page."""
    from imagegen.models import ImageEngine  # late: a model

    engines = ImageEngine.objects.filter(connection__in=connections, enabled=True)
    return [str(_("Will be switched off: picture engine “%(name)s”") % {"name": engine}) for engine in engines]


def _drop_headers(connection: Any) -> list[str]:
    """The names of the dropped headers, each with its engine."""
    from imagegen.models import ImageEngine  # late: a model

    engines = ImageEngine.objects.filter(connection=connection)
    return [f"{engine}: {name}" for engine in engines if engine.headers for name in engine.drop_headers()]


def engine_subjects(sender: Any, **more: Any) -> "Iterator[CheckSubject]":
    """Every enabled engine, for `check_connections`."""
    from imagegen.models import ImageEngine  # late: a model
    from providers.checkup import CheckSubject  # late: it imports models

    for row in ImageEngine.objects.filter(enabled=True):
        yield CheckSubject(row.name, partial(_examine, row))


def _examine(row: Any) -> "CheckReport":
    # Late: both import models.
    from imagegen import engine_tests
    from providers.checkup import CheckReport

    result = engine_tests.check(row)
    return CheckReport(row.name, result.ok, result.message, result.note)
