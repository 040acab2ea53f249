"""A person's chats: all, or those that contain the words of a search."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from chat.access import Person
from chat.models import Chat, Message
from chat.models.chats import LISTED, PINNED
from chat.search.filters import ChatFilters


def chats_of(user: Person, words: str = "", *, filters: ChatFilters | None = None) -> QuerySet[Chat]:
    """Chats that pass the filters; with `words`, those with these in the title or in a message."""
    chats = (filters or ChatFilters()).apply(Chat.objects.filter(user_id=user.pk))
    if words := words.strip():
        matches = Message.objects.filter(chat=OuterRef("pk"), content__icontains=words)
        chats = chats.filter(Q(title__icontains=words) | Exists(matches))
    return chats


def listed(user: Person) -> QuerySet[Chat]:
    """Those that the list shows by day: neither pinned, nor in a folder, nor archived."""
    return Chat.objects.filter(LISTED, user_id=user.pk)


def pinned(user: Person) -> QuerySet[Chat]:
    """Those at the head of the list, what was pinned last first."""
    return Chat.objects.filter(PINNED, user_id=user.pk).order_by("-pinned_at", "-pk")
