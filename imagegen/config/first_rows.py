"""The first rows: from the environment, else a demo engine, so that pictures can be drawn before a key is entered."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from imagegen.config import form as config
from imagegen.models import ImageEngine, ImageSettings
from providers.errors import BadRequest

DEMO_NAME = "Demo"


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
        name=DEMO_NAME, defaults={"kind": "placeholder", "demo": True, "position": 1000, "size": "768x768"}
    )
    switches = ImageSettings.load()
    switches.enabled = switches.edit_enabled = True
    switches.engine = switches.engine or row
    switches.edit_engine = switches.edit_engine or row
    switches.save()


def remove_demo() -> None:
    """Remove the demo engine; pictures are switched off when no other engine is left."""
    if ImageEngine.objects.filter(demo=True).delete()[0] and not ImageEngine.objects.exists():
        switches = ImageSettings.load()
        switches.enabled = switches.edit_enabled = False
        switches.save()


def _form() -> dict[str, Any]:
    """The flat form as the environment gives it; empty when nothing is set.

    Addresses and keys that are not set fall back on others: see docs/upstreams/compatibility.md, “Image settings”.
    """
    form: dict[str, Any] = dict(settings.IMAGE_CONFIG)
    if not form:
        return {}
    for purpose, own in (("GENERATION", "IMAGES_OPENAI_"), ("EDIT", "IMAGES_EDIT_OPENAI_")):
        if f"IMAGE_{purpose}_ENGINE" not in form and _means_openai(form, purpose, own):
            form[f"IMAGE_{purpose}_ENGINE"] = "openai"
    for purpose, prefix in (("GENERATION", "IMAGES"), ("EDIT", "IMAGES_EDIT")):
        kind = form.get(f"IMAGE_{purpose}_ENGINE")
        if kind == "openai":
            form.setdefault(f"{prefix}_OPENAI_API_BASE_URL", _openai_url())
            form.setdefault(f"{prefix}_OPENAI_API_KEY", _connection_key(form[f"{prefix}_OPENAI_API_BASE_URL"]))
        elif kind == "gemini":
            form.setdefault(f"{prefix}_GEMINI_API_BASE_URL", settings.GEMINI_API_BASE_URL)
            form.setdefault(f"{prefix}_GEMINI_API_KEY", settings.GEMINI_API_KEY)
    if "IMAGE_GENERATION_ENGINE" in form:
        form["IMAGE_GENERATION_ENGINE"] = form["IMAGE_GENERATION_ENGINE"] or "automatic1111"
    return form


def _set_form() -> dict[str, Any]:
    """What of it variables set: no default and no guess, so that a later start undoes no edit of anything else."""
    chosen = {name: value for name, value in settings.IMAGE_CONFIG.items() if value not in ("", None)}
    fallbacks = _form()
    for name in ("OPENAI_API_BASE_URL", "OPENAI_API_KEY", "GEMINI_API_BASE_URL", "GEMINI_API_KEY"):
        for prefix, engine in (("IMAGES", "IMAGE_GENERATION_ENGINE"), ("IMAGES_EDIT", "IMAGE_EDIT_ENGINE")):
            value = fallbacks.get(f"{prefix}_{name}")
            is_set = getattr(settings, name, "") or (name == "OPENAI_API_KEY" and settings.OPENAI_API_KEYS)
            if engine in chosen and value and is_set:
                chosen.setdefault(f"{prefix}_{name}", value)
    return chosen


def variables_of(row: ImageSettings | ImageEngine) -> dict[str, str]:
    """The columns of a row that the environment writes at every start, with the variable of each."""
    if settings.ENABLE_PERSISTENT_CONFIG or row.pk is None:
        return {}
    return config.columns_of(row, _set_form())


def _means_openai(form: dict[str, Any], purpose: str, own: str) -> bool:
    """Whether an engine that is not named is OpenAI's: when one of its values is given, or a key for it."""
    if f"IMAGE_{purpose}_MODEL" in form or any(name.startswith(own) for name in form):
        return True
    return form.get(f"ENABLE_IMAGE_{purpose}") is True and bool(_connection_key(_openai_url()))


def _openai_url() -> str:
    return settings.OPENAI_API_BASE_URL or "https://api.openai.com/v1"


def _connection_key(url: str) -> str:
    """The key of the OpenAI connection at this address."""
    urls = settings.OPENAI_API_BASE_URLS or [settings.OPENAI_API_BASE_URL]
    keys = settings.OPENAI_API_KEYS or [settings.OPENAI_API_KEY]
    pairs = {base.rstrip("/"): key for base, key in zip(urls, keys, strict=False)}
    return pairs.get(url.rstrip("/"), settings.OPENAI_API_KEY)
