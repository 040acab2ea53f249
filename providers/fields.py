"""A text column that is encrypted at rest, and the mask of a secret.

`settings.FIELD_ENCRYPTION_KEYS` lists Fernet keys, newest first: the first encrypts, all decrypt. To rotate, put a new
key in front and run `manage.py rotate_secrets`.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

UNREADABLE = "\N{REPLACEMENT CHARACTER}"  # stands for a value that no key decrypts; never sent anywhere


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def fernet() -> MultiFernet:
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS))


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Plain text in Python, a Fernet token in the database. An empty text stays empty. Cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return fernet().encrypt(value.encode()).decode() if value else value

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        if not value:
            return value
        try:
            return fernet().decrypt(value.encode()).decode()
        except InvalidToken:
            return UNREADABLE


MASK = "••••"


def hint_of(secret: str) -> str:
    """The mask of a stored key: `••••abcd`, `••••` for a short key, empty without a key."""
    return f"{MASK}{secret[-4:]}" if len(secret) >= 12 else MASK if secret else ""


def secret_behind(mask: str, rows: Iterable[Any]) -> str:
    """The secret of the first row that has this mask; empty where none has."""
    return next((row.secret for row in rows if row.secret and hint_of(row.secret) == mask), "")


def is_mask(value: str) -> bool:
    """Whether a form sent the mask of a key instead of a key."""
    return value.startswith(MASK)
