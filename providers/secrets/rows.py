"""Rows with an address and with secrets for this address only.

A secret is sent only to the origin (scheme, host, port) that it was entered for. `save` holds this rule, because every
way to change a row ends there: forms, the API, a revert in the history, a shell. A save that changes the origin drops
the stored secrets; secrets that were entered together with the new address stay.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Self

from django.db import models
from django.utils.text import capfirst

from providers.fields import EncryptedMappingField, EncryptedTextField, is_unreadable
from providers.secrets.pasted import cleaned, without_invisible
from providers.sentences import sentence as _
from providers.upstream.header_templates import is_template

LONGEST_REASON = 100  # characters; the width of django-simple-history's column


class SecretRow(models.Model):
    """Base of such rows. `origins` says where secrets are sent. Changes of `audited` columns go into the history."""

    audited: ClassVar[tuple[str, ...]] = ()
    address_columns: ClassVar[tuple[str, ...]] = ()  # the columns among `audited` that `origins` reads

    class Meta:
        abstract = True

    def __init__(self, *args: Any, **values: Any) -> None:
        self._entered: dict[str, set[str]] = {}  # by column: its own name, or for a mapping the names of its members
        self._loaded: dict[str, Any] = {}  # the secrets as they came from the database
        self.moved = False  # whether the last save led to another origin
        self.lost_secrets: tuple[str, ...] = ()  # the secrets that it dropped, as people call them
        super().__init__(*args, **values)

    def origins(self) -> tuple[str, ...]:
        """The origins that the secrets are sent to."""
        raise NotImplementedError

    @classmethod
    def secret_columns(cls) -> dict[str, EncryptedTextField]:
        """The encrypted columns by name."""
        return {field.name: field for field in cls._meta.concrete_fields if isinstance(field, EncryptedTextField)}

    def enter(self, column: str, value: Any, *, names: Iterable[str] | None = None) -> None:
        """Set a secret that a person entered. It belongs to the address that the row has when it is saved.

        `names`: the members of a mapping that were entered; its other members are the stored ones. None: all were.
        """
        setattr(self, column, value)
        entered = {column} if not isinstance(value, Mapping) else set(value if names is None else names)
        self._entered.setdefault(column, set()).update(entered)

    # --- reading and writing ------------------------------------------------------------------------------------------

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any) -> Self:
        row = super().from_db(db, field_names, values, **options)
        row._loaded = row._secrets()
        return row

    def refresh_from_db(self, *args: Any, **options: Any) -> None:
        super().refresh_from_db(*args, **options)
        self._loaded = self._secrets()

    def save(self, *args: Any, **options: Any) -> None:
        columns = options.get("update_fields")
        fields = [self._meta.get_field(name) for name in (*self.secret_columns(), *self.audited)]
        watched = {name for field in fields for name in (field.name, field.attname)}  # type: ignore[union-attr]
        self.moved, self.lost_secrets = False, ()
        if columns is None or not watched.isdisjoint(columns):
            options = self._settle(options)
            self._clean()
        try:
            super().save(*args, **options)
        finally:
            self.__dict__.pop("_change_reason", None)
        self._entered.clear()
        self._loaded = self._secrets()

    def _clean(self) -> None:
        for name, field in self.secret_columns().items():
            value = getattr(self, name)
            clean: Any = ""
            if isinstance(field, EncryptedMappingField):
                clean = {key: without_invisible(text) for key, text in value.items()}
            else:
                clean = cleaned(value)
            if clean != value and not is_unreadable(value):
                setattr(self, name, clean)

    def _secrets(self) -> dict[str, Any]:
        """The values of the secret columns that are loaded; deferred columns are left out."""
        values = {name: self.__dict__[name] for name in self.secret_columns() if name in self.__dict__}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}

    def _settle(self, options: dict[str, Any]) -> dict[str, Any]:
        """Drop secrets of the former origin, and note the changes for the history. Returns the options for the save."""
        before = type(self)._base_manager.filter(pk=self.pk).first() if self.pk is not None else None
        if before is None:
            return options
        columns = options.get("update_fields")
        self.moved = before.origins() != self.origins()
        if self.moved:
            self.lost_secrets = self._drop()
            if columns is not None:
                options = {**options, "update_fields": {*columns, *self.secret_columns()}}
        elif columns is None and (lost := self._unreadable()):
            # Not written: whoever finds the lost encryption key again can still read the stored value.
            names = {field.name for field in self._meta.concrete_fields if not field.primary_key} - lost
            options = {**options, "update_fields": names}
        if reason := self._reason(before):
            self._change_reason = reason
        return options

    def _unreadable(self) -> set[str]:
        return {name for name in self.secret_columns() if is_unreadable(getattr(self, name))}

    def _drop(self) -> tuple[str, ...]:
        """Remove every secret that was not entered for the new address. Returns what was removed, as people call it."""
        dropped: list[str] = []
        for name, field in self.secret_columns().items():
            value, loaded, entered = getattr(self, name), self._loaded.get(name), self._entered.get(name, set())
            if isinstance(field, EncryptedMappingField):
                remaining = {key: text for key, text in value.items() if self._may_stay(key, text, loaded, entered)}
                dropped += [key for key in value if key not in remaining]
                setattr(self, name, remaining)
            elif value and name not in entered and (loaded is None or value == loaded):
                dropped.append(str(field.verbose_name))
                setattr(self, name, "")
        return tuple(dropped)

    @staticmethod
    def _may_stay(key: str, text: str, loaded: Mapping[str, str] | None, entered: set[str]) -> bool:
        return key in entered or is_template(text) or (loaded is not None and loaded.get(key) != text)

    # --- the history --------------------------------------------------------------------------------------------------

    def _reason(self, before: Self) -> str:
        """The changes of the audited columns and of the secrets, in words, at most `LONGEST_REASON` characters."""
        fields: list[Any] = [self._meta.get_field(name) for name in self.audited]
        changes = [
            _("%(name)s changed") % {"name": field.verbose_name}
            for field in fields
            if getattr(before, field.attname) != getattr(self, field.attname)
        ]
        for name, field in self.secret_columns().items():
            old, new = getattr(before, name), getattr(self, name)
            if isinstance(field, EncryptedMappingField):
                if names := sorted(key for key in {*old, *new} if old.get(key) != new.get(key)):
                    facts = {"name": field.verbose_name, "names": ", ".join(names)}
                    changes.append(_("%(name)s changed: %(names)s") % facts)
            elif old != new:
                changes.append(_("API key changed") if new else _("API key removed"))
        text = capfirst("; ".join(changes))
        return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


def dropped_words(dropped: Iterable[str]) -> str:
    """The sentence for a person whose edit changed the server."""
    return _(
        "The address is of another server now. Secrets that were stored for the former one are not sent there and "
        "were removed: %(names)s. Enter them again."
    ) % {"names": ", ".join(dropped)}
