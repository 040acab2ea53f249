"""The flat form of the connections, as the reference texts know it, and the rows behind it.

`{ENABLE_OPENAI_API, OPENAI_API_BASE_URLS, OPENAI_API_KEYS, OPENAI_API_CONFIGS}`: lists that belong together by index,
and settings by index as text. The index is a connection's place (`urlIdx`). Keys go out as masks; a mask that comes
back keeps the stored key. The demo connection stands apart and is never listed here. Saving is all or nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from providers import auth, versioning
from providers.addresses import validate_base_url
from providers.errors import BadRequest
from providers.models import Connection, GatewaySettings
from providers.upstream import kinds
from providers.upstream.header_templates import check_headers

MASK = "••••"
DEFAULT_URL = kinds.DEFAULT.example
BRANDS = {host: kind.brand for kind in kinds.KINDS.values() for host in kind.hosts}


@dataclass(frozen=True, slots=True)
class Entry:
    """One connection of the flat form, checked. `key` may be a mask. `values` are columns of the row."""

    index: int
    url: str
    key: str
    values: Mapping[str, Any]

    @property
    def has_mask(self) -> bool:
        return self.key.startswith(MASK)


# --- rows → form -----------------------------------------------------------------------------------------------------


def read() -> dict[str, Any]:
    """The flat form of what is stored, keys as masks."""
    rows = list(connection_rows())
    return {
        "ENABLE_OPENAI_API": GatewaySettings.load().enable_openai_api,
        "OPENAI_API_BASE_URLS": [row.base_url for row in rows],
        "OPENAI_API_KEYS": [row.secret_hint for row in rows],
        "OPENAI_API_CONFIGS": {str(index): _config_of(row) for index, row in enumerate(rows)},
    }


def connection_rows() -> Any:
    """The connections of the form, in its order."""
    return Connection.objects.filter(demo=False).order_by("position", "pk")


def _config_of(row: Connection) -> dict[str, Any]:
    config: dict[str, Any] = {
        "name": row.name,
        "enable": row.enabled,
        "model_ids": row.model_ids,
        "prefix_id": row.prefix_id,
        "tags": row.tags,
        "connection_type": row.connection_type,
        "auth_type": row.auth_type,
        "headers": row.headers,
    }
    kind = kinds.named(row.kind)
    if kind.config_flag:
        config[kind.config_flag] = True
    if kind.needs_api_version:
        config["api_version"] = row.api_version
    return config


# --- form → entries --------------------------------------------------------------------------------------------------


def entries_of(form: Mapping[str, Any]) -> list[Entry]:
    """Check the whole form. Raises BadRequest that names the field (`OPENAI_API_CONFIGS.0.auth_type`).

    Surplus keys are cut, missing ones are empty (R3); settings without a valid index are dropped (R4).
    """
    urls = _texts(form, "OPENAI_API_BASE_URLS")
    keys = [key or "" for key in _texts(form, "OPENAI_API_KEYS", nullable=True)]
    configs = form.get("OPENAI_API_CONFIGS")
    if not isinstance(configs, Mapping):
        raise _wrong("OPENAI_API_CONFIGS", _("must be an object"))
    keys = [*keys[: len(urls)], *[""] * (len(urls) - len(keys))]
    return [
        entry_of(index, url, key.strip(), configs.get(str(index)) or {})
        for index, (url, key) in enumerate(zip(urls, keys, strict=True))
    ]


def entry_of(index: int, url: str, key: str, config: Any) -> Entry:
    """Check one connection's part. Raises BadRequest."""
    field = f"OPENAI_API_CONFIGS.{index}"
    if not isinstance(config, Mapping):
        raise _wrong(field, _("must be an object"))
    kind = _kind(config, field, url)
    url = kinds.clean_base_url(kind, url)
    try:
        validate_base_url(url)
    except ValidationError as error:
        raise _wrong(f"OPENAI_API_BASE_URLS.{index}", error.messages[0]) from error
    values: dict[str, Any] = {
        "kind": kind,
        "api_version": _text(config, field, "api_version", limit=40),
        "enabled": _flag(config, field, "enable", default=True),
        "prefix_id": _text(config, field, "prefix_id", limit=60),
        "model_ids": _strings(config, field, "model_ids"),
        "tags": _tags(config, field),
        "connection_type": _place(config, field),
        "auth_type": _auth_type(config, field),
        "headers": _headers(config, field),
    }
    if config.get("name"):
        values["name"] = _text(config, field, "name", limit=100)
    return Entry(index, url, key, values)


def _kind(config: Mapping[str, Any], field: str, url: str) -> str:
    """The kind that a flag of the settings names, else the one that the address belongs to, else the default."""
    for kind in kinds.KINDS.values():
        if kind.config_flag and _flag(config, field, kind.config_flag, default=False):
            return kind.name
    return (kinds.at(url) or kinds.DEFAULT).name


def name_of(url: str, taken: Collection[str] = ()) -> str:
    """A name for a connection that was given none: its host, and as much more as tells it from those that are taken."""
    parts = urlsplit(url)
    host = parts.hostname or url
    plain = BRANDS.get(host, host)
    path = parts.path.removesuffix("/v1").rstrip("/")
    numbered = (f"{plain[:90]} {number}" for number in count(2))
    longer = () if host in BRANDS else (parts.netloc[:100], f"{parts.netloc}{path}"[:100])
    return next(name for name in chain((plain[:100],), longer, numbered) if name and name not in taken)


# --- entries → rows --------------------------------------------------------------------------------------------------


def save(form: Mapping[str, Any]) -> list[int]:
    """Make the rows say what the form says, in one transaction; returns the ids of rows that are new or lead elsewhere.

    Rows are recognised by their address, then by their mask, then by their place; what the form leaves out is deleted.
    Raises BadRequest, and then nothing was changed.
    """
    entries = entries_of(form)
    switch = form.get("ENABLE_OPENAI_API")
    if switch is not None and not isinstance(switch, bool):
        raise _wrong("ENABLE_OPENAI_API", _("must be true or false"))
    with versioning.exclusive():
        if switch is not None:
            settings_row = GatewaySettings.load()
            if settings_row.enable_openai_api != switch:
                settings_row.enable_openai_api = switch
                settings_row.save()
        return write(entries)


def stored_key(entry: Entry) -> str:
    """The key that a mask stands for. Raises BadRequest when none is stored for this address."""
    for row in connection_rows():
        if row.secret and row.secret_hint == entry.key and kinds.clean_base_url(row.kind, row.base_url) == entry.url:
            return str(row.secret)
    raise BadRequest(_("This mask belongs to no key that is stored for this address; enter the key."), param="key")


def write(entries: Sequence[Entry]) -> list[int]:
    """The rows for checked entries; for use inside `versioning.exclusive()`."""
    rows = list(connection_rows())
    matched = _match(entries, rows)
    kept = {row.pk for row in matched.values()}
    for row in rows:
        if row.pk not in kept:
            row.delete()
    to_ask = []
    taken = {row.name for row in matched.values()} | {entry.values.get("name", "") for entry in entries}
    for entry in entries:
        row = matched.get(entry.index) or Connection(name=name_of(entry.url, taken))
        taken.add(row.name)
        if _fill(row, entry):
            to_ask.append(row.pk)
    return to_ask


def _match(entries: Sequence[Entry], rows: Sequence[Connection]) -> dict[int, Connection]:
    free = dict(enumerate(rows))
    found: dict[int, Connection] = {}

    def take(entry: Entry, fits: Any) -> None:
        if entry.index in found:
            return
        # The same place first, then the order of the rows.
        for place in sorted(free, key=lambda place: (place != entry.index, place)):
            if fits(entry, free[place]):
                found[entry.index] = free.pop(place)
                return

    def same_url(entry: Entry, row: Connection) -> bool:
        return kinds.clean_base_url(row.kind, row.base_url) == entry.url

    def same_key(entry: Entry, row: Connection) -> bool:
        return entry.key == (row.secret_hint if entry.has_mask else row.secret)

    for fits in (
        lambda entry, row: same_url(entry, row) and same_key(entry, row),
        lambda entry, row: entry.has_mask and same_key(entry, row),
        lambda entry, row: not entry.has_mask and same_url(entry, row),
        lambda entry, row: not entry.has_mask and len(entries) == len(rows) and row is free.get(entry.index),
    ):
        for entry in entries:
            take(entry, fits)
    for entry in entries:
        if entry.has_mask and entry.index not in found:
            raise _wrong(
                f"OPENAI_API_KEYS.{entry.index}", _("is a mask for which no key is stored; enter the key itself")
            )
    return found


def _fill(row: Connection, entry: Entry) -> bool:
    """Write the row if anything differs; true when its models should be asked for anew."""
    values = {**entry.values, "base_url": entry.url, "position": entry.index}
    guessed = values["kind"] == kinds.DEFAULT.name
    if guessed and not row._state.adding and not kinds.named(row.kind).config_flag:
        del values["kind"]  # no flag stands for the kind that an administrator chose: it stays
        values["base_url"] = kinds.clean_base_url(row.kind, entry.url)
    if not entry.has_mask:
        values["secret"] = entry.key
    changed = {name for name, value in values.items() if getattr(row, name) != value}
    if not changed and not row._state.adding:
        return False
    for name in changed:
        setattr(row, name, values[name])
    try:
        row.full_clean()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise _wrong(f"OPENAI_API_CONFIGS.{entry.index}.{name}", messages[0]) from error
    row.save()
    asks = {"base_url", "secret", "auth_type", "headers", "api_version", "model_ids", "enabled", "kind"}
    return bool(changed & asks) or row.listed_at is None


# --- checks ----------------------------------------------------------------------------------------------------------


def _wrong(field: str, words: str) -> BadRequest:
    return BadRequest(f"{field}: {words}", param=field)


def _texts(form: Mapping[str, Any], name: str, *, nullable: bool = False) -> list[str]:
    value = form.get(name)
    if not isinstance(value, list):
        raise _wrong(name, _("must be a list of texts"))
    for index, item in enumerate(value):
        if not isinstance(item, str) and not (nullable and item is None):
            raise _wrong(f"{name}.{index}", _("must be a text"))
    return value


def _text(config: Mapping[str, Any], field: str, name: str, *, limit: int) -> str:
    value = config.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(f"{field}.{name}", _("must be a text"))
    if len(value.strip()) > limit:
        raise _wrong(f"{field}.{name}", _("must have at most %(n)s characters") % {"n": limit})
    return value.strip()


def _flag(config: Mapping[str, Any], field: str, name: str, *, default: bool) -> bool:
    value = config.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _wrong(f"{field}.{name}", _("must be true or false"))
    return value


def _strings(config: Mapping[str, Any], field: str, name: str) -> list[str]:
    value = config.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise _wrong(f"{field}.{name}", _("must be a list of texts"))
    return list(dict.fromkeys(item.strip() for item in value))


def _tags(config: Mapping[str, Any], field: str) -> list[Any]:
    """Texts, or objects with a name (R8)."""
    value = config.get("tags")
    if value is None:
        return []
    for tag in value if isinstance(value, list) else [None]:
        name = tag.get("name") if isinstance(tag, Mapping) else tag
        if not isinstance(name, str) or not name.strip():
            raise _wrong(f"{field}.tags", _("must be a list of names"))
    return list(value)


def _place(config: Mapping[str, Any], field: str) -> str:
    value = config.get("connection_type") or "external"
    if value == "internal":  # V12: an older word
        value = "local"
    if value not in Connection.Location.values:
        raise _wrong(f"{field}.connection_type", _("must be “external” or “local”"))
    return str(value)


def _auth_type(config: Mapping[str, Any], field: str) -> str:
    value = config.get("auth_type") or auth.DEFAULT
    if value not in auth.AUTH_TYPES:
        raise _wrong(f"{field}.auth_type", _("must be one of %(names)s") % {"names": ", ".join(auth.AUTH_TYPES)})
    return str(value)


def _headers(config: Mapping[str, Any], field: str) -> dict[str, str]:
    value = config.get("headers")
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise _wrong(f"{field}.headers", _("must be an object of texts"))
    headers = {}
    for name, text in value.items():
        if isinstance(text, bool | dict | list) or text is None or not isinstance(name, str):
            raise _wrong(f"{field}.headers", _("must be an object of texts"))
        headers[name.strip()] = str(text).strip()
    try:
        check_headers(headers)
    except ValidationError as error:
        raise _wrong(f"{field}.headers", error.messages[0]) from error
    return headers
