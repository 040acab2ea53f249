"""Reading what came from outside: pictures and documents are decoded in processes of their own, which may be killed.

pool.py       the verb: `run` a task in one of a few workers, with budgets of time and memory
worker.py     the program that a worker runs: one task after the other, each within its budgets
pictures.py   its tasks for pictures, with Pillow
documents.py  its tasks for documents, with pypdf
formats.py    which kinds of pictures there are, by their first bytes
frames.py     what goes through the pipes between the two

A worker imports neither Django nor settings: of this package it needs everything but the pool.
"""
