"""The flat IMAGE_* form and the rows behind it, in both directions.
See docs/upstreams/compatibility.md, “Image settings”.

The form has one set of values per engine kind and purpose, while there may be many rows. A key of kind K belongs to the
default engine if that is of kind K, else to the first row of that kind. Reading never makes a row; writing makes one
for a kind without a row.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.db import models

from imagegen import rows, workflow
from imagegen.engines import ENGINES, UNNAMED
from imagegen.image_request import normal_size
from imagegen.models import ImageEngine, ImageSettings
from providers import versioning
from providers.catalogue.twins import twin_words
from providers.config import checks, marks
from providers.errors import BadRequest, ConfigurationError, GatewayError
from providers.facts import Caller
from providers.fields import is_mask, secret_behind
from providers.json_bodies import RefusedJSON, TypedJSON
from providers.models import GatewaySettings
from providers.secrets.rows import dropped_words
from providers.sentences import sentence as _

Purpose = ImageEngine.Purpose
IMAGE_SETTINGS = {
    "ENABLE_IMAGE_GENERATION": "enabled",
    "ENABLE_IMAGE_PROMPT_GENERATION": "prompt_generation",
    "ENABLE_IMAGE_EDIT": "edit_enabled",
    "IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE": "prompt_template",
}
TASKS = {"TASK_MODEL": "task_model", "TASK_MODEL_EXTERNAL": "task_model_external"}
ALIASES = {"IMAGES_OPENAI_PARAMS": "IMAGES_OPENAI_API_PARAMS"}  # both names are in use


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the form: the row and the column that it belongs to, and how its value is read."""

    kind: str  # "" = the engine in use
    purpose: str
    column: str
    read: Callable[[str, Any], Any]


def address(name: str, value: Any) -> str:
    url = checks.text(name, value).rstrip("/")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise BadRequest(_("%s must be an address that begins with http:// or https://.") % name, param=name)
    return url


def size(name: str, value: Any) -> str:
    try:
        return normal_size(checks.text(name, value))
    except BadRequest as error:
        raise BadRequest(f"{name}: {error.message}", param=name) from error


def steps(name: str, value: Any) -> int | None:
    if value in (None, ""):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not re.fullmatch(r"\d{1,3}", str(value)):
        raise BadRequest(_("%s must be a whole number from 0 to 500.") % name, param=name)
    number = int(value)
    if number > 500:
        raise BadRequest(_("%s must be a whole number from 0 to 500.") % name, param=name)
    return number or None


def mapping(name: str, value: Any) -> dict[str, Any]:
    return dict(checks.mapping(name, _parsed(name, value)))


def graph(name: str, value: Any) -> dict[str, Any]:
    if value in (None, "", {}):
        return {}
    try:
        return dict(workflow.parse(value))
    except GatewayError as error:
        raise BadRequest(f"{name}: {error.message}", param=name) from error


def nodes(name: str, value: Any) -> list[Any]:
    value = _parsed(name, value, empty=[])
    if not isinstance(value, list):
        raise BadRequest(_("%s must be a JSON list.") % name, param=name)
    try:
        workflow.read_nodes(value)
    except GatewayError as error:
        raise BadRequest(f"{name}: {error.message}", param=name) from error
    return value


def method(name: str, value: Any) -> str:
    chosen = checks.text(name, value)
    if chosen not in ("", "predict", "generateContent"):
        raise BadRequest(_("%s must be predict, generateContent or empty.") % name, param=name)
    return chosen


def _parsed(name: str, value: Any, *, empty: Any = None) -> Any:
    if value in (None, ""):
        return {} if empty is None else empty
    if isinstance(value, str):
        try:
            return json.loads(value, cls=TypedJSON)
        except RefusedJSON as error:
            raise BadRequest(f"{name}: {error.msg}", param=name) from error
        except ValueError as error:
            raise BadRequest(_("%s must be JSON.") % name, param=name) from error
    return value


GENERATE, EDIT = Purpose.GENERATE, Purpose.EDIT
KEYS: dict[str, Key] = {
    "IMAGE_GENERATION_MODEL": Key("", GENERATE, "model", checks.text),
    "IMAGE_SIZE": Key("", GENERATE, "size", size),
    "IMAGE_STEPS": Key("", GENERATE, "steps", steps),
    "IMAGES_OPENAI_API_BASE_URL": Key("openai", GENERATE, "url", address),
    "IMAGES_OPENAI_API_KEY": Key("openai", GENERATE, "secret", checks.key),
    "IMAGES_OPENAI_API_VERSION": Key("openai", GENERATE, "version", checks.text),
    "IMAGES_OPENAI_API_PARAMS": Key("openai", GENERATE, "params", mapping),
    "IMAGES_GEMINI_API_BASE_URL": Key("gemini", GENERATE, "url", address),
    "IMAGES_GEMINI_API_KEY": Key("gemini", GENERATE, "secret", checks.key),
    "IMAGES_GEMINI_ENDPOINT_METHOD": Key("gemini", GENERATE, "method", method),
    "AUTOMATIC1111_BASE_URL": Key("automatic1111", GENERATE, "url", address),
    "AUTOMATIC1111_API_AUTH": Key("automatic1111", GENERATE, "secret", checks.key),
    "AUTOMATIC1111_PARAMS": Key("automatic1111", GENERATE, "params", mapping),
    "COMFYUI_BASE_URL": Key("comfyui", GENERATE, "url", address),
    "COMFYUI_API_KEY": Key("comfyui", GENERATE, "secret", checks.key),
    "COMFYUI_WORKFLOW": Key("comfyui", GENERATE, "workflow", graph),
    "COMFYUI_WORKFLOW_NODES": Key("comfyui", GENERATE, "nodes", nodes),
    "IMAGE_EDIT_MODEL": Key("", EDIT, "model", checks.text),
    "IMAGE_EDIT_SIZE": Key("", EDIT, "size", size),
    "IMAGES_EDIT_OPENAI_API_BASE_URL": Key("openai", EDIT, "url", address),
    "IMAGES_EDIT_OPENAI_API_KEY": Key("openai", EDIT, "secret", checks.key),
    "IMAGES_EDIT_OPENAI_API_VERSION": Key("openai", EDIT, "version", checks.text),
    "IMAGES_EDIT_GEMINI_API_BASE_URL": Key("gemini", EDIT, "url", address),
    "IMAGES_EDIT_GEMINI_API_KEY": Key("gemini", EDIT, "secret", checks.key),
    "IMAGES_EDIT_COMFYUI_BASE_URL": Key("comfyui", EDIT, "url", address),
    "IMAGES_EDIT_COMFYUI_API_KEY": Key("comfyui", EDIT, "secret", checks.key),
    "IMAGES_EDIT_COMFYUI_WORKFLOW": Key("comfyui", EDIT, "workflow", graph),
    "IMAGES_EDIT_COMFYUI_WORKFLOW_NODES": Key("comfyui", EDIT, "nodes", nodes),
}
OWN_EDIT_KEYS = {key.kind for key in KEYS.values() if key.purpose == EDIT}  # other kinds edit where they draw
ENGINES_IN_USE = {"IMAGE_GENERATION_ENGINE": ("engine", GENERATE), "IMAGE_EDIT_ENGINE": ("edit_engine", EDIT)}
UNNAMED_ADDRESS = next(name for name, key in KEYS.items() if (key.kind, key.column) == (UNNAMED, "url"))
# What a new engine for edits has of the one that did both.
SHARED_COLUMNS = tuple(
    field.attname
    for field in ImageEngine._meta.concrete_fields
    if field.editable
    and not field.primary_key
    and field.name not in ("name", "kind", "purpose", "position", "created", "updated")
)
NOTICES = "notices"  # of `update`, a member beside the form's keys
JSON_AS_TEXT = {"COMFYUI_WORKFLOW", "IMAGES_EDIT_COMFYUI_WORKFLOW"}  # the form's clients expect these as JSON text


def read() -> dict[str, Any]:
    """The form with the stored values; secrets as `••••abcd`. Writes nothing, not even settings that are missing."""
    image_settings, tasks = ImageSettings.current(), GatewaySettings.current()
    form: dict[str, Any] = {name: getattr(image_settings, column) for name, column in IMAGE_SETTINGS.items()}
    form |= {name: getattr(tasks, column) for name, column in TASKS.items()}
    form |= {name: _kind_in_use(image_settings, name) for name in ENGINES_IN_USE}
    engine_rows = _Rows(image_settings)
    for name, key in KEYS.items():
        row = engine_rows.get(key.kind, key.purpose)
        form[name] = _shown(name, key, row)
    return form


def _kind_in_use(image_settings: ImageSettings, name: str) -> str:
    row = getattr(image_settings, ENGINES_IN_USE[name][0])
    return row.kind if row else ""


def _shown(name: str, key: Key, row: ImageEngine | None) -> Any:
    if row is None:
        return {} if key.read is mapping else [] if key.read is nodes else None if key.read is steps else ""
    if key.column == "secret":
        return row.secret_hint
    value = getattr(row, key.column)
    if name in JSON_AS_TEXT:
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
    return value


def mark_of(shown: Mapping[str, Any]) -> str:
    """The mark of a form as `read` or `update` returned it just now."""
    values = {name: value for name, value in shown.items() if name != NOTICES}
    return marks.mark_of(values, list(ImageEngine.objects.order_by("pk").values_list("pk", "secret")))


def update(form: Mapping[str, Any], *, mark: str = "") -> dict[str, Any]:
    """Save all of the form's values or, on the first wrong one, none. Keys that are left out stay as they are, and so
    does what comes back as `read` shows it, also where no person could enter it.

    The mask of the stored secret keeps that secret, unless the address has another server now: then the secret is
    dropped, and `notices` beside the returned form say so. `mark`: that of the form as it was read, where it was sent
    along. Raises BadRequest, naming the key, and Conflict for a mark of other values.
    """
    given = {ALIASES.get(name, name): value for name, value in form.items() if name != NOTICES}
    known = {*IMAGE_SETTINGS, *TASKS, *ENGINES_IN_USE, *KEYS}
    if unknown := sorted(set(given) - known):
        raise BadRequest(_("There is no setting %s.") % unknown[0], param=unknown[0])
    with versioning.exclusive():
        marks.check(mark, mark_of(read()))
        image_settings, tasks = ImageSettings.current(), GatewaySettings.current()
        engine_rows = _Rows(image_settings)
        values = {name: _FormValue.of(name, engine_rows).read(name, given[name]) for name in KEYS if name in given}
        changes = {
            column: _image_setting(name, given[name])
            for name, column in IMAGE_SETTINGS.items()
            if name in given and not checks.same(given[name], getattr(image_settings, column))
        }
        task_models = {
            column: checks.text(name, given[name])
            for name, column in TASKS.items()
            if name in given and not checks.same(given[name], getattr(tasks, column))
        }
        for name, (column, purpose) in ENGINES_IN_USE.items():
            used = _kind_in_use(image_settings, name)
            if name not in given or (given[name] and given[name] == used):
                continue
            kind = _kind(name, given[name])
            if (
                not used
                and not given[name]
                and _FormValue.of(UNNAMED_ADDRESS, engine_rows).says(UNNAMED_ADDRESS, values.get(UNNAMED_ADDRESS, ""))
            ):
                continue  # none, as before: an empty name means this kind only with an address that is new
            if used != kind:
                changes[column] = engine_rows.make(kind, purpose) if kind else None
        _save_changes(image_settings, changes)
        notices = _save_rows(engine_rows, values)
        _save_changes(tasks, task_models)
    return read() | ({NOTICES: notices} if notices else {})


def _save_changes(row: models.Model, changes: Mapping[str, Any]) -> None:
    """Save a row if a column changes: every save is a line in its history."""
    changes = {column: value for column, value in changes.items() if getattr(row, column) != value}
    for column, value in changes.items():
        setattr(row, column, value)
    if changes:
        row.save()


def _save_rows(engine_rows: "_Rows", values: Mapping[str, Any]) -> list[str]:
    """Write the values; returns sentences about secrets that were dropped because an address changed its server, and
    about engines that have no address.
    """
    touched: dict[int, ImageEngine] = {}
    sized: dict[int, str] = {}  # rows whose size or model changes, and what they are for
    borrowed: dict[int, ImageEngine] = {}  # rows for edits, and the row that drew and edited before
    shown = {name: _FormValue.of(name, engine_rows) for name in values}
    changed = {engine_rows.target(KEYS[name]) for name, value in values.items() if not shown[name].says(name, value)}
    for name, value in sorted(values.items(), key=lambda item: KEYS[item[0]].column == "secret"):  # addresses first
        key, before, target = KEYS[name], shown[name], engine_rows.target(KEYS[name])
        if target not in changed:
            continue  # its row may be another one than the row that is read, and has values of its own
        row = engine_rows.make(*target)
        if key.purpose == EDIT:
            engine_rows.use_for_edits(row)
        if key.column == "secret" and is_mask(value):
            if value != row.secret_hint:
                if before.row is None or value != before.value:
                    message = _("%s is a mask, but not of the stored key: enter the key itself.") % name
                    raise BadRequest(message, param=name)
                borrowed[row.pk] = before.row
                touched[row.pk] = row
            continue
        if key.column == "url" and not value and row.url and row.connection_id is None:
            # Whoever removes an address means the provider's own; the row says it. An engine that has none, because its
            # connection was deleted, gets none by this: it would send prompts of the house to the public.
            value = ENGINES[key.kind].default_url
        for changing in [row, *engine_rows.twins(key, row)]:
            if not checks.same(value, getattr(changing, key.column)):
                touched[changing.pk] = changing
                if key.column in ("model", "size"):
                    sized[changing.pk] = key.purpose
            if key.column == "secret":
                changing.enter("secret", value)
            else:
                setattr(changing, key.column, value)
    notices = []
    for row in sorted(touched.values(), key=lambda row: row.pk in borrowed):  # rows whose key is copied come first
        if row.pk in sized:
            _check_size(row, "IMAGE_EDIT_SIZE" if sized[row.pk] == EDIT else "IMAGE_SIZE")
        lender = borrowed.get(row.pk)
        if lender is not None and lender.origins() == row.origins():
            row.enter("secret", lender.secret)
        row.save()
        if row.lost_secrets or (lender is not None and not row.secret):
            notices.append(f"{row.name}: {dropped_words(row.lost_secrets or [_('key')])}")
        if not row.has_address:
            words = _("It has neither a connection nor an address, so it stays switched off.")
            notices.append(f"{row.name}: {words}")
        if doubled := twin_words(row):
            notices.append(doubled)
    return notices


def _check_size(row: ImageEngine, name: str) -> None:
    try:
        rows.check_size(row)
    except BadRequest as error:
        raise BadRequest(f"{name}: {error.message}", param=name) from error


@dataclass(frozen=True, slots=True)
class _FormValue:
    """The form's value of one key, and the row that it comes from."""

    row: ImageEngine | None
    value: Any
    stored: Any  # the column itself; of a secret its mask

    @classmethod
    def of(cls, name: str, engine_rows: "_Rows") -> "_FormValue":
        key = KEYS[name]
        row = engine_rows.get(key.kind, key.purpose)
        value = _shown(name, key, row)
        return cls(row, value, value if row is None or key.column == "secret" else getattr(row, key.column))

    def read(self, name: str, given: Any) -> Any:
        """A value of a form, checked; the stored one, as it is, where the form says what was shown."""
        return self.stored if self.row is not None and checks.same(given, self.value) else KEYS[name].read(name, given)

    def says(self, name: str, value: Any) -> bool:
        """Whether a value that was read from a form is the stored one."""
        if checks.same(value, self.value) or checks.same(value, self.stored):
            return True
        try:
            return checks.same(value, KEYS[name].read(name, self.value))
        except BadRequest:
            return False  # what is stored cannot be entered, so another value was


def _image_setting(name: str, value: Any) -> Any:
    if IMAGE_SETTINGS[name] == "prompt_template":
        return checks.text(name, value)
    return checks.flag(name, value)


def _kind(name: str, value: Any) -> str:
    kind = checks.text(name, value)
    if kind == "" and name == "IMAGE_GENERATION_ENGINE":
        return UNNAMED
    return checks.choice(name, kind, ENGINES) if kind else ""


class _Rows:
    """The rows behind the form."""

    def __init__(self, image_settings: ImageSettings) -> None:
        self.image_settings = image_settings
        self.rows = list(ImageEngine.objects.all())

    def get(self, kind: str, purpose: str, *, exact: bool = False) -> ImageEngine | None:
        """The row for this kind and purpose. For edits, a row that draws and edits counts too, unless `exact`."""
        default = self.image_settings.edit_engine if purpose == EDIT else self.image_settings.engine
        if default is not None and kind in ("", default.kind) and (purpose == GENERATE or self._edits(default, exact)):
            return next((row for row in self.rows if row.pk == default.pk), default)
        if not kind:
            return None
        wanted = (Purpose.GENERATE, Purpose.BOTH) if purpose == GENERATE else (Purpose.EDIT,)
        match = next((row for row in self.rows if row.kind == kind and row.purpose in wanted), None)
        if match is None and purpose == EDIT and not exact:
            return next((row for row in self.rows if row.kind == kind and row.purpose == Purpose.BOTH), None)
        return match

    def target(self, key: Key) -> tuple[str, str]:
        """Kind and purpose of the row that a key writes."""
        default = self.image_settings.edit_engine if key.purpose == EDIT else self.image_settings.engine
        return (key.kind or (default.kind if default else ""), key.purpose)

    def use_for_edits(self, row: ImageEngine) -> None:
        """Make this row the default for edits if another one of its kind is: the form writes to the default."""
        used = self.image_settings.edit_engine
        if used is not None and used.pk != row.pk and used.kind == row.kind:
            _save_changes(self.image_settings, {"edit_engine": row})

    def make(self, kind: str, purpose: str) -> ImageEngine:
        """The row for writing, made when there is none."""
        if (row := self.get(kind, purpose, exact=True)) is not None:
            return row
        if not kind:
            raise BadRequest(_("Choose an engine first."), param="IMAGE_GENERATION_ENGINE")
        label = str(ENGINES[kind].label)
        wanted = f"{label} ({_('editing')})" if purpose == EDIT else label
        taken = {row.name for row in self.rows}
        names = (wanted, *(f"{wanted} {number}" for number in range(2, 99)))
        name = next(name for name in names if name not in taken)
        lender = self._lender(kind) if purpose == EDIT else None
        values = {} if lender is None else {column: getattr(lender, column) for column in SHARED_COLUMNS}
        row = ImageEngine(**{"url": ENGINES[kind].default_url, **values}, name=name, kind=kind, purpose=purpose)
        row.position = len(self.rows)
        row.save()
        if lender is not None:
            row.groups.set(lender.groups.all())
        self.rows.append(row)
        return row

    def _lender(self, kind: str) -> ImageEngine | None:
        """The row that drew and edited until now, as it is stored: a new one for edits leads to the same server, for
        the same people.
        """
        lender = self.get(kind, EDIT)
        if lender is None and kind not in OWN_EDIT_KEYS:
            lender = self.get(kind, GENERATE)
        return lender and ImageEngine.objects.get(pk=lender.pk)

    def twins(self, key: Key, row: ImageEngine) -> list[ImageEngine]:
        """The engines for editing that share this column with `row`, if the form has no keys of their own for them."""
        if not key.kind or key.kind in OWN_EDIT_KEYS:
            return []
        editing = (other for other in self.rows if other.kind == key.kind and other.purpose == EDIT)
        return [other for other in editing if getattr(other, key.column) == getattr(row, key.column)]

    @staticmethod
    def _edits(row: ImageEngine, exact: bool) -> bool:
        return row.purpose == Purpose.EDIT or not exact


def columns_of(row: ImageSettings | ImageEngine, names: Collection[str]) -> dict[str, str]:
    """The columns of a row that these keys of the form are about, with the key of each."""
    if isinstance(row, ImageSettings):
        engines = {name: column for name, (column, _purpose) in ENGINES_IN_USE.items()}
        return {column: name for name, column in (IMAGE_SETTINGS | engines).items() if name in names}
    engine_rows = _Rows(ImageSettings.current())
    known = {name: KEYS[ALIASES.get(name, name)] for name in names if ALIASES.get(name, name) in KEYS}
    return {key.column: name for name, key in known.items() if engine_rows.get(key.kind, key.purpose) == row}


def verify(form: Mapping[str, Any], *, by: Caller | None = None) -> dict[str, Any]:
    """Test an engine without saving it: `{engine, url, key, version?, model?, …}` → a sentence and its models.

    A key that is the mask of a saved engine of that kind stands for that key. Raises what went wrong.
    """
    kind = _kind("engine", form.get("engine") or "")
    if not kind:
        raise BadRequest(_("Name the engine: %s.") % ", ".join(ENGINES), param="engine")
    row = ImageEngine(
        kind=kind,
        url=address("url", form.get("url")),
        version=checks.text("version", form.get("version")),
        model=checks.text("model", form.get("model")),
        method=method("method", form.get("method")),
        params=mapping("params", form.get("params")),
        workflow=graph("workflow", form.get("workflow")),
        nodes=nodes("nodes", form.get("nodes")),
        timeout=30,
    )
    key = checks.key("key", form.get("key"))
    if is_mask(key):
        saved = ImageEngine.objects.filter(kind=kind, url__in=[row.url, f"{row.url}/"])
        key = secret_behind(key, saved)
        if not key:
            raise BadRequest(_("This mask belongs to no engine at this address: enter the key."), param="key")
    row.secret = key
    return check(row, by=by)


def check(row: ImageEngine, *, by: Caller | None = None) -> dict[str, Any]:
    """Ask this engine's upstream, in the name of `by`, whether calls will work: a sentence, a `doubt` where something
    needs a look, and the models. Raises what went wrong.
    """
    engine, config = rows.engine_of(row), rows.config_of(row, caller=by)
    can, purposes = engine.capabilities(config), (Purpose.GENERATE, Purpose.EDIT)
    if row.purpose in purposes and not (can.edit if row.purpose == Purpose.EDIT else can.generate):
        message = _("This engine is used to: %(purpose)s. Its model or workflow cannot do that; choose another one.")
        raise ConfigurationError(message % {"purpose": row.get_purpose_display()}, code="not_supported", param="model")
    finding = engine.check(config)
    models = [{"id": choice.id, "name": choice.name or choice.id} for choice in engine.models(config)]
    doubt = {"doubt": str(finding.doubt)} if finding.doubt else {}
    return {"ok": True, "detail": str(finding.words), **doubt, "models": models}
