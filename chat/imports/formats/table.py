"""The table of formats."""

from typing import Any

from chat.imports.formats.base import Format
from chat.imports.formats.chatgpt import ChatGPT
from chat.imports.formats.librechat import LibreChat
from chat.imports.formats.openwebui import OpenWebUI
from chat.imports.formats.ours import Ours

FORMATS: tuple[Format, ...] = (ChatGPT(), OpenWebUI(), LibreChat(), Ours())
PATHS = tuple(pattern for format in FORMATS for pattern in format.paths)


def format_of(item: Any) -> Format | None:
    """The format of an item; None for what is no chat of any."""
    return next((format for format in FORMATS if format.fits(item)), None)
