"""Temporary chats: conversations of which nothing is stored."""

from chat.temporary.services import answer, files_end, is_temporary, new_chat_id, running_in

__all__ = [
    "answer",
    "files_end",
    "is_temporary",
    "new_chat_id",
    "running_in",
]
