"""A person's chats: all, or those that contain the words of a search."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from chat.access import Person
from chat.models import Chat, Message


def chats_of(user: Person, words: str = "") -> QuerySet[Chat]:
    """Chats that are not deleted, newest first; with `words`, those with these in the title or in a message."""
    chats = Chat.objects.filter(user_id=user.pk, deleted_at=None)
    if words := words.strip():
        matches = Message.objects.filter(chat=OuterRef("pk"), content__icontains=words)
        chats = chats.filter(Q(title__icontains=words) | Exists(matches))
    return chats
