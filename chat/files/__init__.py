"""Files of people: uploads, attachments, pictures that were made.

rows.py       the verbs: accept, attach, copy, delete, clean up
stores.py     bytes into and out of the store, whichever it is
derived.py    what is made from a file and stored beside it: text, thumbnails, the picture as models take it
documents.py  the text of documents
kinds.py      content types by the first bytes, names, what a browser may show
pictures.py   type, size and scaling of pictures
views.py      the routes
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
