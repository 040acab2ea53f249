"""The erasure of what a person has in chats: the chats, files, memories, shared links."""

from chat import files, services
from chat.assistants import services as assistants
from chat.memory import services as memory
from chat.models import Chat, File, Prompt, Share


def clear(user_id: int) -> None:
    """Move the chats to the trash, from where the person can restore them; delete shared links, memories, assistants,
    saved prompts and files.
    """
    Share.objects.filter(chat__user_id=user_id).delete()
    for chat in Chat.objects.filter(user_id=user_id, deleted_at=None):
        services.delete_chat(chat)
    memory.forget(memory.facts_of(user_id))
    assistants.forget(user_id, shared=True)
    Prompt.objects.filter(owner_id=user_id).delete()
    files.remove(user_id, File.objects.filter(owner_id=user_id).values("pk"))
