"""Files of people: uploads, attachments, pictures that were made.

rows.py       the verbs: accept, attach, copy, delete, clean up
stores.py     bytes into and out of the store, whichever it is
documents.py  the text of documents
pictures.py   type, size and scaling of pictures
views.py      the routes
"""

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
    document,
    file_json,
    picture_for_model,
    remove,
    sniff,
    temporary_context,
    temporary_end,
    thumbnail,
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
