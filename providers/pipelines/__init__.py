"""Filters of pipelines servers: called before and after the models that they name.

Source: docs/upstreams/pipelines.md
"""

from providers.pipelines.filters import filters_for, inlet, outlet, user_of

__all__ = ["filters_for", "inlet", "outlet", "user_of"]
