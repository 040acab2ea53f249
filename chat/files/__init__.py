"""The files of people: uploads, attachments, generated pictures.

rows.py       accept, attach, copy, delete and clean up files
stores.py     read and write bytes in the configured store
derived.py    what is made from a file and stored beside it: its text, its thumbnails, its picture for models
documents.py  the text of documents
kinds.py      content types by the first bytes, file names, which types a browser may show
pictures.py   type, size and scaling of pictures
recipes.py    the recipe of a picture: what leaves with it, and what a file says
links.py      signed links to one file
folders.py    folders of chats, as rows that hold files
views.py      the API
"""

from chat.files.derived import document, keep_transcript, picture_for_model, thumbnail
from chat.files.kinds import sniff
from chat.files.rows import (
    NO_CONTEXT,
    UNDO,
    UPLOAD_DAYS,
    FileContext,
    accept,
    attach,
    check_room,
    collect,
    collecting,
    copy_for,
    file_json,
    owned_json,
    present,
    remove,
    restore,
    temporary_context,
    temporary_end,
    to_attach,
    upload_context,
    used_bytes,
)

__all__ = [
    "NO_CONTEXT",
    "UNDO",
    "UPLOAD_DAYS",
    "FileContext",
    "accept",
    "attach",
    "check_room",
    "collect",
    "collecting",
    "copy_for",
    "document",
    "file_json",
    "keep_transcript",
    "owned_json",
    "picture_for_model",
    "present",
    "remove",
    "restore",
    "sniff",
    "temporary_context",
    "temporary_end",
    "thumbnail",
    "to_attach",
    "upload_context",
    "used_bytes",
]
