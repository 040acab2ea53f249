"""Encryption at rest for the tokens of single sign-on.

django-allauth stores them as plain text in a model of its own. This module replaces the two columns of that model with
encrypted ones. For migrations they stay text columns, as they are in the database.
"""

from typing import Any

from cryptography.fernet import InvalidToken
from django.db import models

from providers.fields import EncryptedTextField, fernet

COLUMNS = ("token", "token_secret")


class SealedTextField(EncryptedTextField):
    """An EncryptedTextField that is a TextField to migrations, because the table belongs to another app."""

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


def is_token(model: type[models.Model]) -> bool:
    """Whether this is django-allauth's model of tokens."""
    return model._meta.label == "socialaccount.SocialToken"


def sealed(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a token with the secret ones encrypted, for storing it outside its table (in a session)."""
    return values | {name: fernet().encrypt(values[name].encode()).decode() for name in COLUMNS if values.get(name)}


def opened(values: dict[str, Any]) -> dict[str, Any]:
    """The reverse of `sealed`. Raises ValueError when no key decrypts the values."""
    try:
        return values | {name: fernet().decrypt(values[name]).decode() for name in COLUMNS if values.get(name)}
    except (InvalidToken, TypeError) as error:
        raise ValueError("A kept sign-in cannot be read") from error


def seal() -> None:
    """Encrypt tokens that are written from now on. Called once, when the apps are ready.

    Tokens from before are encrypted by the migration 0009.
    """
    from allauth.socialaccount.models import SocialToken

    for name in COLUMNS:
        field: Any = SocialToken._meta.get_field(name)
        if type(field) is not models.TextField:
            raise TypeError(f"SocialToken.{name} is {type(field).__name__} now; look at providers/secrets/tokens.py.")
        field.__class__ = SealedTextField
