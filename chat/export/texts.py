"""A chat as Markdown and as JSON; `chat.export.archive` packs both with the files."""

import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.http import content_disposition_header
from django.utils.text import slugify

from chat import file_addresses, tree
from chat.models import Chat, Message
from chat.serializers import WholeChatSerializer
from providers.sentences import sentence as _

MARKS = re.compile(r"([\\\[\]])")  # characters that end the text of a Markdown link

Relocation = Callable[[str], str]  # from a file's address on this site to its address in the export


def on_site(url: str) -> str:
    """The address with this site's own in front, where SITE_URL says that one."""
    return settings.SITE_URL + url if url.startswith("/") else url


def as_markdown(chat: Chat, *, relocate: Relocation = on_site) -> str:
    """The shown branch: a heading, then each message under who said it, its pictures as pictures."""
    parts = [f"# {chat}"]
    for message in tree.branch_to(chat.messages.all(), chat.leaf_id):
        parts += [f"## {_speaker(message)}", file_addresses.replaced(message.content.strip(), relocate)]
        parts += [_linked(file, relocate) for file in message.files]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_json(chat: Chat, *, relocate: Relocation) -> dict[str, Any]:
    """The chat with all its messages, as the API shows it."""
    whole: dict[str, Any] = WholeChatSerializer(chat).data
    for message in whole["messages"]:
        message["content"] = file_addresses.replaced(message["content"], relocate)
        message["files"] = [{**file, "url": relocate(str(file.get("url") or ""))} for file in message["files"]]
    return whole


def disposition(chat: Chat, extension: str) -> str:
    """The Content-Disposition of a download that is named after the chat."""
    name = slugify(chat.title, allow_unicode=True)[:60] or "chat"
    return content_disposition_header(as_attachment=True, filename=f"{name}.{extension}") or "attachment"


def _linked(file: dict[str, Any], relocate: Relocation) -> str:
    address = relocate(str(file.get("url") or ""))
    name = MARKS.sub(r"\\\1", str(file.get("name") or address))
    return f"{'!' if file.get('type') == 'image' else ''}[{name}]({address})"


def _speaker(message: Message) -> str:
    if message.role == Message.Role.USER:
        return _("You")
    return message.model or _("Assistant")
