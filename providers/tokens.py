"""The tokens of people's single sign-on, encrypted at rest.

django-allauth keeps them as plain text, in a model that is not ours. Its two columns are made encrypted ones here; to
migrations they stay the text columns that they are in the database.
"""

from typing import Any

from django.db import models

from providers.fields import EncryptedTextField

COLUMNS = ("token", "token_secret")


class SealedTextField(EncryptedTextField):
    """An EncryptedTextField that tells migrations of a TextField: the table belongs to another app."""

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


def seal() -> None:
    """Encrypt what is written from now on; once, when the apps are ready. Migration 0009 encrypts what was there."""
    from allauth.socialaccount.models import SocialToken

    for name in COLUMNS:
        field: Any = SocialToken._meta.get_field(name)
        if type(field) is not models.TextField:
            raise TypeError(f"SocialToken.{name} is {type(field).__name__} now; look at providers/tokens.py.")
        field.__class__ = SealedTextField
