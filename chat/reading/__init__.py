"""Documents that are too long to be sent whole: what of them goes along with a question. And what recordings say.

chunks.py    a text in pieces, each with the page, slide, sheet or heading that it stands on
index.py     their rows, made once for the same bytes
excerpts.py  the pieces that fit a question best, in the order of the document, as the model reads them
embeddings.py  the pieces that are near to a question by their meaning
recordings.py  what is said in a recording, as a model writes it down
locations.py    pages, slides and sheets in words, for people
"""

from chat.reading.excerpts import Excerpts, Searched, Shown, search

__all__ = ["Excerpts", "Searched", "Shown", "search"]
