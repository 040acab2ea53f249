"""JSON that somebody typed into a form: its decoder, and the field of Django's forms that uses it."""

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from providers.errors import BadRequest
from providers.json_bodies import body
from providers.sentences import sentence as _


class RefusedJSON(json.JSONDecodeError):
    """JSON that cannot be stored, or that code cannot walk through. `msg` says why, for people."""


class TypedJSON(json.JSONDecoder):
    """The decoder, for `json.loads(text, cls=TypedJSON)`. `parse_constant` may give a value for NaN and Infinity.

    Raises JSONDecodeError: RefusedJSON for more than `MAX_DEPTH` levels, and for texts and numbers that no database
    takes.
    """

    def __init__(self, *, parse_constant: Callable[[str], Any] | None = None, **options: Any) -> None:
        numbers = {"parse_float": body.finite, "parse_int": body.sized, "parse_constant": parse_constant or body.refuse}
        super().__init__(**{**options, **numbers})

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
        try:
            value, end = super().raw_decode(s, idx)
            if body.is_too_deep(value):
                raise RecursionError
            body.check_texts(value)
        except RecursionError:
            words = _("The JSON is nested too deeply: it may have %(most)d levels.") % {"most": body.MAX_DEPTH}
            raise RefusedJSON(words, s, idx) from None
        except BadRequest as error:
            raise RefusedJSON(str(error.text), s, idx) from None
        except json.JSONDecodeError:
            raise
        except ValueError:  # of a number, or NaN
            raise RefusedJSON(_("The JSON has a number that cannot be stored."), s, idx) from None
        return value, end


class TypedJSONField(forms.JSONField):
    """A field with JSON in a form of Django's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "decoder": TypedJSON})

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except ValidationError as error:
            if isinstance(error.__context__, RefusedJSON):
                raise ValidationError(error.__context__.msg, "refused") from error
            raise
