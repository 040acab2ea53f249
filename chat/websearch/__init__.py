"""Web search before a model answers, where an administrator allows it and a person switches it on.

`query` makes the query, `endpoint` sends it to the search that the administrator set, `pages` reads what was found,
`handler` tells the model and the page about the results.
"""

from chat.websearch.handler import WebSearchHandler

__all__ = ["WebSearchHandler"]
