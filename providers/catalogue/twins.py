"""Two rows of servers where one seems to be meant: administrators are told, in whatever way the second was saved."""

from typing import Any

from providers.sentences import sentence as _


def twin_words(row: Any) -> str:
    """A sentence about another row of servers that people cannot tell from this one, or that makes the same calls.

    Empty where there is none.
    """
    address = _address(row)
    others: list[Any] = list(type(row)._default_manager.exclude(pk=row.pk))
    named_alike = [other for other in others if other.name.lower() == row.name.lower()]
    if any(_address(other) == address for other in named_alike):
        words = _(
            "There is another entry with the name and address of “%(name)s”. Delete one of them if one is enough."
        )
        return words % {"name": row.name}
    if any(address) and (same := next((other for other in others if _calls(other) == _calls(row)), None)):
        words = _("“%(other)s” has the address and key of “%(name)s” too. Delete one of them if one is enough.")
        return words % {"other": same.name, "name": row.name}
    if named_alike:
        words = _("There is another entry called “%(name)s”. Rename one of them, so that people can tell them apart.")
        return words % {"name": row.name}
    return ""


def _address(row: Any) -> list[Any]:
    return [_value(row, name) for name in row.address_columns]


def _calls(row: Any) -> list[Any]:
    return [*_address(row), row.call_keys, *(_value(row, name) for name in row.call_columns)]


def _value(row: Any, name: str) -> Any:
    value = getattr(row, row._meta.get_field(name).attname)
    return value.rstrip("/") if name in row.address_columns and isinstance(value, str) else value
