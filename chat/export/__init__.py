"""A chat leaves the site: as Markdown, as JSON, as a ZIP archive with its files."""

from chat.export.texts import FILE_URL, as_markdown, disposition

__all__ = [
    "FILE_URL",
    "as_markdown",
    "disposition",
]
