"""The connections as the flat form of the reference texts, and the first rows from the environment."""

from providers.config.form import read, save

__all__ = [
    "read",
    "save",
]
