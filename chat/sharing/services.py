"""The verbs of shared chats: share, withdraw, continue in a chat of one's own.

A share refers to the last message that was shown when its owner shared the chat. Later messages and other branches
stay private until the owner shares it again. Readers get texts, model names and files; not the reasoning, the steps,
the usage, the connection, or the provider's own words about a failure.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from chat import access, chat_settings, file_addresses, files, services, tree
from chat.access import Person
from chat.models import Chat, File, Message, Share
from chat.pages import queries
from chat.pages.queries import SharedEntry
from providers.errors import BadRequest, Forbidden
from providers.sentences import sentence as _

MOST_TIME = timedelta(days=3653)  # of a link with an end
COPIED_COLUMNS = ("role", "content", "model", "status", "created")  # of a message that a reader continues from


def share_chat(chat: Chat, **terms: Any) -> tuple[Share, bool]:
    """The share of a chat, up to the last message that is shown now, and whether it is new.

    `terms`: `public`, `shows_name`, `expires_at` (in the future, or None); those that are not given stay as they are.
    Raises Forbidden (`sharing_off`, `public_links_off`), BadRequest (`nothing_to_share`, `invalid_end`).
    """
    _check(terms)
    leaf_id = last_finished(chat)
    if leaf_id is None:
        raise BadRequest(_("There is nothing to share yet."), code="nothing_to_share")
    with transaction.atomic():
        values = {"leaf_id": leaf_id, "updated": timezone.now(), **terms}
        share, is_new = Share.objects.update_or_create(chat=chat, defaults=values)
        services.tell(chat, "chat:list", {})
    return share, is_new


def change_terms(share: Share, **terms: Any) -> Share:
    """Change who reads a shared chat, until when, and whether they see the owner's name; they see no more messages.

    Raises Forbidden, BadRequest as `share_chat` does; NotFound when it was taken back meanwhile.
    """
    _check(terms)
    with transaction.atomic():
        Share.objects.filter(pk=share.pk).update(**terms)
        services.tell(share.chat, "chat:list", {})
    return access.own_share_for(share.chat.user, share.chat_id)


def _check(terms: Mapping[str, Any]) -> None:
    offered = chat_settings.current_blocking()
    if not offered.sharing:
        raise Forbidden(_("Sharing is switched off on this site."), code="sharing_off")
    if terms.get("public") and not offered.public_links:
        raise Forbidden(_("Links for everybody are switched off on this site."), code="public_links_off")
    end = terms.get("expires_at")
    if end is not None and not timezone.now() < end < timezone.now() + MOST_TIME:
        raise BadRequest(_("The end of a link lies in the future, within ten years."), code="invalid_end")


@transaction.atomic
def unshare(chat: Chat) -> None:
    """The link stops working at once and for good; sharing again makes another one."""
    Share.objects.filter(chat=chat).delete()
    services.tell(chat, "chat:list", {})


def last_finished(chat: Chat) -> uuid.UUID | None:
    """The last message of the shown branch that is not being written; None in an empty chat."""
    services.settle_stale(chat)
    branch = tree.finished(tree.branch_to(tree.outline(chat.pk), chat.leaf_id))
    return branch[-1].pk if branch else None


def is_up_to_date(share: Share) -> bool:
    """Whether readers see everything that its owner sees now."""
    return share.leaf_id == last_finished(share.chat)


def address_of(share: Share, origin: str) -> str:
    """The link; `origin` is what `providers.addresses.site_origin_for` says."""
    return f"{origin}{reverse('shared', args=[share.pk])}"


def serve_files_by(share: Share, entries: Sequence[SharedEntry]) -> None:
    """Let the addresses of files in these messages work with the link alone, for readers who are not signed in."""

    def with_link(address: str) -> str:
        return f"{file_addresses.content_address(file_addresses.named_id(address))}?share={share.pk}"

    for entry in entries:
        entry.message.content = file_addresses.replaced(entry.message.content, with_link)
        entry.files[:] = [{**file, "url": with_link(str(file.get("url")))} for file in entry.files]


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
