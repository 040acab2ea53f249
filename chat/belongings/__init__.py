"""What people have here: all of it can be taken along as a ZIP archive, and deleted.

base.py     a thing that people have: how it is counted, written into an archive, deleted
table.py    which things there are: dotted paths in the settings
things.py   the things of chats: chats, files, links, preferences, the transfers themselves
export.py   the run of an export
erasure.py  the run of a deletion
services.py the verbs; api.py and views.py are the ways to them
"""
