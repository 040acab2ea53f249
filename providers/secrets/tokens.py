"""Encryption of the tokens of a sign-in through a provider that waits in a browser's session to be completed.

django-allauth writes them there as plain text. Once it is completed, they are in a `SignIn`, see `providers.sign_ins`.
"""

from typing import Any

from cryptography.fernet import InvalidToken
from django.db import models

from providers.fields import fernet

COLUMNS = ("token", "token_secret")


def is_token(model: type[models.Model]) -> bool:
    """Whether this is django-allauth's model of tokens."""
    return model._meta.label == "socialaccount.SocialToken"


def sealed(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a token with the secret ones encrypted."""
    return values | {name: fernet().encrypt(values[name].encode()).decode() for name in COLUMNS if values.get(name)}


def opened(values: dict[str, Any]) -> dict[str, Any]:
    """The reverse of `sealed`. Raises ValueError when no key decrypts the values."""
    try:
        return values | {name: fernet().decrypt(values[name]).decode() for name in COLUMNS if values.get(name)}
    except (InvalidToken, TypeError) as error:
        raise ValueError("A kept sign-in cannot be read") from error
