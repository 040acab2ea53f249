"""Memories: facts about themselves that people want models to know.

`services` stores and finds them, `nearness` ranks them, `handler` tells models, `tools` lets models add one, `views` is
the page in the settings. Off until an administrator switches it on. A person's facts go into their own chats alone.
"""

from chat.memory.handler import MemoryHandler

__all__ = ["MemoryHandler"]
