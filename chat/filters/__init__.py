"""Filters of pipelines servers in conversations; `providers.pipelines` calls them."""

from chat.filters.handler import FilterHandler

__all__ = ["FilterHandler"]
