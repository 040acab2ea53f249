"""The verbs of assistants. Another person's is NotFound, except for administrators."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.core.cache import cache
from django.core.files.base import File as DjangoFile
from django.db.models import Q, QuerySet
from django.utils.text import slugify

from chat import access, audience, chat_settings
from chat import files as chat_files
from chat.assistants import pictures, values
from chat.models import Assistant, File
from chat.rules import PARAMS
from providers import catalogue, versioning
from providers.errors import BadRequest, Conflict, Forbidden, NotFound, RateLimited
from providers.facts import Caller
from providers.models import PEOPLES, ChatModel
from providers.sentences import sentence as _

MAX_OWN = 50  # of one person
MAX_ALL = 5000  # of the site: each process holds all of them
# Each change makes every process read the configuration again.
MAX_CHANGES, CHANGES_SECONDS = 30, 60  # changes of one person within so many seconds
TRIES = 1000  # of ids made from a name
LONGEST_COPY = 10  # characters that a copy's name may lose to its number


def own_of(user: Any) -> QuerySet[Assistant]:
    """The person's own assistants, with all that pages show of them but the bytes of pictures."""
    return _rows().filter(model__owner_id=user.pk)


def usable_by(caller: Caller, user: Any) -> list[Assistant]:
    """The person's own assistants, and those that others share with them, newest first. Three queries."""
    routes = catalogue.snapshot_blocking().routes_for(caller)
    ids = [route.public_id for route in routes if route.needs is not None]
    return list(_rows().filter(Q(model__owner_id=user.pk) | Q(model__public_id__in=ids)))


def assistant_for(caller: Caller, user: Any, assistant_id: object) -> Assistant:
    """An assistant that this person owns or may use. Raises NotFound."""
    row = _rows().filter(pk=access.as_uuid(assistant_id)).first()
    if row is None or not (is_own(user, row) or row.model.public_id in _usable(caller)):
        raise _not_found()
    return row


def own_for(user: Any, assistant_id: object) -> Assistant:
    """An assistant that this person may change: their own, any for an administrator. Raises NotFound."""
    row = _rows().filter(pk=access.as_uuid(assistant_id)).first()
    if row is None or not is_own(user, row):
        raise _not_found()
    return row


def is_own(user: Any, row: Assistant) -> bool:
    return row.model.owner_id == user.pk or bool(user.is_superuser)


def bases_for(caller: Caller) -> list[Any]:
    """The routes that this person may make assistants of."""
    return [route for route in catalogue.snapshot_blocking().routes_for(caller) if route.needs is None]


def create(caller: Caller, user: Any, given: Mapping[str, Any]) -> Assistant:
    """Make an assistant of values that `AssistantValues` has checked.

    Raises Forbidden (switched off, not to be shared so widely), NotFound (base, file), BadRequest, Conflict (too many,
    `id_taken`), RateLimited.
    """
    _check_may_make(user)
    base = _base_for(caller, given["base"])
    groups = _audience(user, given, None)
    with versioning.exclusive():  # one at a time: numbers and ids hold
        _check_room(user)
        row = ChatModel(
            public_id=_new_id(given.get("id"), given["name"]),
            owner_id=user.pk,
            needs_base=True,
            access=given.get("access", audience.PRIVATE),
            base=ChatModel.objects.get(public_id=base),
            name=given["name"],
            description=given.get("description", ""),
            system_prompt=given.get("system_prompt") or "",
            params=values.params_of(dict(given), {}),
        )
        row.save()
        row.groups.set(groups)
        assistant = Assistant.objects.create(model=row, starters=given.get("starters") or [], tools=given.get("tools"))
        _set_files(assistant, user, given.get("files") or ())
    return assistant


def change(assistant: Assistant, caller: Caller, user: Any, given: Mapping[str, Any]) -> None:
    """Change what `given` names; see `create` for what it raises. Its id stays."""
    _check_may_make(user)
    row = assistant.model
    base = row.base_id
    if "base" in given and (row.base is None or given["base"] != row.base.public_id):
        base = ChatModel.objects.get(public_id=_base_for(caller, given["base"])).pk
    groups = _audience(user, given, assistant)
    new = {
        "name": given.get("name", row.name),
        "description": given.get("description", row.description),
        "system_prompt": (given["system_prompt"] or "") if "system_prompt" in given else row.system_prompt,
        "params": values.params_of(dict(given), row.params),
        "access": given.get("access", row.access),
        "base_id": base,
    }
    edited = [name for name, value in new.items() if getattr(row, name) != value]
    with versioning.exclusive():
        for name in edited:
            setattr(row, name, new[name])
        if edited:
            row.save()
        if set(groups) != set(row.groups.values_list("pk", flat=True)):
            row.groups.set(groups)
        assistant.starters = given["starters"] or [] if "starters" in given else assistant.starters
        assistant.tools = given.get("tools", assistant.tools)
        assistant.save(update_fields=["starters", "tools", "updated"])
        if "files" in given:
            _set_files(assistant, user, given["files"] or ())


def duplicate(assistant: Assistant, caller: Caller, user: Any) -> Assistant:
    """A private copy for the same person, with the same files and picture. Raises as `create`."""
    row = assistant.model
    if row.base is None:
        raise BadRequest(_("Its model was removed: choose another one first."), code="no_base")
    given = {
        "name": _name_of_copy(user, row.name),
        "description": row.description,
        "base": row.base.public_id,
        "system_prompt": row.system_prompt,
        "starters": assistant.starters,
        "tools": assistant.tools,
        "files": list(assistant.file_rows.values_list("pk", flat=True)),
        **row.params,
    }
    copy = create(caller, user, given)
    if assistant.picture_digest:
        _keep_picture(copy, bytes(Assistant.objects.values_list("picture", flat=True).get(pk=assistant.pk)))
    return copy


def delete(assistant: Assistant) -> None:
    """Delete it for good, with its files. Chats with it go on with another model."""
    with versioning.exclusive():
        assistant.model.delete()


def checked_picture(user: Any, upload: DjangoFile) -> bytes:
    """What `set_picture` takes. Raises TooLarge, BadRequest, RateLimited."""
    _check_rate(user.pk)
    return pictures.checked(upload)


def set_picture(assistant: Assistant, picture: bytes) -> None:
    _keep_picture(assistant, picture)


def remove_picture(assistant: Assistant) -> None:
    _keep_picture(assistant, b"")


def forget(user_id: int, *, shared: bool) -> None:
    """Delete a person's assistants, as when the account goes: those that nobody else uses, or the `shared` ones too."""
    rows = ChatModel.objects.filter(owner_id=user_id, assistant__isnull=False)
    if not shared:
        rows = rows.filter(access=audience.PRIVATE)
    if rows.exists():
        with versioning.exclusive():
            for row in rows:
                row.delete()


def parts_of(public_id: str) -> tuple[frozenset[str] | None, list[dict[str, Any]]]:
    """What an answer of this model gets: the tools that it may use, and its files. Two queries."""
    row = Assistant.objects.filter(model__public_id=public_id).only("pk", "tools").first()
    if row is None:
        return None, []
    files = [chat_files.file_json(file) for file in row.file_rows.order_by("created", "pk")]
    return (None if row.tools is None else frozenset(row.tools)), files


def as_json(assistant: Assistant, user: Any, usable: Collection[str]) -> dict[str, Any]:
    """An assistant for this person; `usable` are the public ids of models that they may use."""
    row = assistant.model
    shown = {
        "id": assistant.pk,
        "model": row.public_id,
        "name": row.name,
        "description": row.description,
        "picture": picture_url(assistant),
        "starters": assistant.starters,
        "own": row.owner_id == user.pk,
        "owner": str(row.owner) if row.owner is not None else None,
        "available": row.public_id in usable,
        "base": row.base.public_id if row.base is not None else None,
        "updated": assistant.updated,
    }
    if not is_own(user, assistant):
        return shown
    return {
        **shown,
        "system_prompt": row.system_prompt,
        **{name: row.params.get(name) for name in PARAMS},
        "tools": assistant.tools,
        "files": [chat_files.file_json(file) for file in assistant.file_rows.all()],
        "access": row.access,
        "groups": [{"id": group.pk, "name": group.name} for group in row.groups.all()],
    }


def picture_url(assistant: Assistant) -> str | None:
    digest = assistant.picture_digest
    return f"/assistants/{assistant.pk}/picture?v={digest}" if digest else None


# --- Inside -----------------------------------------------------------------------------------------------------------


def _rows() -> QuerySet[Assistant]:
    return (
        Assistant.objects.defer("picture")
        .select_related("model__base", "model__owner")
        .prefetch_related("model__groups", "file_rows")
    )


def _usable(caller: Caller) -> set[str]:
    return {route.public_id for route in catalogue.snapshot_blocking().routes_for(caller)}


def _check_may_make(user: Any) -> None:
    if not (chat_settings.current_blocking().assistants or user.is_superuser):
        raise Forbidden(_("Making assistants is switched off here."), code="assistants_off")
    _check_rate(user.pk)


def _check_rate(user_id: object) -> None:
    key = f"assistants.changes.{user_id}"
    cache.add(key, 0, CHANGES_SECONDS)
    try:
        count = cache.incr(key)
    except ValueError:  # it has just expired
        count = 1
    if count > MAX_CHANGES:
        raise RateLimited(
            _("That were many changes at once. Wait a minute, then go on."), retry_after=float(CHANGES_SECONDS)
        )


def _check_room(user: Any) -> None:
    peoples = ChatModel.objects.filter(needs_base=True, public_id__startswith=PEOPLES)
    if peoples.filter(owner_id=user.pk).count() >= MAX_OWN:
        words = _("You have %(n)s assistants, which is the maximum. Delete some first.")
        raise Conflict(words % {"n": MAX_OWN}, code="assistants_full")
    if peoples.count() >= MAX_ALL:
        raise Conflict(_("This site has no room for further assistants."), code="assistants_full")


def _base_for(caller: Caller, public_id: str) -> str:
    """The id of a base that this person may use. Raises NotFound, and BadRequest for another assistant."""
    route = catalogue.snapshot_blocking().route_for(caller, public_id)
    if route.needs is not None:
        raise BadRequest(
            _("An assistant cannot be made of another one. Choose a model."), code="base_is_assistant", param="base"
        )
    return route.public_id


def _audience(user: Any, given: Mapping[str, Any], assistant: Assistant | None) -> list[int]:
    """The groups that an assistant is shared with after a change. Raises Forbidden, BadRequest."""
    before = assistant.model.access if assistant is not None else audience.PRIVATE
    earlier = [group.pk for group in assistant.model.groups.all()] if assistant is not None else []
    wanted = given.get("access", before)
    groups = list(dict.fromkeys(given.get("groups", earlier))) if wanted == audience.GROUPS else []
    if "access" in given or "groups" in given:
        audience.check(user, wanted, groups, before=before, earlier=earlier)
    return list(Group.objects.filter(pk__in=groups).values_list("pk", flat=True))


def _new_id(wanted: str | None, name: str) -> str:
    """An id that no model has: the wanted one, else one made from the name. Raises Conflict."""
    if wanted:
        public_id = f"{PEOPLES}{wanted}"
        if ChatModel.objects.filter(public_id=public_id).exists():
            raise Conflict(_("The id “%(id)s” is taken. Choose another one.") % {"id": public_id}, code="id_taken")
        return public_id
    stem = f"{PEOPLES}{slugify(name, allow_unicode=True)[:50] or 'assistant'}"
    taken = set(ChatModel.objects.filter(public_id__startswith=stem).values_list("public_id", flat=True))
    for number in range(1, TRIES):
        public_id = stem if number == 1 else f"{stem}-{number}"
        if public_id not in taken:
            return public_id
    return f"{stem}-{uuid.uuid4().hex[:8]}"


def _name_of_copy(user: Any, name: str) -> str:
    """`Pirate 2` for a copy of `Pirate`."""
    taken = set(own_of(user).values_list("model__name", flat=True))
    stem = name[: values.MAX_NAME - LONGEST_COPY]
    return next(copy for number in range(2, TRIES) if (copy := f"{stem} {number}") not in taken)


def _set_files(assistant: Assistant, user: Any, file_ids: Sequence[object]) -> None:
    """Let these files go along, and no others. Raises NotFound."""
    attached = {str(row.pk): row for row in File.objects.filter(assistant=assistant)}
    wanted = [str(access.as_uuid(file_id)) for file_id in file_ids]
    owner = assistant.model.owner or user
    for file_id in dict.fromkeys(wanted):
        if file_id not in attached:
            row = chat_files.to_attach(owner, access.own_file_for(user, file_id))
            File.objects.filter(pk=row.pk).update(assistant=assistant, expires_at=None)
    for file_id, row in attached.items():
        if file_id not in wanted:
            row.delete()


def _keep_picture(assistant: Assistant, picture: bytes) -> None:
    assistant.picture, assistant.picture_digest = picture, pictures.digest_of(picture)
    assistant.save(update_fields=["picture", "picture_digest", "updated"])


def _not_found() -> NotFound:
    return NotFound(_("This assistant was not found. It may have been deleted."), code="assistant_not_found")
