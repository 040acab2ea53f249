"""Facts that people keep about themselves: `services` keeps and finds them, `handler` tells models, the page is theirs.

Off until an administrator switches it on. Nobody's facts go into anybody else's chats.
"""

from chat.memory.handler import MemoryHandler

__all__ = ["MemoryHandler"]
