"""Folders of a person's chats: each has a system prompt and files that its chats share, and a page of its own.

services.py  the verbs; all but the deletion stand in `chat.files.folders`
api.py       the API
pages.py     pages of lists: the chats of a folder, archived chats, the trash
"""
