"""Template tags of the pictures page."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chat.models import File
from chat.templatetags.ui import advice_on, frame_texts, module_preloads
from imagegen import access
from imagegen.engines import ENGINES
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from imagegen.pages import choices
from providers import stored_errors
from providers.authentication import caller_of

register = template.Library()
MODULES = (
    *(f"images/{name}" for name in ("form", "gallery", "inputs", "jobs", "lightbox", "mask", "page", "studio")),
    *(f"images/{name}" for name in ("asking", "estimate", "first-look", "picture-view")),
    *(f"images/{name}" for name in ("selection", "stars")),
    *("chat/order/marks", "chat/share", "chat/sidebar"),
    *(f"common/{name}" for name in ("api", "budget", "clipboard", "cookies", "dom", "file-drop", "grow", "ids")),
    *(f"common/{name}" for name in ("pick", "rounds", "shortcuts", "socket", "text", "theme", "toast", "upload")),
)
RATIO_STEPS = 8  # the style sheet has classes for the shapes 3/8 to 24/8


@register.simple_tag
def preload_picture_modules() -> SafeString:
    return module_preloads(MODULES)


@register.simple_tag
def further_pictures(cursor: str, filters: str) -> str:
    """The URL query of the next page of pictures, with the filters kept."""
    return "&".join(filter(None, (filters, urlencode({"cursor": cursor}))))


@register.filter
def shape(row: File) -> int:
    """Width divided by height, in eighths, for the class that reserves the picture's space."""
    return _eighths(row.width or 1, row.height or 1)


@register.filter
def wants_demo_badge(row: File) -> bool:
    """Whether a picture is a demo sample without the demo label painted on it."""
    engine = ENGINES.get(str(row.provenance.get("kind")))
    return bool(row.provenance.get("demo")) and not (engine and engine.labels_pictures)


@register.filter
def does(engine: dict[str, Any]) -> str:
    """The abilities of an engine in the form, in words."""
    if not engine["draws"]:
        return _("edits with a mask") if engine["mask"] else _("edits")
    if not engine["inputs"]:
        return _("draws")
    return _("draws, edits with a mask") if engine["mask"] else _("draws and edits")


@register.filter
def job_shape(job: ImageJob) -> int:
    width, _x, height = str(job.request.get("size") or "").partition("x")
    return _eighths(int(width), int(height)) if width.isdecimal() and height.isdecimal() else RATIO_STEPS


def _eighths(width: int, height: int) -> int:
    return min(24, max(3, round(RATIO_STEPS * width / height)))


@register.filter
def job_words(job: ImageJob) -> str:
    """The progress of a job of `queries.shown_jobs`: `step 12 of 30 · 40 %`."""
    if job.state == ImageJob.State.QUEUED:
        before = getattr(job, "before", None) or 0
        words: str = ngettext("Waiting · %d before this one", "Waiting · %d before this one", before)
        return words % before if before else _("Waiting for its turn …")
    parts = [_("Drawing …")]
    if queue := job.progress.get("queue"):
        parts.append(_("%(n)s before this one") % {"n": queue})
    if total := job.progress.get("total"):
        parts.append(_("step %(step)s of %(total)s") % {"step": job.progress.get("step", 0), "total": total})
    if (percent := job_percent(job)) is not None:
        parts.append(f"{percent} %")
    return " · ".join(parts)


@register.filter
def job_percent(job: ImageJob) -> int | None:
    fraction = job.progress.get("fraction")
    return None if fraction is None else round(100 * fraction)


@register.simple_tag
def engine_address(engine: ImageEngine | None) -> str:
    """The URL where an administrator can correct a picture engine."""
    if engine is None:
        return reverse("admin:imagegen_imageengine_changelist")
    return reverse("admin:imagegen_imageengine_change", args=[engine.pk])


@register.simple_tag
def job_advice(job: ImageJob, user: Any) -> str:
    """Advice for the person on a failed job."""
    error = stored_errors.worded(job.error, for_admin=user.is_superuser) or {}
    if error.get("code") == "content_refused":
        return _("The engine's safety rules refused it. Describe the picture differently.")
    return advice_on(
        error,
        user,
        caller=_("Change the request, then try again."),
        configuration=_("Check the engine in the administration, then try again."),
        network=_("The engine did not answer. Try again in a moment."),
        otherwise=_("Trying again the same way may not help: change the request or choose another engine."),
    )


@register.simple_tag
def picture_texts() -> SafeString:
    """The texts of this page's scripts, and of the sidebar, in its language."""
    texts = {
        **frame_texts(),
        "drawing": _("Drawing …"),
        "modelDecides": _("The model chooses the shape that fits."),
        "noModel": _("No model has this name. Press Enter to use it anyway."),
        "ownSize": _("Own size"),
        "finished": _("Your picture is ready: {prompt}"),
        "failed": _("The picture could not be made: {prompt}"),
        "cancelled": _("Cancelled."),
        "started": _("Drawing has begun."),
        "writing": _("A model writes the prompt …"),
        "describing": _("A model looks at the picture …"),
        "described": _("The prompt describes this picture. Change it, then draw."),
        "look": _("Look at the prompt, and press again to draw it."),
        "varying": _("Drawing a variation."),
        "removed": _("Picture deleted."),
        "removedMany": _("Pictures deleted: {n}"),
        "chosen": _("Chosen: {n}"),
        "chooseSome": _("Click pictures to choose them"),
        "asInput": _("The picture is now an input of your next one."),
        "filled": _("The settings of this picture are in the form."),
        "notPicture": _("{name} is not a picture that can be used here."),
        "tooMany": _("This engine takes {n} input pictures at most."),
        "noEditor": _("No engine here can edit pictures."),
        "hasRecipe": _("The file says how this picture was made."),
        "showRecipe": _("Show the recipe"),
        "removeInput": _("Remove {name}"),
        "draw": _("Draw"),
        "edit": _("Edit"),
        "masked": _("Change the mask"),
        "mask": _("Paint a mask"),
        "describe": _("Describe the picture you have in mind"),
        "describeEdit": _("Describe what should change"),
        **_view_texts(),
    }
    return json_script(texts, "texts")


@register.simple_tag
def takes_masks(request: HttpRequest) -> bool:
    """Whether an engine that edits for this person takes a mask: only then there is a brush."""
    caller = caller_of(request)
    if not access.may_draw(caller, editing=True):
        return False
    engines = access.engines_for(caller, editing=True)
    return any(choice["mask"] for choice in choices.engine_choices(engines, editing=True))


@register.simple_tag
def asks_before_drawing() -> bool:
    """Whether there is a limit above which pages ask first."""
    image_settings = ImageSettings.load()
    return image_settings.ask_above_cost is not None or image_settings.ask_above_pictures is not None


@register.simple_tag
def picture_view_texts() -> SafeString:
    """The texts of the full view, for pages of other apps."""
    return json_script(_view_texts(), "picture-texts")


def _view_texts() -> dict[str, str]:
    return {
        "percent": _("{n} %"),
        "fit": _("Fitted"),
        "automatic": _("Automatic"),
        "on": _("On"),
        "off": _("Off"),
        "choose": _("Choose …"),
        "model": _("Model"),
        "usualModel": _("The engine’s default"),
    }
