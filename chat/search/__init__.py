"""Finding chats: which there are, by where they are and what they hold.

chats.py    the chats of a person, in the order of their lists
filters.py  what a list or a search is narrowed to
finding.py  a search: the chats that hold the words, best first, each with its place
excerpts.py  the part of a text around the words
engines.py  the query of the database's full-text search
tables.py   its tables, in SQL
chunks.py   the pieces of long documents that hold the words of a question
index.py    its rows, and how they are made
signals.py  they follow what is written
words.py    words of texts and of searches
"""

from chat.search.chats import chats_of, listed, pinned
from chat.search.excerpts import Excerpt
from chat.search.filters import ChatFilters
from chat.search.finding import Hit, HitPage, find

__all__ = ["ChatFilters", "Excerpt", "Hit", "HitPage", "chats_of", "find", "listed", "pinned"]
