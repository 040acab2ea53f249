"""Decoding of pictures and documents that came from outside.

Worker processes do it: a file that takes too much time or memory costs a worker, which is killed, and not the site.

pool.py       `run`: do a task in one of a few workers, with limits of time and memory
worker.py     the program of a worker: it does one task after the other, each within its limits
pictures.py   its tasks for pictures, with Pillow
documents.py  its tasks for documents, with pypdf
encodings.py  which encoding a text is in
formats.py    which kinds of pictures there are, by their first bytes
frames.py     the format of requests and answers in the pipes between pool and worker
refusals.py   why a task could not be done

A worker imports neither Django nor settings, and of this package everything but the pool.
"""
