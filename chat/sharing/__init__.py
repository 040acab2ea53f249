"""A chat that others may read by link, and a copy of it to go on from."""

from chat.sharing.services import continue_shared, share_chat, unshare

__all__ = [
    "continue_shared",
    "share_chat",
    "unshare",
]
