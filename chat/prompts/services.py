"""The verbs of saved prompts. Another person's is NotFound, unless it is shared with the reader or an administrator."""

import re
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Case, IntegerField, Q, QuerySet, When

from chat import access, audience, chat_settings
from chat.models import Prompt
from chat.prompts import fields
from providers.errors import BadRequest, Conflict, Forbidden, NotFound
from providers.sentences import sentence as _

MAX_OWN = 300  # of one person
MAX_LISTED = 500  # that a page and the message box show at once
MAX_TEXT = 20_000  # characters
COMMAND = re.compile(r"\A[\w-]{1,40}\Z")


def usable_by(user: Any) -> QuerySet[Prompt]:
    """The person's own prompts, and those that are shared with them; by command."""
    shared = Q(access=Prompt.Audience.PUBLIC) | Q(access=Prompt.Audience.GROUPS, groups__in=user.groups.all())
    rows = Prompt.objects.filter(Q(owner_id=user.pk) | (shared & Q(owner__is_active=True)))
    return rows.distinct().select_related("owner").prefetch_related("groups").order_by("command", "created", "pk")


def listed_for(user: Any) -> list[Prompt]:
    """What pages and the message box show: one's own first, so that those of others never push them out."""
    is_others = Case(When(owner_id=user.pk, then=0), default=1, output_field=IntegerField())
    return list(usable_by(user).order_by(is_others, "command", "created", "pk")[:MAX_LISTED])


def prompt_for(user: Any, prompt_id: object) -> Prompt:
    """A prompt that this person may use. Raises NotFound."""
    row = usable_by(user).filter(pk=access.as_uuid(prompt_id)).first()
    if row is None:
        raise _not_found()
    return row


def own_for(user: Any, prompt_id: object) -> Prompt:
    """A prompt that this person may change: their own, any for an administrator. Raises NotFound."""
    row = Prompt.objects.select_related("owner").filter(pk=access.as_uuid(prompt_id)).first()
    if row is None or not is_own(user, row):
        raise _not_found()
    return row


def is_own(user: Any, row: Prompt) -> bool:
    return row.owner_id == user.pk or bool(user.is_superuser)


def create(user: Any, given: Mapping[str, Any]) -> Prompt:
    """Save a prompt. Raises Forbidden (switched off, not to be shared so widely), BadRequest, Conflict (too many,
    `command_taken`).
    """
    _check_may_save(user)
    if Prompt.objects.filter(owner_id=user.pk).count() >= MAX_OWN:
        words = _("You have %(n)s prompts, which is the maximum. Delete some first.")
        raise Conflict(words % {"n": MAX_OWN}, code="prompts_full")
    row = Prompt(owner_id=user.pk)
    _write(row, user, given)
    return row


def change(row: Prompt, user: Any, given: Mapping[str, Any]) -> None:
    """Change what `given` names. Raises as `create`."""
    _check_may_save(user)
    _write(row, user, given)


def delete(row: Prompt) -> None:
    row.delete()


def _write(row: Prompt, user: Any, given: Mapping[str, Any]) -> None:
    is_new = row._state.adding
    earlier = [] if is_new else list(row.groups.values_list("pk", flat=True))
    wanted = given.get("access", row.access)
    groups = list(dict.fromkeys(given.get("groups", earlier))) if wanted == Prompt.Audience.GROUPS else []
    if "access" in given or "groups" in given:
        before = Prompt.Audience.PRIVATE.value if is_new else row.access
        audience.check(user, wanted, groups, before=before, earlier=earlier)
    for name in ("command", "title", "text", "access"):
        if name in given:
            setattr(row, name, given[name])
    if len(fields.fields_of(row.text)) > fields.MOST:
        words = _("A prompt can have at most %(n)s fields.") % {"n": fields.MOST}
        raise BadRequest(words, code="too_many_fields", param="text")
    try:
        with transaction.atomic():
            row.save()
            row.groups.set(Group.objects.filter(pk__in=groups))
    except IntegrityError as error:
        words = _("You have a prompt with the command /%(command)s already.") % {"command": row.command}
        raise Conflict(words, code="command_taken", param="command") from error


def _check_may_save(user: Any) -> None:
    if not (chat_settings.current_blocking().prompts or user.is_superuser):
        raise Forbidden(_("Saving prompts is switched off here."), code="prompts_off")


def _not_found() -> NotFound:
    return NotFound(_("This prompt was not found. It may have been deleted."), code="prompt_not_found")
