"""Fields of serializers for what people and programs write: what cannot be stored is taken out, not refused.

Names, ids and addresses stay ordinary fields of Django REST framework, which refuse NUL and halves of surrogate pairs.
"""

from typing import Any

from rest_framework import serializers

from providers.json_bodies import body


def storable(value: Any) -> Any:
    """The value without NUL and halves of surrogate pairs, at any depth: PostgreSQL stores neither."""
    if isinstance(value, str):
        return body.whole_characters(value).replace("\x00", "")
    if isinstance(value, dict):
        return {storable(key): storable(member) for key, member in value.items()}
    if isinstance(value, list):
        return [storable(member) for member in value]
    return value


class TextField(serializers.CharField):
    """Text that somebody wrote: a message, a prompt."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(storable(data) if isinstance(data, str) else data)


class ObjectField(serializers.DictField):
    """An object that is kept or sent on as it is."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(storable(data) if isinstance(data, dict) else data)
