"""Long chats: how full their model's context is, and summaries of their beginnings.

services.py  the gauge, and the verbs of summaries; the task model writes them (`chat.tasks.summaries`)
api.py       both for scripts and programs
"""
