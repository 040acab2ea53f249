"""The branches of a chat: its map, and new chats that begin with one of them.

services.py  the outline of a tree, and a fork
api.py       both for scripts and programs
"""
