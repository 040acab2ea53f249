"""Translatable texts that are stored with their source, and shown in the language of whoever reads them.

A module that raises errors imports these as `_` and `ngettext`. What they return is a text in the active language
that knows its English source and its values. `parts_of` gives these as JSON; `remade` makes the text from them, in the
language that is active then.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import AppRegistryNotReady
from django.utils import translation
from django.utils.functional import Promise

PLAIN = (str, int, float, bool, type(None))


class Sentence(str):
    """A translated text with its source. `str()` of it is in the language of that moment."""

    source: str
    plural: str
    number: int  # of things, where the text has a plural
    values: Any  # the operand of `%`: a mapping, a tuple or one value; None before

    def __new__(cls, source: str, plural: str = "", count: int = 0, values: Any = None) -> "Sentence":
        new = super().__new__(cls, _text(source, plural, count, values))
        new.source, new.plural, new.number, new.values = source, plural, count, values
        return new

    def __mod__(self, values: Any) -> "Sentence":
        return Sentence(self.source, self.plural, self.number, values)

    def __str__(self) -> str:
        return _text(self.source, self.plural, self.number, self.values)

    def __reduce__(self) -> Any:
        return str, (str(self),)


def sentence(source: str) -> Sentence:
    """The `Sentence` of a text, as `gettext` translates it."""
    return Sentence(source)


def counted(source: str, plural: str, count: int) -> Sentence:
    """The `Sentence` of a text with a plural, as `ngettext` translates it."""
    return Sentence(source, plural, count)


def joined(texts: Iterable[str]) -> Sentence:
    """Several texts as one paragraph."""
    parts = tuple(texts)
    return Sentence(" ".join(["%s"] * len(parts)), values=parts)


def parts_of(text: Any) -> dict[str, Any] | None:
    """The source and values of a text, as JSON; None for a text that is not ours to translate."""
    if isinstance(text, Promise):
        with translation.override("en"):
            return {"source": str(text)}
    if not isinstance(text, Sentence):
        return None
    parts: dict[str, Any] = {"source": text.source}
    if text.plural:
        parts |= {"plural": text.plural, "count": text.number}
    if text.values is not None:
        parts["values"] = _plain(text.values)
    return parts


def remade(parts: Mapping[str, Any] | None) -> Sentence | None:
    """The text that `parts_of` took apart; None where it cannot be made."""
    try:
        return (
            Sentence(parts["source"], parts.get("plural", ""), parts.get("count", 0), _made(parts.get("values")))
            if parts
            else None
        )
    except (KeyError, TypeError, ValueError):
        return None


def _text(source: str, plural: str, count: int, values: Any) -> str:
    try:
        text = translation.ngettext(source, plural, count) if plural else translation.gettext(source)
    except AppRegistryNotReady:  # a constant of a module, which is said again when it is used
        text = source
    return text if values is None else text % values


def _plain(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {str(name): _plain(value) for name, value in values.items()}
    if isinstance(values, tuple | list):
        return [_plain(value) for value in values]
    if isinstance(values, Sentence):
        return parts_of(values)
    return values if isinstance(values, PLAIN) and not isinstance(values, Promise) else str(values)


def _made(values: Any, *, inner: bool = False) -> Any:
    if isinstance(values, Mapping):
        if inner and "source" in values:
            return remade(values)
        return {name: _made(value, inner=True) for name, value in values.items()}
    return tuple(_made(value, inner=True) for value in values) if isinstance(values, list) else values
