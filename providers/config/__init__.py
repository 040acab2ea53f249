"""The flat configuration of connections, and the first rows from the environment."""

from providers.config.form import read, save

__all__ = [
    "read",
    "save",
]
