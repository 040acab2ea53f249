"""Markdown to safe HTML."""

from chat.markdown.budget import one_page
from chat.markdown.render import ATTRIBUTES, TAGS, to_html

__all__ = [
    "ATTRIBUTES",
    "TAGS",
    "one_page",
    "to_html",
]
