"""A chat as a file to keep: as Markdown, as JSON, or as an archive of both with its files (`chat.export.archive`)."""

import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _

from chat import tree
from chat.models import Chat, Message
from chat.serializers import WholeChatSerializer

FILE_URL = re.compile(r"/api/v1/files/([0-9a-fA-F-]{36})(?:/content)?(?:\?[\w=&-]*)?", re.ASCII)
MARKS = re.compile(r"([\\\[\]])")  # that end the text of a Markdown link

Place = Callable[[str], str]  # from the address of one of our files to where the export says it is


def on_site(url: str) -> str:
    """The address as it works outside this site, where the site knows its own."""
    return settings.SITE_URL + url if url.startswith("/") else url


def as_markdown(chat: Chat, *, place: Place = on_site) -> str:
    """The shown branch: a heading, then each message under who said it, its pictures as pictures."""
    parts = [f"# {chat}"]
    for message in tree.branch_to(chat.messages.all(), chat.leaf_id):
        parts += [f"## {_speaker(message)}", _placed(message.content.strip(), place)]
        parts += [_linked(file, place) for file in message.files]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_json(chat: Chat, *, place: Place) -> dict[str, Any]:
    """The whole tree, in the shape of the API."""
    whole: dict[str, Any] = WholeChatSerializer(chat).data
    for message in whole["messages"]:
        message["content"] = _placed(message["content"], place)
        message["files"] = [{**file, "url": place(str(file.get("url") or ""))} for file in message["files"]]
    return whole


def disposition(chat: Chat, extension: str) -> str:
    """The Content-Disposition of a download that is named after the chat."""
    name = slugify(chat.title, allow_unicode=True)[:60] or "chat"
    return content_disposition_header(as_attachment=True, filename=f"{name}.{extension}") or "attachment"


def _linked(file: dict[str, Any], place: Place) -> str:
    address = place(str(file.get("url") or ""))
    name = MARKS.sub(r"\\\1", str(file.get("name") or address))
    return f"{'!' if file.get('type') == 'image' else ''}[{name}]({address})"


def _placed(text: str, place: Place) -> str:
    return FILE_URL.sub(lambda found: place(found[0]), text)


def _speaker(message: Message) -> str:
    if message.role == Message.Role.USER:
        return _("You")
    return message.model or _("Assistant")
