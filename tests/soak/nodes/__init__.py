"""Nodes that share a database and Redis."""
