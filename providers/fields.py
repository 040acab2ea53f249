"""Columns that are encrypted at rest (a text, or a mapping of texts), and the mask of a secret.

`settings.FIELD_ENCRYPTION_KEYS` lists Fernet keys, newest first: the first encrypts, all decrypt. To rotate, put a new
key in front and run `manage.py rotate_secrets`.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

UNREADABLE = "\N{REPLACEMENT CHARACTER}"  # stands for a value that no key decrypts; never sent anywhere


def fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])


def sealed(text: str) -> str:
    """The text as it is stored; an empty text stays empty."""
    return fernet().encrypt(text.encode()).decode() if text else text


def opened(stored: str) -> str:
    """The text behind a stored one; UNREADABLE where no key decrypts it."""
    try:
        return fernet().decrypt(stored.encode()).decode() if stored else stored
    except InvalidToken:
        return UNREADABLE


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Plain text in Python, a Fernet token in the database. An empty text stays empty. Cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return sealed(value) if value else value

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        return opened(value) if value else value


class SecretTexts(dict[str, str]):
    """Texts by name that are not written out: in pages, logs and traces only the names can be read."""

    def __repr__(self) -> str:
        return ", ".join(f"{name}: {MASK}" for name in self)

    __str__ = __repr__


class EncryptedMappingField(EncryptedTextField):
    """Texts by name in Python, one Fernet token in the database; an empty text where there is none."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"default": dict, "blank": True, **options})

    def get_prep_value(self, value: Any) -> Any:
        return sealed(json.dumps(value)) if value else ""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        return self.to_python(opened(value) if value else "")

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = {UNREADABLE: ""} if value == UNREADABLE else json.loads(value) if value else {}
        return SecretTexts(value)

    def value_to_string(self, obj: models.Model) -> str:
        return json.dumps(self.value_from_object(obj))


def is_unreadable(value: str | dict[str, str]) -> bool:
    """Whether this is the value of an encrypted column that no key decrypts."""
    return value == UNREADABLE or (isinstance(value, dict) and UNREADABLE in value)


MASK = "••••"

# Pages shorten a key: its beginning, then dots, stars or the like, then perhaps its end. No provider's keys have one of
# these characters, or two dots in a row. Passwords that people give servers of their own may have a star or a bracket.
_LEFT_OUT = re.compile(
    r"[…‥⋯⋮•‣·∙●○◦⬤▪■█∗＊✱。．]|\.\s*\.|\*\s*\*|^\[\w+\]$"
    r"|^(?:AIza|(?:sk|pk|rk|key|gsk|csk|xai|hf|r8|gh[opsu]|glpat|nvapi|pplx|fw|tgp)[-_]).*[*\[]"
)
_DASHED = re.compile(r"[A-Za-z][\w-]{0,15}?-{4,}\w{0,12}")  # in longer keys four dashes may be chance
# `user:password`, whose password may have any character: only marks that nobody types, or nothing else.
_PASSWORD_LEFT_OUT = re.compile(r"[…⋯•]|:[*.●]{3,}$")
_ENCRYPTED_TOKEN = re.compile(r"eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+")  # a JWE without a key of its own: RFC 7516, 7.1


def hint_of(secret: str) -> str:
    """The mask of a stored key: `••••abcd`, `••••` for a short key, empty without a key."""
    return f"{MASK}{secret[-4:]}" if len(secret) >= 12 else MASK if secret else ""


def named_keys(keys: Iterable[str]) -> dict[str, str]:
    """Keys by their masks, each once; masks that are alike get a number."""
    named: dict[str, str] = {}
    for key in dict.fromkeys(keys):
        mask, number = hint_of(key), 2
        while (name := mask) in named:
            mask, number = f"{hint_of(key)} ({number})", number + 1
        named[name] = key
    return named


def is_shortened(key: str) -> bool:
    """Whether a part of a key is missing, as in `sk-ab…yz`."""
    if ":" in key:
        return _PASSWORD_LEFT_OUT.search(key) is not None
    if not re.search(r"\w|.{3}", key) or _ENCRYPTED_TOKEN.fullmatch(key):
        return False
    return bool(_LEFT_OUT.search(key) or _DASHED.fullmatch(key))


def secret_behind(mask: str, rows: Iterable[Any]) -> str:
    """The secret of the first row that has this mask; empty where none has."""
    return next((row.secret for row in rows if row.secret and hint_of(row.secret) == mask), "")


def is_mask(value: str) -> bool:
    """Whether a form sent the mask of a key instead of a key."""
    return value.startswith(MASK)
