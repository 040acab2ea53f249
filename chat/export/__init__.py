"""Export of a chat: as Markdown, as JSON, as a ZIP archive with its files."""

from chat.export.texts import as_markdown, disposition

__all__ = [
    "as_markdown",
    "disposition",
]
