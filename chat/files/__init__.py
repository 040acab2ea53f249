"""The files of people: uploads, attachments, generated pictures.

rows.py       accept, attach, copy, delete and clean up files
stores.py     read and write bytes in the configured store
derived.py    what is made from a file and stored beside it: its text, its thumbnails, its picture for models
documents.py  the text of documents
kinds.py      content types by the first bytes, file names, which types a browser may show
pictures.py   type, size and scaling of pictures
links.py      signed links to one file
views.py      the API
"""

from chat.files.derived import document, picture_for_model, thumbnail
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
    remove,
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
    "picture_for_model",
    "remove",
    "sniff",
    "temporary_context",
    "temporary_end",
    "thumbnail",
    "to_attach",
    "upload_context",
    "used_bytes",
]
