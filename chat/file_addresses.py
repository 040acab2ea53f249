"""The addresses of files on this site: only this module makes and recognises them.

A file's content has the address `/api/v1/files/{id}/content`; `chat/files/urls.py` serves it. Shorter and longer forms
of it occur as well: without `/content`, with a query (`?w=256`), with a scheme and a host in front.
"""

import re
from collections.abc import Callable

ROOT = "/api/v1/files/"
_TAIL = r"(?:/content)?(?:\?[\w=&-]*)?"
PATH = rf"{ROOT}[\w-]+{_TAIL}"  # for other patterns to contain; static/js/chat/markdown/render.js has the same
# Behind a letter or a digit it is the end of another site's address.
_IN_TEXT = re.compile(rf"(?<!\w){ROOT}([0-9a-fA-F-]{{36}}){_TAIL}", re.ASCII)
_WHOLE = re.compile(rf"(?:https?://[^/]+)?{ROOT}([0-9a-fA-F-]{{36}})(?:/content)?/?(?:\?.*)?")
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def content_address(file_id: object) -> str:
    """The path of a file's content."""
    return f"{ROOT}{file_id}/content"


def named_id(name: str) -> str:
    """The id in what a caller names a file by: its id, or its address on this site; empty for anything else."""
    address = _WHOLE.fullmatch(name)
    if address:
        return address[1]
    return name if _ID.fullmatch(name) else ""


def ids_in(text: str) -> list[str]:
    """The ids of the files whose addresses stand in a text, each once, in order."""
    return list(dict.fromkeys(_IN_TEXT.findall(text)))


def replaced(text: str, replacement: Callable[[str], str]) -> str:
    """The text with what `replacement` makes of each address instead of the address."""
    return _IN_TEXT.sub(lambda match: replacement(match[0]), text)
