"""The flat configuration of connections, in the manner of Open WebUI, and its rows.
See docs/upstreams/compatibility.md, “Flat forms”.

`{ENABLE_OPENAI_API, OPENAI_API_BASE_URLS, OPENAI_API_KEYS, OPENAI_API_CONFIGS}`: lists that belong together by index,
and settings by index as text. The index is a connection's position in the form (`urlIdx`). Keys and the values of
headers go out as masks; a mask that comes back keeps what is stored, but not for another server: there it is dropped,
and `notices` say so. The demo connection is never listed here. Saving is all or nothing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from providers import auth, versioning
from providers.addresses import validate_base_url
from providers.catalogue import discovery
from providers.catalogue.shared_models import SHARING_COLUMNS
from providers.catalogue.twins import twin_words
from providers.config import checks, marks
from providers.errors import BadRequest
from providers.fields import is_mask, secret_behind
from providers.models import Connection, GatewaySettings
from providers.secrets.rows import dropped_words
from providers.sentences import sentence as _
from providers.signals import dependents
from providers.upstream import kinds
from providers.upstream.header_templates import check_headers, masked, unmasked

DEFAULT_URL = kinds.DEFAULT.example
# Members of a connection's settings, and the columns of the same meaning; the flag of a kind is one more.
MEMBERS = {
    **{name: name for name in ("name", "model_ids", "prefix_id", "tags", "connection_type", "auth_type", "headers")},
    "enable": "enabled",
    "api_version": "api_version",
    "api_type": "speaks",
}
BRANDS = {host: kind.brand for kind in kinds.KINDS.values() for host in kind.hosts}


@dataclass(frozen=True, slots=True)
class Entry:
    """One connection of the flat form, checked. `key` may be a mask. `values` are columns of the row."""

    index: int
    url: str
    key: str
    values: Mapping[str, Any]
    given: frozenset[str] = frozenset()  # the names in `values` that the form sets; the others are defaults
    row: Connection | None = None  # the stored one at the same place of the form and at this address
    unchanged: frozenset[str] = frozenset()  # the columns of `row` that the form says as they were shown: they stay

    @property
    def has_mask(self) -> bool:
        return is_mask(self.key)


# --- rows → form -----------------------------------------------------------------------------------------------------


def read() -> dict[str, Any]:
    """The flat form of the stored rows, with masked keys."""
    rows = list(connection_rows())
    return {
        "ENABLE_OPENAI_API": GatewaySettings.current().enable_openai_api,
        "OPENAI_API_BASE_URLS": [row.base_url for row in rows],
        "OPENAI_API_KEYS": [row.secret_hint for row in rows],
        "OPENAI_API_CONFIGS": {str(index): _config_of(row) for index, row in enumerate(rows)},
    }


def mark_of(shown: Mapping[str, Any]) -> str:
    """The mark of a form as `read` returned it just now. Of another reading it could be that of newer values, which
    whoever sends the form back has never seen.
    """
    return marks.mark_of(shown, [[row.pk, row.secret, dict(row.headers)] for row in connection_rows()])


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
        "headers": masked(row.headers),
    }
    kind = kinds.named(row.kind)
    if kind.config_flag:
        config[kind.config_flag] = True
    if kind.needs_api_version:
        config["api_version"] = row.api_version
    if row.speaks:
        config["api_type"] = row.speaks
    return config


# --- form → entries --------------------------------------------------------------------------------------------------


def entries_of(form: Mapping[str, Any], rows: Sequence[Connection] = ()) -> list[Entry]:
    """Check the whole form. Raises BadRequest that names the field (`OPENAI_API_CONFIGS.0.auth_type`).

    Surplus keys are cut, missing ones are empty; settings without a valid index are dropped. `rows`: the stored ones in
    the order of the form; what is sent as it was shown of them is not checked, and stays.
    """
    urls = _listed(form, "OPENAI_API_BASE_URLS", nullable=False)
    keys = [key or "" for key in _listed(form, "OPENAI_API_KEYS", nullable=True)]
    configs = checks.mapping("OPENAI_API_CONFIGS", form.get("OPENAI_API_CONFIGS"))
    keys = [*keys[: len(urls)], *[""] * (len(urls) - len(keys))]
    return [
        entry_of(index, url, key.strip(), configs.get(str(index)) or {}, rows[index] if index < len(rows) else None)
        for index, (url, key) in enumerate(zip(urls, keys, strict=True))
    ]


def entry_of(index: int, url: str, key: str, config: Any, row: Connection | None = None) -> Entry:
    """Check one connection's part. Raises BadRequest. `row`: the stored one at this place, if there is any."""
    field = f"OPENAI_API_CONFIGS.{index}"
    members = checks.mapping(field, config)
    row = row if row is not None and row.base_url == url else None
    unchanged = set() if row is None else _as_shown(row, key, members)

    def member(name: str) -> tuple[str, Any]:
        return f"{field}.{name}", members.get(name)

    def stored(column: str, read: Callable[[], Any]) -> Any:
        return getattr(row, column) if column in unchanged else read()

    kind = next(
        (
            kind
            for kind in kinds.KINDS.values()
            if kind.config_flag and checks.flag(*member(kind.config_flag), default=False)
        ),
        _unflagged(url),
    )
    url = kinds.clean_base_url(kind.name, url)
    if "base_url" not in unchanged:
        try:
            validate_base_url(url)
        except ValidationError as error:
            raise checks.wrong(f"OPENAI_API_BASE_URLS.{index}", error.messages[0]) from error
    auth_type = f"{field}.auth_type", members.get("auth_type") or auth.DEFAULT, auth.AUTH_TYPES
    speaks = f"{field}.api_type", members.get("api_type") or "", Connection.Speaks.values
    values: dict[str, Any] = {
        "kind": stored("kind", lambda: kind.name),
        "api_version": stored("api_version", lambda: checks.text(*member("api_version"), limit=40)),
        "enabled": stored("enabled", lambda: checks.flag(*member("enable"), default=True)),
        "prefix_id": stored("prefix_id", lambda: checks.text(*member("prefix_id"), limit=60)),
        "model_ids": stored("model_ids", lambda: checks.texts(*member("model_ids"))),
        "tags": stored("tags", lambda: _tags(*member("tags"))),
        "connection_type": stored("connection_type", lambda: _location(*member("connection_type"))),
        "speaks": stored("speaks", lambda: checks.choice(*speaks)),
        "auth_type": stored("auth_type", lambda: checks.choice(*auth_type)),
        "headers": members["headers"] if "headers" in unchanged else _headers(*member("headers")),
    }
    if members.get("name"):
        values["name"] = stored("name", lambda: checks.text(*member("name"), limit=100))
    given = {column for name, column in MEMBERS.items() if name in members}
    if any(kind.config_flag in members for kind in kinds.KINDS.values() if kind.config_flag):
        given.add("kind")
    if "secret" not in unchanged:
        key = checks.key(f"OPENAI_API_KEYS.{index}", key)
    return Entry(index, url, key, values, frozenset(given), row, frozenset(unchanged))


def _as_shown(row: Connection, key: str, members: Mapping[str, Any]) -> set[str]:
    """The columns of a row at this address that a form says as `read` showed them, also by leaving them out alike."""
    shown = _config_of(row)
    same = {
        column
        for name, column in MEMBERS.items()
        if (name in shown) == (name in members) and checks.same(shown.get(name), members.get(name))
    }
    flags = [kind.config_flag for kind in kinds.KINDS.values() if kind.config_flag]
    if all(shown.get(flag, False) == members.get(flag, False) for flag in flags):
        same |= {"kind", "base_url"}
    return same | ({"secret"} if key == row.secret_hint.strip() else set())


def _unflagged(url: str) -> kinds.ConnectionKind:
    """The kind of an entry without a flag: the one of its address, unless that kind would need its flag."""
    kind = kinds.at(url)
    return kinds.DEFAULT if kind is None or kind.config_flag else kind


def name_of(url: str, used: Collection[str] = ()) -> str:
    """A name for a connection without one: its host, with as much more of the address as makes it differ from used
    names.
    """
    parts = urlsplit(url)
    host = parts.hostname or url
    plain = BRANDS.get(host, host)
    path = parts.path.removesuffix("/v1").rstrip("/")
    numbered = (f"{plain[:90]} {number}" for number in count(2))
    longer = () if host in BRANDS else (parts.netloc[:100], f"{parts.netloc}{path}"[:100])
    return next(name for name in chain((plain[:100],), longer, numbered) if name and name not in used)


# --- entries → rows --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class SaveResult:
    """The result of a save: ids of connections, and notices about dropped secrets and entries that are there twice."""

    to_refresh: list[int] = field(default_factory=list)  # ids of connections whose models are requested
    to_tell: list[int] = field(default_factory=list)  # connections that may share models with others since
    notices: list[str] = field(default_factory=list)


def save(form: Mapping[str, Any], *, mark: str = "") -> SaveResult:
    """Write a form to the rows, in one transaction.

    Rows are matched by address, then by mask, then by position; rows without a match are deleted. `mark`: that of the
    form as it was read, where it was sent along. Raises BadRequest, or Conflict for a mark of other values, and then
    changes nothing.
    """
    name = "ENABLE_OPENAI_API"
    switch = checks.flag(name, form[name]) if form.get(name) is not None else None
    with versioning.exclusive():
        marks.check(mark, mark_of(read()))
        entries = entries_of(form, list(connection_rows()))
        settings_row = GatewaySettings.current()
        if switch is not None and settings_row.enable_openai_api != switch:
            settings_row.enable_openai_api = switch
            settings_row.save()
        return write(entries)


def unsaved(url: str, key: str, config: Any) -> Connection:
    """A row that is not saved, for a check. A mask stands for the secret that is stored for this address.

    Raises BadRequest, also for a mask of another secret.
    """
    entry = entry_of(0, url, key, config)
    same_address = [row for row in connection_rows() if _is_at(entry, row)]
    values = dict(entry.values)
    if entry.has_mask and not (key := secret_behind(entry.key, same_address)):
        raise BadRequest(_("No key that is stored for this address has this mask. Enter the key itself."), param="key")
    stored = {name: value for row in reversed(same_address) for name, value in row.headers.items()}
    values["headers"] = _unmasked_headers("config.headers", values["headers"], stored)[0]
    return Connection(name=name_of(entry.url), base_url=entry.url, secret=key, **values)


def write(entries: Sequence[Entry]) -> SaveResult:
    """Write checked entries to rows; for use inside `versioning.exclusive()`."""
    rows = list(connection_rows())
    matched = _match(entries, rows)
    remaining = {row.pk for row in matched.values()}
    gone = [row for row in rows if row.pk not in remaining]
    saved = SaveResult()
    for _receiver, sentences in dependents.send(sender=Connection, connections=gone) if gone else ():
        saved.notices += sentences or ()
    for row in gone:
        row.delete()
    positions = _positions(entries, matched)
    written: list[tuple[Entry, Connection]] = []
    used_names = {row.name for row in matched.values()} | {entry.values.get("name", "") for entry in entries}
    for entry in entries:
        row = matched.get(entry.index) or Connection(name=name_of(entry.url, used_names))
        used_names.add(row.name)
        changed = _fill(row, entry, positions[entry.index])
        if changed & discovery.LISTED_COLUMNS or (changed and row.listed_at is None):
            saved.to_refresh.append(row.pk)
        if changed & SHARING_COLUMNS:
            saved.to_tell.append(row.pk)
        if row.lost_secrets:
            saved.notices.append(f"OPENAI_API_BASE_URLS.{entry.index}: {dropped_words(row.lost_secrets)}")
        if changed:
            written.append((entry, row))
    for entry, row in written:  # once all are there
        if words := twin_words(row):
            saved.notices.append(f"OPENAI_API_BASE_URLS.{entry.index}: {words}")
    return saved


def write_given(entries: Sequence[Entry]) -> None:
    """Write what the entries name, and nothing else, to the connections at their addresses; make those that are not
    there, last. Other connections, and other columns, stay as they are. For use inside `versioning.exclusive()`.
    """
    for entry, row in at_addresses(entries, list(connection_rows())):
        if row is not None:
            values = {name: value for name, value in entry.values.items() if name in entry.given}
            _fill_given(row, entry, values)
            continue
        last = connection_rows().order_by("-position").first()
        used = set(connection_rows().values_list("name", flat=True))
        _fill(Connection(name=name_of(entry.url, used)), entry, 0 if last is None else last.position + 1)


def at_addresses(entries: Sequence[Entry], rows: Iterable[Connection]) -> Iterator[tuple[Entry, Connection | None]]:
    """Each entry with the first row at its address that no earlier entry has; None without one."""
    free = list(rows)
    for entry in entries:
        row = next((row for row in free if _is_at(entry, row)), None)
        if row is not None:
            free.remove(row)
        yield entry, row


def _is_at(entry: Entry, row: Connection) -> bool:
    return kinds.clean_base_url(row.kind, row.base_url) in (entry.url, kinds.clean_base_url(row.kind, entry.url))


def _fill_given(row: Connection, entry: Entry, values: Mapping[str, Any]) -> None:
    changed = {name for name, value in values.items() if getattr(row, name) != value}
    for name in changed - {"headers"}:
        setattr(row, name, values[name])
    if "headers" in changed:
        row.enter("headers", values["headers"], names=set(values["headers"]))
    if entry.key and entry.key != row.secret:
        changed.add("secret")
        row.enter("secret", entry.key)
    if changed:
        row.save()


def _match(entries: Sequence[Entry], rows: Sequence[Connection]) -> dict[int, Connection]:
    free = dict(enumerate(rows))
    matched: dict[int, Connection] = {}

    def take(entry: Entry, fits: Any) -> None:
        if entry.index in matched:
            return
        # The same position first, then the order of the rows.
        for index in sorted(free, key=lambda index: (index != entry.index, index)):
            if fits(entry, free[index]):
                matched[entry.index] = free.pop(index)
                return

    def same_key(entry: Entry, row: Connection) -> bool:
        return entry.key == (row.secret_hint if entry.has_mask else row.secret)

    for fits in (
        lambda entry, row: entry.row is not None and entry.row.pk == row.pk and "secret" in entry.unchanged,
        lambda entry, row: _is_at(entry, row) and same_key(entry, row),
        lambda entry, row: entry.has_mask and same_key(entry, row),
        lambda entry, row: not entry.has_mask and _is_at(entry, row),
        lambda entry, row: not entry.has_mask and len(entries) == len(rows) and row is free.get(entry.index),
    ):
        for entry in entries:
            take(entry, fits)
    for entry in entries:
        if entry.has_mask and entry.index not in matched:
            name = f"OPENAI_API_KEYS.{entry.index}"
            raise BadRequest(_("%s is the mask of another key. Enter the key itself.") % name, param=name)
    return matched


def _positions(entries: Sequence[Entry], matched: Mapping[int, Connection]) -> list[int]:
    """The position of each entry of the form. Stored positions stay if their order fits; new entries come last."""
    stored = [matched[entry.index] for entry in entries if entry.index in matched]
    are_first = all(entry.index in matched for entry in entries[: len(stored)])
    if not are_first or stored != sorted(stored, key=lambda row: (row.position, row.pk)):
        return [entry.index for entry in entries]
    positions = [row.position for row in stored]
    after = max(positions, default=-1) + 1
    return [*positions, *range(after, after + len(entries) - len(stored))]


def _fill(row: Connection, entry: Entry, position: int) -> set[str]:
    """Write a row if anything differs. Returns the columns that changed; all of them for a new row."""
    unchanged = entry.unchanged if entry.row is not None and entry.row.pk == row.pk else frozenset()
    values = {**entry.values, "base_url": entry.url, "position": position}
    unspecified = values["kind"] == kinds.DEFAULT.name
    if unspecified and not row._state.adding and not kinds.named(row.kind).config_flag:
        del values["kind"]  # the form has no flag for the row's kind: it stays
        values["base_url"] = kinds.clean_base_url(row.kind, entry.url)
    entered: set[str] = set()
    if "headers" not in unchanged:
        field = f"OPENAI_API_CONFIGS.{entry.index}.headers"
        values["headers"], entered = _unmasked_headers(field, entry.values["headers"], row.headers)
    if not entry.has_mask:
        values["secret"] = entry.key
    values = {name: value for name, value in values.items() if name not in unchanged}
    changed = {name for name, value in values.items() if getattr(row, name) != value}
    if row._state.adding:
        changed = set(values)
    if not changed:
        return changed
    for name in changed - {"secret", "headers"}:
        setattr(row, name, values[name])
    if "headers" in values:
        row.enter("headers", values["headers"], names=entered)
    if "secret" in values:
        row.enter("secret", entry.key)
    try:
        row.full_clean()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise checks.wrong(f"OPENAI_API_CONFIGS.{entry.index}.{name}", messages[0]) from error
    row.save()
    return changed


# --- members ----------------------------------------------------------------------------------------------------------


def _listed(form: Mapping[str, Any], name: str, *, nullable: bool) -> list[Any]:
    """A list of texts, each unchanged, because the position counts."""
    value = form.get(name)
    if not isinstance(value, list):
        raise BadRequest(_("%s must be a list of texts.") % name, param=name)
    for index, item in enumerate(value):
        if not isinstance(item, str) and not (nullable and item is None):
            raise BadRequest(_("%s must be a text.") % f"{name}.{index}", param=f"{name}.{index}")
    return value


def _tags(name: str, value: Any) -> list[Any]:
    """Texts, or objects with a name."""
    if value is None:
        return []
    for tag in value if isinstance(value, list) else [None]:
        label = tag.get("name") if isinstance(tag, Mapping) else tag
        if not isinstance(label, str) or not label.strip():
            raise BadRequest(_("%s must be a list of names.") % name, param=name)
    return list(value)


def _location(name: str, value: Any) -> str:
    if value == "internal":  # an older name
        value = Connection.Location.LOCAL.value
    return checks.choice(name, value or Connection.Location.EXTERNAL.value, Connection.Location.values)


def _headers(name: str, value: Any) -> dict[str, str]:
    headers = {}
    for header, text in checks.mapping(name, {} if value in (None, "") else value).items():
        if isinstance(text, bool | dict | list) or text is None or not isinstance(header, str):
            raise BadRequest(_("%s must be an object of texts.") % name, param=name)
        headers[header.strip()] = str(text).strip()
    try:
        check_headers(headers)
    except ValidationError as error:
        raise checks.wrong(name, error.messages[0]) from error
    return headers


def _unmasked_headers(name: str, sent: Mapping[str, str], stored: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """The headers of `unmasked`. Raises BadRequest for a mask of no stored value."""
    try:
        return unmasked(sent, stored)
    except ValidationError as error:
        raise checks.wrong(name, error.messages[0]) from error
