"""What a person has in their conversations goes: chats, files, memories, links to what they shared."""

from chat import files, services
from chat.memory import services as memory
from chat.models import Chat, File, Share


def clear(user_id: int) -> None:
    """Chats go to the trash, from which their person can have them back; links to them, memories and files go."""
    Share.objects.filter(chat__user_id=user_id).delete()
    for chat in Chat.objects.filter(user_id=user_id, deleted_at=None):
        services.delete_chat(chat)
    memory.forget(memory.facts_of(user_id))
    for row in File.objects.filter(owner_id=user_id):
        files.remove(row)
