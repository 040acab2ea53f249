"""Decoding of pictures and documents that came from outside.

Worker processes do it: a file that takes too much time or memory costs a worker, which is killed, and not the site.

pool.py       `run`: do a task in one of a few workers, with limits of time and memory
worker.py     the program of a worker: it does one task after the other, each within its limits
pictures.py   its tasks for pictures, with Pillow
documents.py  its tasks for documents, with pypdf
office.py     its tasks for office documents and e-mail
markup.py     its task for HTML
locations.py  which page, slide or sheet a part of a text stands on
encodings.py  which encoding a text is in
recipes.py    its task for the recipe in a picture: how that was made
recipe_texts.py  a recipe as AUTOMATIC1111 and as XMP write it
containers.py  the parts of a PNG, JPEG or WebP beside its pixels: read, left out and put in
exif.py       two facts of EXIF data
formats.py    which kinds of pictures there are, by their first bytes
frames.py     the format of requests and answers in the pipes between pool and worker
refusals.py   why a task could not be done

A worker imports neither Django nor settings, and of this package everything but the pool.
"""
