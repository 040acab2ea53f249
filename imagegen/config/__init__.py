"""The picture settings as a flat form of IMAGE_* keys, and the first rows from the environment."""

from imagegen.config.form import address, check, method, read, size, update

__all__ = [
    "address",
    "check",
    "method",
    "read",
    "size",
    "update",
]
