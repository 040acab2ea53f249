"""The page of a new chat: suggestions to start with, and for administrators the set-up steps that are left.

What can be switched on in the composer has a starter of its own, and so have one's latest chat and a preset; the
others change from day to day. Each app adds to both lists through settings: `STARTERS` names functions that take a
`Visit` and return `Starter`s, `CHECKLIST` functions that take the caller and return one `Step`. They run for every such
page, so they must be cheap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from chat.models import Chat
from chat.pipeline import Starter, Toggle
from providers import catalogue
from providers.callers import Caller
from providers.facts import Route

SHOWN = 4  # starters on the page
MORNING, NOON, EVENING = 5, 12, 18  # hours


@dataclass(frozen=True, slots=True)
class Step:
    """A set-up step for administrators, and the address where it is done."""

    label: str
    help: str
    url: str
    done: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit of the page: the person, their latest chat, the features and models that they may use, and the model that
    is chosen.
    """

    caller: Caller
    latest: Chat | None
    toggles: Sequence[tuple[str, Toggle]]
    routes: Sequence[Route]
    model: Route | None


@lru_cache
def _functions(paths: tuple[str, ...]) -> list[Callable[[Any], Any]]:
    return [import_string(path) for path in paths]


def context(
    caller: Caller,
    user: Any,
    toggles: Sequence[tuple[str, Toggle]],
    routes: Sequence[Route],
    model: Route | None,
) -> dict[str, Any]:
    """The template context for this person, with the toggles and routes that they may use, and the chosen one."""
    visit = Visit(caller, latest_chat(user.pk), toggles, routes, model)
    hello, question = greeting(visit.latest, user.get_short_name())
    if model is not None and model.base_id is not None:
        question = _("You are asking %(name)s.") % {"name": _name_of(model)}
    checklist = [] if user.preferences.get("checklist") is False else steps(caller)
    done = sum(step.done for step in checklist)
    return {"hello": hello, "question": question, "starters": starters(visit), "steps": checklist, "done": done}


def starters(visit: Visit) -> list[Starter]:
    """The first few of all suggestions."""
    return [starter for function in _functions(tuple(settings.STARTERS)) for starter in function(visit)][:SHOWN]


def greeting(latest: Chat | None, name: str) -> tuple[str, str]:
    """The greeting, in two lines, by the time in the person's own zone; `latest` is their latest chat."""
    if latest is None:
        return _("Hello, %(name)s") % {"name": name}, _("What is on your mind today?")
    now = timezone.localtime()
    again = timezone.localtime(latest.updated).date() == now.date()
    return _of_the_day(now.hour) % {"name": name}, _("What comes next?") if again else _("What is on your mind today?")


def _of_the_day(hour: int) -> str:
    if MORNING <= hour < NOON:
        return _("Good morning, %(name)s")
    return _("Good afternoon, %(name)s") if NOON <= hour < EVENING else _("Good evening, %(name)s")


def latest_chat(user_id: int) -> Chat | None:
    """One query."""
    return Chat.objects.filter(user_id=user_id, deleted_at=None, archived_at=None).order_by("-updated").first()


def recent_work(visit: Visit) -> list[Starter]:
    """A starter that leads back to the latest chat."""
    chat = visit.latest
    if chat is None:
        return []
    moment = timezone.localtime(chat.updated)
    shown = date_format(moment, "H:i" if moment.date() == timezone.localdate() else "DATE_FORMAT")
    hint = " · ".join([*filter(None, [chat.title]), shown])
    return [Starter("undo-2", _("Go on where you stopped"), hint, url=reverse("chat", args=[chat.pk]))]


def assistant_starters(visit: Visit) -> list[Starter]:
    """A starter that chooses a preset: one of the person's own where there are any, each day another."""
    presets = [route for route in visit.routes if route.base_id is not None and route != visit.model]
    listed = [route for route in presets if route.owner_id == visit.caller.user_id] or presets
    if not listed:
        return []
    route = listed[timezone.localdate().toordinal() % len(listed)]
    hint = route.description or _("a model with its own instructions")
    url = f"{reverse('home')}?{urlencode({'model': route.public_id})}"
    return [Starter("message-square", _("Ask %(name)s") % {"name": _name_of(route)}, hint, url=url)]


def _name_of(route: Route) -> str:
    return route.name or route.public_id


def feature_starters(visit: Visit) -> list[Starter]:
    """The starters of the composer's chips."""
    return [toggle.starter for _name, toggle in visit.toggles if toggle.starter is not None]


def document_starters(visit: Visit) -> list[Starter]:
    return [Starter("paperclip", _("Ask about a document"), _("a PDF, a table or notes of yours"))]


def steps(caller: Caller) -> list[Step]:
    """Every set-up step in order, for administrators alone; none once all are done."""
    if not caller.is_admin:
        return []
    checklist = [function(caller) for function in _functions(tuple(settings.CHECKLIST))]
    return [] if all(step.done for step in checklist) else checklist


def text_starters(visit: Visit) -> list[Starter]:
    """All text starters, in an order that begins with another one each day."""
    listed = _texts()
    first = timezone.localdate().toordinal() % len(listed)
    return [*listed[first:], *listed[:first]]


def _texts() -> list[Starter]:
    return [
        Starter(
            "lightbulb",
            _("Explain something"),
            _("why the sky is blue, to a child"),
            _(
                "Explain to a curious ten-year-old why the sky is blue and sunsets are red. Use one comparison from"
                " everyday life."
            ),
        ),
        Starter(
            "square-pen",
            _("Write with me"),
            _("a friendly reply that says no"),
            _(
                "Write a friendly, short reply to a colleague that declines a meeting tomorrow and proposes two other"
                " times. Give me two versions: one warm, one brief."
            ),
        ),
        Starter(
            "code",
            _("Show me code"),
            _("find duplicate files with Python"),
            _(
                "Write a small Python script that finds duplicate files in a folder by their content. Explain in three"
                " sentences how it works."
            ),
        ),
        Starter(
            "sparkles",
            _("Compare in a table"),
            _("three ways to brew coffee"),
            _("Compare three ways to brew coffee in a table: taste, effort, equipment and cost. Then recommend one."),
        ),
        Starter(
            "shuffle",
            _("Find ideas"),
            _("ten names for a small bakery"),
            _(
                "Find ten names for a small bakery in the old town: short, warm, easy to say. Mark your three"
                " favourites."
            ),
        ),
        Starter(
            "languages",
            _("Practise a language"),
            _("ordering in a French café"),
            _(
                "Let us practise French: you are the waiter in a café and I order. Begin, keep it simple, and correct"
                " my mistakes after each of my answers."
            ),
        ),
    ]


def provider_connected(caller: Caller) -> Step:
    connections = catalogue.snapshot_blocking().connections.values()
    return Step(
        label=_("Connect a provider"),
        help=_("OpenAI, Azure, OpenRouter, Ollama or anything that speaks their protocol"),
        url=reverse("admin:providers_connection_add"),
        done=any(not connection.demo for connection in connections),
    )


def people_invited(caller: Caller) -> Step:
    user = get_user_model()
    return Step(
        label=_("Invite people"),
        help=_("everyone gets their own chats; you decide who may use which model"),
        url=reverse(f"admin:{user._meta.app_label}_{user._meta.model_name}_add"),
        done=user._default_manager.exclude(pk=caller.user_id).filter(service_group=None).exists(),
    )
