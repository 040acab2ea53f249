"""Access to engines and jobs: who may draw with which engine, and whose a job is. All entrances ask here."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from imagegen.models import ImageEngine, ImageJob, ImageSettings
from providers.errors import Forbidden, NotFound
from providers.facts import Caller
from providers.models import Access
from providers.sentences import sentence as _

SCOPE = "images"  # the scope that an API key needs, see `callers.SCOPES`


def check_scope(caller: Caller) -> None:
    """Raises Forbidden where the caller's key was made for something else."""
    if not caller.may(SCOPE):
        raise Forbidden(_("This API key was not made for pictures."), code="insufficient_scope")


def check_may_draw(caller: Caller, *, editing: bool = False) -> ImageSettings:
    """The picture settings, when this caller may draw (or edit) now.

    Raises Forbidden: the key is for something else, pictures are switched off, or the person is in none of the groups.
    """
    check_scope(caller)
    image_settings = ImageSettings.load()
    if not image_settings.enabled:
        raise Forbidden(_("Drawing is switched off here."), code="images_disabled")
    if editing and not image_settings.edit_enabled:
        raise Forbidden(_("Editing pictures is switched off here."), code="image_edit_disabled")
    if not caller.is_admin:
        allowed = set(image_settings.groups.values_list("pk", flat=True))
        if allowed and allowed.isdisjoint(caller.group_ids):
            raise Forbidden(_("Your account may not draw pictures."), code="images_not_permitted")
    return image_settings


def check_may_test(caller: Caller) -> None:
    """Raises Forbidden for everybody but administrators: they try an engine before anybody may use it."""
    check_scope(caller)
    if not caller.is_admin:
        raise Forbidden(_("Only administrators test picture engines."))


def check_may_go_on(caller: Caller, engine_id: int | None, model: str = "") -> None:
    """Raises Forbidden where a job's key lost its scope or the model, or its person the right to draw, or to its
    engine; what is switched off for everybody ends no job.
    """
    check_scope(caller)
    engine = ImageEngine.objects.filter(pk=engine_id).first() if engine_id else None
    if engine is not None and not key_allows(caller, engine, model):
        words = _("You may no longer use the model “%(id)s”.")
        raise Forbidden(words % {"id": model or engine.model or engine.name}, code="access_ended")
    if caller.is_admin:
        return
    allowed = set(ImageSettings.load().groups.values_list("pk", flat=True))
    closed = engine is not None and not (
        engine.access == Access.PUBLIC
        or (engine.access == Access.GROUPS and engine.groups.filter(pk__in=caller.group_ids).exists())
    )
    if closed or (allowed and allowed.isdisjoint(caller.group_ids)):
        raise Forbidden(_("Your account may not draw pictures."), code="images_not_permitted")


def may_draw(caller: Caller, *, editing: bool = False) -> bool:
    """Whether `check_may_draw` lets this caller in."""
    try:
        check_may_draw(caller, editing=editing)
    except Forbidden:
        return False
    return True


def engines_for(caller: Caller, *, editing: bool | None = None) -> list[ImageEngine]:
    """The enabled engines that this caller may use, by position; `editing`: only those that edit, or that draw."""
    rows = ImageEngine.objects.filter(enabled=True)
    if not caller.is_admin:
        permitted = Q(access=Access.PUBLIC) | Q(access=Access.GROUPS, groups__in=caller.group_ids)
        rows = rows.filter(permitted).distinct()
    return [row for row in rows if editing is None or row.serves(editing=editing)]


def key_allows(caller: Caller, engine: ImageEngine, model: str = "") -> bool:
    """Whether the key in use may draw with this model of the engine (empty: its usual one).

    An engine whose models have no names, such as a workflow, goes by its own name.
    """
    return caller.may_use(model or engine.model or engine.name)


def engine_for(caller: Caller, image_settings: ImageSettings, *, name: str = "", editing: bool = False) -> ImageEngine:
    """The engine that is named (name, id or kind), else the default one, else the first that the caller may use.

    Raises NotFound for an engine that does not exist and for one that the caller may not use: both answer alike.
    """
    engines = engines_for(caller, editing=editing)
    if name:
        chosen = _named(engines, name)
    else:
        default = image_settings.edit_engine_id if editing else image_settings.engine_id
        chosen = next((row for row in engines if row.pk == default), engines[0] if engines else None)
    if chosen is None:
        message = _("There is no such picture engine.") if name else _("No picture engine is set up for this yet.")
        raise NotFound(message, code="engine_not_found", param="engine" if name else None)
    return chosen


def _named(rows: Sequence[ImageEngine], name: str) -> ImageEngine | None:
    """Find an engine by name, else by id, else by kind: a name may look like the other two."""
    for value_of in (lambda row: row.name, lambda row: str(row.pk), lambda row: row.kind):
        for row in rows:
            if value_of(row) == name:
                return row
    return None


def job_for(caller: Caller, job_id: object) -> ImageJob:
    """The caller's job; any job for an administrator. Raises NotFound."""
    try:
        key = job_id if isinstance(job_id, uuid.UUID) else uuid.UUID(str(job_id))
    except ValueError:
        raise _no_job() from None
    jobs: Any = ImageJob.objects.select_related("engine").filter(pk=key)
    job = (jobs if caller.is_admin else jobs.filter(user_id=caller.user_id)).first()
    if job is None:
        raise _no_job()
    return job  # type: ignore[no-any-return]


def _no_job() -> NotFound:
    return NotFound(_("This job does not exist."), code="job_not_found")
