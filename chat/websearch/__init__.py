"""Searching the web before a model answers: `endpoint` asks the server that the administrator set."""
