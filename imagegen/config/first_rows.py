"""The first rows: from the environment, else a demo engine, so that pictures can be drawn before a key is entered."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from imagegen.config import form as config
from imagegen.engines import DEMO, ENGINES, GUESSED, UNNAMED
from imagegen.engines.base import Engine
from imagegen.models import ImageEngine, ImageSettings
from providers.errors import BadRequest

DEMO_NAME = "Demo"
PURPOSES = (("GENERATION", "IMAGES"), ("EDIT", "IMAGES_EDIT"))  # as variables name them, and the prefix of their values


def fill_from_environment() -> None:
    """Fill the rows at the first start, or at every start where the environment takes precedence. Safe to repeat.

    Raises ImproperlyConfigured, naming the variable.
    """
    first = not ImageSettings.objects.filter(pk=1).exists()
    form = _form() if first else _set_form()
    with transaction.atomic():
        if first and settings.WEBUI_DEMO and "IMAGE_GENERATION_ENGINE" not in form:
            add_demo()
        if form and (first or not settings.ENABLE_PERSISTENT_CONFIG):
            try:
                config.update(form)
            except BadRequest as error:
                named = str(error.param) in error.message
                raise ImproperlyConfigured(error.message if named else f"{error.param}: {error.message}") from error
        ImageSettings.load()
        if not settings.WEBUI_DEMO:
            remove_demo()


def add_demo() -> None:
    """The demo engine, which is the default until another one is."""
    row, _new = ImageEngine.objects.get_or_create(
        name=DEMO_NAME, defaults={"kind": DEMO, "demo": True, "position": 1000, "size": "768x768"}
    )
    image_settings = ImageSettings.load()
    image_settings.enabled = image_settings.edit_enabled = True
    image_settings.engine = image_settings.engine or row
    image_settings.edit_engine = image_settings.edit_engine or row
    image_settings.save()


def remove_demo() -> None:
    """Remove the demo engine; pictures are switched off when no other engine is left."""
    if ImageEngine.objects.filter(demo=True).delete()[0] and not ImageEngine.objects.exists():
        image_settings = ImageSettings.load()
        image_settings.enabled = image_settings.edit_enabled = False
        image_settings.save()


def _form() -> dict[str, Any]:
    """The flat form as the environment gives it; empty when nothing is set.

    Addresses and keys that are not set fall back on others: see docs/upstreams/compatibility.md, “Image settings”.
    """
    form: dict[str, Any] = dict(settings.IMAGE_CONFIG)
    if not form:
        return {}
    for purpose, prefix in PURPOSES:
        if f"IMAGE_{purpose}_ENGINE" not in form and _means(GUESSED, form, purpose, prefix):
            form[f"IMAGE_{purpose}_ENGINE"] = GUESSED.name
    for purpose, prefix in PURPOSES:
        engine = ENGINES.get(form.get(f"IMAGE_{purpose}_ENGINE", ""))
        if engine is not None and engine.variables:
            url_name, key_name = (f"{prefix}_{name}" for name in _names(engine))
            form.setdefault(url_name, _url_of(engine))
            form.setdefault(key_name, _key_of(engine, form[url_name]))
    if "IMAGE_GENERATION_ENGINE" in form:
        form["IMAGE_GENERATION_ENGINE"] = form["IMAGE_GENERATION_ENGINE"] or UNNAMED
    return form


def _set_form() -> dict[str, Any]:
    """The keys of the form that environment variables set, without defaults and guesses.

    A later start writes no others, so that it undoes no edit of them.
    """
    chosen = {name: value for name, value in settings.IMAGE_CONFIG.items() if value not in ("", None)}
    fallbacks = _form()
    for name in (name for engine in ENGINES.values() if engine.variables for name in _names(engine)):
        is_set = getattr(settings, name) or (name.endswith("_KEY") and getattr(settings, f"{name}S", ()))
        for purpose, prefix in PURPOSES:
            value = fallbacks.get(f"{prefix}_{name}")
            if f"IMAGE_{purpose}_ENGINE" in chosen and value and is_set:
                chosen.setdefault(f"{prefix}_{name}", value)
    return chosen


def variables_of(row: ImageSettings | ImageEngine) -> dict[str, str]:
    """The columns of a row that the environment writes at every start, with the variable of each."""
    if settings.ENABLE_PERSISTENT_CONFIG or row.pk is None:
        return {}
    return config.columns_of(row, _set_form())


def _means(engine: Engine, form: dict[str, Any], purpose: str, prefix: str) -> bool:
    """Whether variables that name no engine mean this one: one of its values is set, or there is a key for it."""
    own = f"{prefix}_{engine.variables}_"
    if f"IMAGE_{purpose}_MODEL" in form or any(name.startswith(own) for name in form):
        return True
    return form.get(f"ENABLE_IMAGE_{purpose}") is True and bool(_key_of(engine, _url_of(engine)))


def _names(engine: Engine) -> tuple[str, str]:
    """The variables of its address and its key."""
    return f"{engine.variables}_API_BASE_URL", f"{engine.variables}_API_KEY"


def _url_of(engine: Engine) -> str:
    return getattr(settings, _names(engine)[0]) or engine.default_url


def _key_of(engine: Engine, url: str) -> str:
    """The key of the connection at this address; some engines' variables list several."""
    url_name, key_name = _names(engine)
    default: str = getattr(settings, key_name)
    urls = getattr(settings, f"{url_name}S", None) or [getattr(settings, url_name)]
    keys = getattr(settings, f"{key_name}S", None) or [default]
    pairs: dict[str, str] = {base.rstrip("/"): key for base, key in zip(urls, keys, strict=False)}
    return pairs.get(url.rstrip("/"), default)
