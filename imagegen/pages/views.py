"""The pictures page, and parts of it that its scripts fetch as HTML (`X-Part`)."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import pgettext

from chat import access as chat_access
from chat import choice
from chat.models import File
from chat.pages import sidebar
from chat.pages.views import page
from imagegen import access
from imagegen.gallery import filters, services
from imagegen.gallery.filters import PictureFilters
from imagegen.models import ImageSettings
from imagegen.pages import choices, queries, recipes
from providers import catalogue
from providers.authentication import caller_of
from providers.errors import Forbidden, NotFound
from providers.relay import own_usage
from providers.sentences import sentence as _


@page
def images(request: HttpRequest) -> HttpResponseBase:
    return _images_page(request)


@page
def picture(request: HttpRequest, file_id: UUID) -> HttpResponseBase:
    """One picture and how it was made: as a part of the page (`?in=chat`: of a chat), or the page with it open."""
    row = chat_access.own_file_for(request.user, file_id)
    if not row.is_picture:
        raise NotFound(_("This file is not a picture."))
    if "X-Part" in request.headers:
        in_chat = request.GET.get("in") == "chat"
        return render(request, "images/_picture.html", {**_opened(request, row), "in_chat": in_chat})
    return _images_page(request, row)


@page
def gallery_part(request: HttpRequest) -> HttpResponseBase:
    return render(request, "images/_gallery.html", _gallery(request))


@page
def jobs_part(request: HttpRequest) -> HttpResponseBase:
    return render(request, "images/_jobs.html", {"jobs": queries.shown_jobs(request.user)})


@page
def abilities(request: HttpRequest) -> HttpResponseBase:
    """The options of the form for `?engine=` and `?model=`, as JSON."""
    try:
        image_settings = access.check_may_draw(caller_of(request))
    except Forbidden as error:
        return JsonResponse(error.detail_body(), status=error.status)
    engine = access.engine_for(caller_of(request), image_settings, name=request.GET.get("engine", ""))
    choice = choices.engine_choice(
        engine, editing=image_settings.edit_enabled, model=request.GET.get("model", "").strip()[:255]
    )
    return JsonResponse(choice) if choice else HttpResponse(status=404)


def _images_page(request: HttpRequest, opened: File | None = None) -> HttpResponseBase:
    context: dict[str, Any] = {"on_images": True, "words": "", "sidebar_chats": sidebar.sidebar_page(request.user)}
    try:
        image_settings = access.check_may_draw(caller_of(request))
    except Forbidden as error:
        is_admin = request.user.is_superuser
        status = 200 if is_admin else error.status
        return render(request, "images/closed.html", {**context, "reason": error.message}, status=status)
    engines = _engines(request, image_settings)
    samples = queries.samples(request.user, [engine["name"] for engine in engines]) if len(engines) > 1 else {}
    context |= {
        "engines": [{**engine, "sample": samples.get(engine["name"], "")} for engine in engines],
        "all_demo": bool(engines) and all(engine["demo"] for engine in engines),
        "first_engine": _first(engines, image_settings.engine_id),
        "first_editor": _first([engine for engine in engines if engine["inputs"]], image_settings.edit_engine_id),
        "prompt_model": _prompt_model(request) if image_settings.prompt_generation else "",
        "can_edit": any(engine["inputs"] for engine in engines),
        "jobs": [
            job for job in queries.shown_jobs(request.user) if job.state in job.OPEN
        ],  # the script asks for failures
        "budget_warnings": own_usage.warnings_of(caller_of(request)),
        **_gallery(request),
    }
    context |= _choices_of_filters(request, context["filters"])
    if opened is not None:
        context |= _opened(request, opened)
    return render(request, "images/page.html", context)


def _engines(request: HttpRequest, image_settings: ImageSettings) -> list[dict[str, Any]]:
    engines = choices.engine_choices(access.engines_for(caller_of(request)), editing=image_settings.edit_enabled)
    return [engine for engine in engines if engine["draws"] or engine["inputs"]]


def _prompt_model(request: HttpRequest) -> str:
    """The model that writes prompts for this person; empty for none, and for the demo with its prepared replies."""
    caller = caller_of(request)
    model = choice.default_model(caller)
    return "" if not model or catalogue.snapshot_blocking().route_for(caller, model).is_demo else model


def _first(engines: list[dict[str, Any]], wanted: int | None) -> int | None:
    """The wanted engine's id, if it is among these, else the first."""
    ids = [engine["id"] for engine in engines]
    return wanted if wanted in ids else next(iter(ids), None)


def _gallery(request: HttpRequest) -> dict[str, Any]:
    wanted = PictureFilters.understood(request.GET.dict())
    page = queries.gallery(request.user, wanted, cursor=request.GET.get("cursor", ""))
    return {"filters": wanted, "gallery": page}


def _choices_of_filters(request: HttpRequest, wanted: PictureFilters) -> dict[str, Any]:
    """The kinds, and `folded`: name, legend, what is chosen and the choices of each filter in the panel."""
    every = [("", _("All"))]
    models = [*filters.models_of(request.user)]
    if wanted.model and wanted.model not in models:
        models.append(wanted.model)
    shapes = [(name, label) for name, (label, _condition) in filters.SHAPES.items()]
    sizes = [(name, label) for name, (label, _condition) in filters.SIZES.items()]
    folded = [
        ("model", _("Model"), wanted.model, [*every, *((name, name) for name in models)]),
        ("shape", _("Shape"), wanted.shape, [*every, *shapes]),
        ("size", _("Size"), wanted.size, [*every, *sizes]),
        ("sort", pgettext("of pictures", "Order"), wanted.sort, filters.SORTS.items()),
    ]
    return {"kinds": filters.KINDS.items(), "folded": folded if models else folded[1:]}


def _opened(request: HttpRequest, row: File) -> dict[str, Any]:
    recipe = recipes.shown(row, access.engines_for(caller_of(request)))
    return {
        "picture": row,
        "starred": services.is_starred(row),
        "recipe": recipe,
        "facts": (recipe.facts if recipe else []) + queries.facts(row) + queries.spent(row, caller_of(request)),
        "inputs": queries.inputs_of(row),
        "image_request": recipe.request if recipe else queries.request_of(row),
        "may_edit": access.may_draw(caller_of(request), editing=True),
    }
