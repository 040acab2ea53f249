"""Where a person's chats are: pinned, in a folder, archived, deleted; and which answers nobody has seen."""

from chat.filing.changes import ERASE, MOST_CHATS, NAMES, Change, deleted, do, empty_trash, see, update

__all__ = ["ERASE", "MOST_CHATS", "NAMES", "Change", "deleted", "do", "empty_trash", "see", "update"]
