"""Searching the web before a model answers, where an administrator switched that on and a person asks for it.

`query` says what to search for, `endpoint` asks the server that the administrator set, `handler` tells the model and
the page what was found.
"""

from chat.websearch.handler import WebSearchHandler

__all__ = ["WebSearchHandler"]
