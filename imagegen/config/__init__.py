"""The picture settings as the flat form of the reference texts, and the first rows from the environment."""

from imagegen.config.form import address, check, method, read, size, update

__all__ = [
    "address",
    "check",
    "method",
    "read",
    "size",
    "update",
]
