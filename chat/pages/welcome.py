"""The page of a new chat: suggestions to start with, and for administrators the set-up steps that are left.

Each app adds its own through settings: `STARTERS` names functions that return `Starter`s, `CHECKLIST` functions that
return one `Step`. Both take the caller and run for every such page, so they must be cheap.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from providers import catalogue
from providers.callers import Caller

SHOWN = 4  # starters on the page


@dataclass(frozen=True, slots=True)
class Starter:
    """A first message that works as it is; `icon` is a name of the sprite."""

    icon: str
    title: str
    hint: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Step:
    """A set-up step for administrators, and the address where it is done."""

    label: str
    help: str
    url: str
    done: bool


@lru_cache
def _functions(paths: tuple[str, ...]) -> list[Callable[[Caller], Any]]:
    return [import_string(path) for path in paths]


def starters(caller: Caller) -> list[Starter]:
    """The first few of all suggestions."""
    return [starter for function in _functions(tuple(settings.STARTERS)) for starter in function(caller)][:SHOWN]


def steps(caller: Caller) -> list[Step]:
    """Every set-up step in order, for administrators alone; none once all are done."""
    if not caller.is_admin:
        return []
    checklist = [function(caller) for function in _functions(tuple(settings.CHECKLIST))]
    return [] if all(step.done for step in checklist) else checklist


def text_starters(caller: Caller) -> list[Starter]:
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
        done=user._default_manager.exclude(pk=caller.user_id).exists(),
    )
