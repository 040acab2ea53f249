"""The queue of a chat: messages that were written while an answer ran. The server sends them, one after each answer.

services.py  add, change, move and take away
sending.py   whose turn it is, and the sending of one, exactly once
signals.py   the end of each reply sends the next one
api.py       all of it for scripts and programs
"""
