"""The access rules of chats, messages and files. NotFound is raised alike for what does not exist, was deleted, or
belongs to another person.
"""

import uuid
from importlib import import_module
from typing import Any, Protocol

from channels.auth import get_user
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from chat import chat_settings, tree
from chat.models import Chat, File, Folder, Message, Share
from providers import catalogue
from providers.callers import caller_for_user
from providers.errors import Gone, NotFound
from providers.sentences import sentence as _

NOBODYS = uuid.UUID(int=0)


class Person(Protocol):
    """A signed-in user, as far as this app needs to know."""

    @property
    def pk(self) -> Any: ...


def chat_for(user: Person, chat_id: object) -> Chat:
    """The person's chat, unless it is deleted. Raises NotFound."""
    return _chat(user, chat_id, deleted=False)


def deleted_chat_for(user: Person, chat_id: object) -> Chat:
    """The person's chat whose deletion can still be undone. Raises NotFound."""
    return _chat(user, chat_id, deleted=True)


def message_for(
    user: Person, message_id: object, *, chat_id: object = None, among: QuerySet[Message] | None = None
) -> Message:
    """The person's message with its chat loaded, in this chat when one is given. Raises NotFound.

    `among`: a query that says how much of it is read.
    """
    messages = Message.objects.all() if among is None else among
    messages = messages.select_related("chat__user").filter(chat__user_id=user.pk, chat__deleted_at=None)
    if chat_id is not None:
        messages = messages.filter(chat_id=as_uuid(chat_id))
    message = messages.filter(pk=as_uuid(message_id)).first()
    if message is None:
        raise NotFound(_("This message was not found. It may have been deleted."), code="message_not_found")
    return message


def folder_for(user: Person, folder_id: object) -> Folder:
    """The person's own folder. Raises NotFound."""
    folder = Folder.objects.filter(pk=as_uuid(folder_id), user_id=user.pk).first()
    if folder is None:
        raise NotFound(_("This folder was not found. It may have been deleted."), code="folder_not_found")
    return folder


async def is_signed_in(user: Any, session_key: str | None) -> bool:
    """Whether a browser's session is still this person's: not signed out, same password, account active."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    return bool((await get_user({"session": store})).pk == user.pk)


def _chat(user: Person, chat_id: object, *, deleted: bool) -> Chat:
    chat = Chat.objects.filter(pk=as_uuid(chat_id), user_id=user.pk, deleted_at__isnull=not deleted).first()
    if chat is None:
        raise NotFound(_("This chat was not found. It may have been deleted."), code="chat_not_found")
    return chat


def as_uuid(value: object) -> uuid.UUID:
    """The UUID in a text; for any other text an id that no row has."""
    try:
        return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))
    except ValueError:
        return NOBODYS


def named_uuid(text: object) -> uuid.UUID:
    """The id of a message in a request. Raises NotFound for what is no UUID."""
    message_id = as_uuid(text)
    if message_id == NOBODYS:
        raise NotFound(_("This message was not found. It may have been deleted."), code="message_not_found")
    return message_id


# --- Shared chats -----------------------------------------------------------------------------------------------------


def own_share_for(user: Person, chat_id: object) -> Share:
    """The share of the person's own chat. Raises NotFound, also when it is not shared or sharing is switched off."""
    chat = chat_for(user, chat_id)
    return _share(_shares().filter(chat=chat))


def own_shares(user: Person) -> QuerySet[Share]:
    """The shares of the person's own chats, those that have ended too; none while sharing is switched off."""
    return _shares().filter(chat__user_id=user.pk)


def share_for(share_id: object) -> Share:
    """A shared chat with its owner, for anybody who is signed in and has the link.

    Raises NotFound for an unknown or withdrawn link, a deleted chat, an owner whose account is not active, and while
    sharing is switched off; Gone (`share_ended`) after its end.
    """
    return _in_time(_share(_shares().filter(pk=as_uuid(share_id))))


def public_share_for(share_id: object) -> Share:
    """A shared chat, for anybody who has the link, signed in or not. Raises NotFound, and Gone as above."""
    if not chat_settings.current_blocking().public_links:
        return _share(Share.objects.none())
    return _in_time(_share(_shares().filter(pk=as_uuid(share_id), public=True)))


def publicly_shared_file(share_id: object, file_id: object) -> File:
    """A file of a message that readers of a public link see. Raises NotFound, Gone. Three queries."""
    share = public_share_for(share_id)
    row = File.objects.filter(pk=as_uuid(file_id), chat_id=share.chat_id, owner_id=share.chat.user_id).first()
    if row is None or not _is_seen(row, share):
        raise _no_file()
    return row


def readable(share: Share) -> list[Message]:
    """The messages that readers of a shared chat see, in order; loaded are their relations and files alone. One query.

    Not included: other branches, messages after the shared end, answers that are being written, system messages.
    """
    outline = Message.objects.filter(chat_id=share.chat_id).only("pk", "chat", "parent", "role", "status", "files")
    branch = tree.finished(tree.branch_to(outline, share.leaf_id))
    return [message for message in branch if message.role != Message.Role.SYSTEM]


def _open_shares() -> QuerySet[Share]:
    return _shares().filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def _shares() -> QuerySet[Share]:
    if not chat_settings.current_blocking().sharing:
        return Share.objects.none()
    return Share.objects.filter(chat__deleted_at=None, chat__user__is_active=True).select_related("chat__user")


def _in_time(share: Share) -> Share:
    if share.has_ended:
        raise Gone(_("This link has ended. Ask whoever sent it to you for another one."), code="share_ended")
    return share


def _share(shares: QuerySet[Share]) -> Share:
    share = shares.first()
    if share is None:
        raise NotFound(
            _("No shared chat was found here. Its owner may have stopped sharing it."), code="share_not_found"
        )
    return share


# --- Files ------------------------------------------------------------------------------------------------------------


def file_for(user: Any, file_id: object) -> File:
    """A file that this person may see: their own, any for an administrator, one in a shared chat, or one that goes
    along with an assistant that they may use.

    Raises NotFound for all others alike.
    """
    row = File.objects.select_related("assistant__model").filter(pk=as_uuid(file_id)).first()
    if row is None or not (
        row.owner_id == user.pk or user.is_superuser or _is_shared(row) or _is_of_assistant_of(user, row)
    ):
        raise _no_file()
    return row


def linked_file(file_id: object) -> File:
    """The file of a checked link (`chat.files.links`), while its owner's account is active. Raises NotFound."""
    row = File.objects.filter(pk=as_uuid(file_id), owner__is_active=True).first()
    if row is None:
        raise _no_file()
    return row


def own_file_for(user: Any, file_id: object) -> File:
    """A file that this person may delete: their own, any for an administrator. Raises NotFound."""
    row = file_for(user, file_id)
    if row.owner_id != user.pk and not user.is_superuser:
        raise _no_file()
    return row


def deleted_file_for(user: Any, file_id: object) -> File:
    """A file that this person deleted a moment ago and may have back. Raises NotFound."""
    row = File.everything.filter(pk=as_uuid(file_id), deleted_at__isnull=False).first()
    if row is None or (row.owner_id != user.pk and not user.is_superuser):
        raise _no_file()
    return row


def _is_shared(row: File) -> bool:
    """Whether it belongs to a message of a shared chat that readers see. Two queries."""
    share = _open_shares().filter(chat_id=row.chat_id, chat__user_id=row.owner_id).first() if row.chat_id else None
    return share is not None and _is_seen(row, share)


def _is_seen(row: File, share: Share) -> bool:
    """Whether a message that readers see has this file. One query."""
    # An edited question lists the files of the original, whose rows belong to that one.
    return any(row.message_id == message.pk or str(row.pk) in listed_files(message) for message in readable(share))


def _is_of_assistant_of(user: Any, row: File) -> bool:
    """Whether it goes along with an assistant that this person may use. One query."""
    if row.assistant is None:
        return False
    route = catalogue.snapshot_blocking().routes.get(row.assistant.model.public_id)
    return route is not None and bool(route.sources_for(caller_for_user(user)))


def listed_files(message: Message) -> list[str]:
    """The ids of the files that a message lists, whoever owns them."""
    return [str(file.get("id")) for file in message.files if isinstance(file, dict)]


def _no_file() -> NotFound:
    return NotFound(_("This file was not found. It may have been deleted."), code="file_not_found")
