"""Serializer fields for free text and objects. They remove characters that cannot be stored, instead of refusing them.

Names, ids and addresses use the fields of Django REST framework, which refuse NUL and halves of surrogate pairs.
"""

from typing import Any

from rest_framework import serializers

from providers.json_bodies import body


def storable(value: Any) -> Any:
    """The value without NUL, and with U+FFFD for halves of surrogate pairs: PostgreSQL stores neither."""
    return body.with_texts(value, lambda text: body.whole_characters(text).replace("\x00", ""))


class TextField(serializers.CharField):
    """Free text: a message, a prompt."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(storable(data) if isinstance(data, str) else data)


class ObjectField(serializers.DictField):
    """An object that is stored or forwarded without a look at its members."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(storable(data) if isinstance(data, dict) else data)
