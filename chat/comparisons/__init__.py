"""Side by side: several models answer one question. A person picks the best, or has one made of all.

services.py  the verbs: pick, reopen, merge; `chat.exchanges` asks the models
wins.py      which model wins, over a period
api.py       for scripts and programs
"""
