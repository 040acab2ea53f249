"""A chat as a file to keep."""

from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _

from chat import tree
from chat.models import Chat, Message


def as_markdown(chat: Chat) -> str:
    """The shown branch: a heading, then each message under who said it."""
    parts = [f"# {chat}"]
    for message in tree.branch_to(chat.messages.all(), chat.leaf_id):
        parts += [f"## {_speaker(message)}", message.content.strip()]
        parts += [f"[{file.get('name') or file.get('url')}]({file.get('url')})" for file in message.files]
    return "\n\n".join(part for part in parts if part) + "\n"


def disposition(chat: Chat, extension: str) -> str:
    """The Content-Disposition of a download that is named after the chat."""
    name = slugify(chat.title, allow_unicode=True)[:60] or "chat"
    return content_disposition_header(as_attachment=True, filename=f"{name}.{extension}") or "attachment"


def _speaker(message: Message) -> str:
    if message.role == Message.Role.USER:
        return _("You")
    return message.model or _("Assistant")
