"""A person's chats, all of them or those that contain some words."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from chat.access import Person
from chat.models import Chat, Message


def chats_of(user: Person, words: str = "") -> QuerySet[Chat]:
    """Chats that are not deleted, newest first; with `words`, those that have them in the title or in a message."""
    chats = Chat.objects.filter(user_id=user.pk, deleted_at=None)
    if words := words.strip():
        said = Message.objects.filter(chat=OuterRef("pk"), content__icontains=words)
        chats = chats.filter(Q(title__icontains=words) | Exists(said))
    return chats
