"""Chats that others may read by link, and continue in a copy of their own."""

from chat.sharing.services import continue_shared, share_chat, unshare

__all__ = [
    "continue_shared",
    "share_chat",
    "unshare",
]
