"""Markdown to safe HTML."""

from chat.markdown.render import ATTRIBUTES, TAGS, to_html

__all__ = [
    "ATTRIBUTES",
    "TAGS",
    "to_html",
]
