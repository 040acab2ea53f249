"""Who may draw, with which engine, and whose a job is. One gate for every way in: page, API, chat."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from imagegen.models import ImageEngine, ImageJob, ImageSettings
from providers.errors import Forbidden, NotFound
from providers.models import Access


def check_may_draw(user: Any, *, editing: bool = False) -> ImageSettings:
    """The settings, when this person may draw (or edit) now. Raises Forbidden: switched off, or not theirs to use."""
    switches = ImageSettings.load()
    if not switches.enabled:
        raise Forbidden(_("Drawing is switched off here."), code="images_disabled")
    if editing and not switches.edit_enabled:
        raise Forbidden(_("Editing pictures is switched off here."), code="image_edit_disabled")
    if not user.is_superuser:
        allowed = set(switches.groups.values_list("pk", flat=True))
        if allowed and not user.groups.filter(pk__in=allowed).exists():
            raise Forbidden(_("Your account may not draw pictures."), code="images_not_permitted")
    return switches


def may_draw(user: Any, *, editing: bool = False) -> bool:
    try:
        check_may_draw(user, editing=editing)
    except Forbidden:
        return False
    return True


def engines_for(user: Any, *, editing: bool | None = None) -> list[ImageEngine]:
    """The enabled engines that this person may use, in order; for one purpose when asked."""
    rows = ImageEngine.objects.filter(enabled=True)
    if not user.is_superuser:
        mine = Q(access=Access.PUBLIC) | Q(access=Access.GROUPS, groups__in=user.groups.all())
        rows = rows.filter(mine).distinct()
    return [row for row in rows if editing is None or row.serves(editing=editing)]


def engine_for(user: Any, switches: ImageSettings, *, name: str = "", editing: bool = False) -> ImageEngine:
    """The engine that is named (name, id or kind), else the default one, else the first that they may use.

    Raises NotFound when it is not there or not theirs: both answer alike.
    """
    mine = engines_for(user, editing=editing)
    if name:
        chosen = _named(mine, name)
    else:
        default = switches.edit_engine_id if editing else switches.engine_id
        chosen = next((row for row in mine if row.pk == default), mine[0] if mine else None)
    if chosen is None:
        message = _("There is no such picture engine.") if name else _("No picture engine is set up for this yet.")
        raise NotFound(message, code="engine_not_found", param="engine" if name else None)
    return chosen


def _named(rows: Sequence[ImageEngine], name: str) -> ImageEngine | None:
    for matches in (
        lambda row: row.name == name,
        lambda row: str(row.pk) == name,
        lambda row: row.kind == name,
    ):
        if found := next((row for row in rows if matches(row)), None):
            return found
    return None


def job_for(user: Any, job_id: object) -> ImageJob:
    """The person's job; any job for an administrator. Raises NotFound."""
    try:
        key = job_id if isinstance(job_id, uuid.UUID) else uuid.UUID(str(job_id))
    except ValueError:
        raise _no_job() from None
    jobs = ImageJob.objects.select_related("engine").filter(pk=key)
    job = (jobs if user.is_superuser else jobs.filter(user_id=user.pk)).first()
    if job is None:
        raise _no_job()
    return job


def _no_job() -> NotFound:
    return NotFound(_("This job is not there."), code="job_not_found")
