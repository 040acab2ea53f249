"""Chats from elsewhere: exports of other sites, and of this one.

formats/   a row for each kind of export: how its chats are recognised and read
values.py  a chat on its way in
source.py  the uploaded file: JSON, or a ZIP archive with JSON and pictures, read as a stream within bounds
stream.py  one JSON document, an item at a time
writer.py  what of a chat is new here, and its rows
work.py    the run: look through first, then bring in
"""
