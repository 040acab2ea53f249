"""The verbs of shared chats: share, withdraw, continue in a chat of one's own.

A share refers to the last message that was shown when its owner shared the chat. Later messages and other branches
stay private until the owner shares it again. Readers get texts, model names and files; not the reasoning, the steps,
the usage, the connection, or the provider's own words about a failure.
"""

import uuid

from django.db import transaction
from django.urls import reverse

from chat import access, chat_settings, files, services, tree
from chat.access import Person
from chat.models import Chat, File, Message, Share
from chat.pages import queries
from chat.pages.queries import SharedEntry
from providers.errors import BadRequest, Forbidden
from providers.sentences import sentence as _

COPIED_COLUMNS = ("role", "content", "model", "status", "created")  # of a message that a reader continues from


def share_chat(chat: Chat) -> tuple[Share, bool]:
    """The share of a chat, up to the last message that is shown now, and whether it is new.

    Raises Forbidden (`sharing_off`), BadRequest (`nothing_to_share`).
    """
    if not chat_settings.current_blocking().sharing:
        raise Forbidden(_("Sharing is switched off on this site."), code="sharing_off")
    leaf_id = last_finished(chat)
    if leaf_id is None:
        raise BadRequest(_("There is nothing to share yet."), code="nothing_to_share")
    with transaction.atomic():
        share, is_new = Share.objects.update_or_create(chat=chat, defaults={"leaf_id": leaf_id})
        services.tell(chat, "chat:list", {})
    return share, is_new


@transaction.atomic
def unshare(chat: Chat) -> None:
    """The link stops working at once and for good; sharing again makes another one."""
    Share.objects.filter(chat=chat).delete()
    services.tell(chat, "chat:list", {})


def last_finished(chat: Chat) -> uuid.UUID | None:
    """The last message of the shown branch that is not being written; None in an empty chat."""
    services.settle_stale(chat)
    outline = chat.messages.only("pk", "chat", "parent", "status")
    branch = tree.finished(tree.branch_to(outline, chat.leaf_id))
    return branch[-1].pk if branch else None


def is_up_to_date(share: Share) -> bool:
    """Whether readers see everything that its owner sees now."""
    return share.leaf_id == last_finished(share.chat)


def address_of(share: Share, origin: str) -> str:
    """The link; `origin` is what `providers.addresses.site_origin_for` says."""
    return f"{origin}{reverse('shared', args=[share.pk])}"


@transaction.atomic
def continue_shared(share: Share, reader: Person) -> Chat:
    """A chat of the reader's own that begins with copies of the shared messages and their files.

    Raises TooLarge when the files do not fit into the reader's quota.
    """
    shared = share.chat
    chat = Chat.objects.create(
        user_id=reader.pk, title=shared.title, title_is_own=bool(shared.title), model=shared.model
    )
    for entry in queries.shared_entries(share, access.readable(share)):
        chat.leaf = _copied(entry, chat, reader)
    chat.save(update_fields=["leaf"])
    services.tell(chat, "chat:list", {})
    return chat


def _copied(entry: SharedEntry, chat: Chat, reader: Person) -> Message:
    """A copy of the message below the chat's leaf; its text names the copies of its files."""
    original = entry.message
    values = {name: getattr(original, name) for name in COPIED_COLUMNS}
    message = Message.objects.create(chat=chat, parent=chat.leaf, status_history=entry.steps, **values)
    context = files.FileContext(chat=chat, message=message)
    for file in entry.files:
        row = File.objects.filter(pk=file["id"]).first()
        if row is None:
            continue  # deleted a moment ago
        copy = files.copy_for(reader, row, context=context)
        message.files.append({**file, **files.file_json(copy)})
        message.content = message.content.replace(file["id"], str(copy.pk))
    if entry.files:
        message.save(update_fields=["files", "content"])
    return message
