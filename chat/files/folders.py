"""Folders as rows that hold files: make, change, find by name. Another person's folder, or file, is NotFound."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chat import access, events
from chat.access import Person
from chat.files import rows
from chat.models import File, Folder
from providers import json_bodies
from providers.errors import BadRequest, Conflict
from providers.sentences import sentence as _

MOST_FOLDERS = 200  # of one person: all of them stand in the list of chats
MOST_FILES = 20  # of one folder: all of them go along with each question
MOST_CHARACTERS = 20_000  # of its system prompt
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class FolderValues:
    """What a folder is to have; None leaves that as it is. `files` are ids of uploads, all that it is to have."""

    name: str | None = None
    prompt: str | None = None
    files: Sequence[object] | None = None


def folders_of(user: Person) -> QuerySet[Folder]:
    """All folders of this person, by name."""
    return Folder.objects.filter(user_id=user.pk)


def files_of(folder: Folder) -> list[File]:
    """The files of a folder in the order in which they were added."""
    return list(File.objects.filter(folder=folder).order_by("created", "pk"))


@transaction.atomic
def create(user: Any, values: FolderValues) -> Folder:
    """A new folder. Raises BadRequest (name, length), Conflict (`folders_full`), NotFound (file)."""
    if folders_of(user).count() >= MOST_FOLDERS:
        raise Conflict(
            _("You have %d folders, which is the maximum. Delete some first.") % MOST_FOLDERS, code="folders_full"
        )
    folder = Folder(user_id=user.pk)
    _change(user, folder, FolderValues(values.name or "", values.prompt, values.files))
    return folder


@transaction.atomic
def named(user: Any, values: FolderValues) -> Folder:
    """The person's folder of this name, as it is; a new one where there is none. Raises as `create`."""
    return folders_of(user).filter(name=_name(values.name or "")).first() or create(user, values)


@transaction.atomic
def change(user: Any, folder: Folder, values: FolderValues) -> Folder:
    """Change what is given. Raises as `create`."""
    folder = Folder.objects.select_for_update().get(pk=folder.pk)
    _change(user, folder, values)
    return folder


def _change(user: Any, folder: Folder, values: FolderValues) -> None:
    if values.name is not None:
        folder.name = _name(values.name)
    if values.prompt is not None:
        folder.prompt = _prompt(values.prompt)
    folder.updated = timezone.now()
    folder.save()
    if values.files is not None:
        _set_files(user, folder, values.files)
    tell(folder)


def _name(text: str) -> str:
    name = " ".join(json_bodies.storable(text).split())
    if not name:
        raise BadRequest(_("Give the folder a name."), code="empty", param="name")
    if len(name) > LONGEST_NAME:
        message = _("The name of a folder has at most %d characters.") % LONGEST_NAME
        raise BadRequest(message, code="too_long", param="name")
    return name


def _prompt(text: str) -> str:
    prompt: str = json_bodies.storable(text).strip()
    if len(prompt) > MOST_CHARACTERS:
        message = _("The instructions have at most %d characters.") % MOST_CHARACTERS
        raise BadRequest(message, code="too_long", param="prompt")
    return prompt


def _set_files(user: Any, folder: Folder, file_ids: Iterable[object]) -> None:
    """Those that the folder has stay, others are added (a copy where they belong elsewhere), the rest is deleted."""
    wanted = list(dict.fromkeys(access.as_uuid(file_id) for file_id in file_ids))
    if len(wanted) > MOST_FILES:
        message = _("A folder has at most %d files. Remove some first.") % MOST_FILES
        raise BadRequest(message, code="too_many", param="files")
    present = {row.pk: row for row in files_of(folder)}
    for file_id in wanted:
        if file_id not in present:
            row = rows.to_attach(user, access.own_file_for(user, file_id))
            File.objects.filter(pk=row.pk).update(folder=folder, expires_at=None)
    File.objects.filter(folder=folder, pk__in=[pk for pk in present if pk not in wanted]).delete()


def tell(folder: Folder) -> None:
    """Let the person's pages know, after the commit."""
    transaction.on_commit(partial(events.emit_soon, folder.user_id, type="chat:list", data={}))
