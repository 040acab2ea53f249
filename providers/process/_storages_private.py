"""Private names of django-storages: the key under which a store has a file.

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

from typing import Any


def object_key(storage: Any, name: str) -> str:
    """S3 and Google Cloud Storage: the name below the configured location. `open()` knows it as well, but makes a call
    to the store first.
    """
    key: str = storage._normalize_name(name)
    return key


def blob_name(storage: Any, name: str) -> str:
    """Azure Blob Storage: the name below the configured location."""
    key: str = storage._get_valid_path(name)
    return key
