"""The verbs of folders. Those that imports need, too, stand in `chat.files.folders`."""

from typing import Any

from django.db import transaction

from chat import filing
from chat.files.folders import (
    MOST_CHARACTERS,
    FolderValues,
    change,
    create,
    files_of,
    folders_of,
    tell,
)
from chat.models import Chat, Folder

__all__ = [
    "MOST_CHARACTERS",
    "FolderValues",
    "change",
    "create",
    "delete",
    "files_of",
    "folders_of",
]


def delete(user: Any, folder: Folder, *, with_chats: bool) -> int:
    """Delete a folder with its files; its chats stay, without a folder, or go to the trash `with_chats`.

    Returns how many chats went to the trash.
    """
    count = 0
    chats = Chat.objects.filter(folder=folder, deleted_at=None).values_list("pk", flat=True)
    while with_chats and (ids := tuple(chats[: filing.MOST_CHATS])):
        filing.do(user, filing.Change("delete", ids))
        count += len(ids)
    with transaction.atomic():
        tell(folder)
        folder.delete()
    return count
