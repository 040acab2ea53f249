"""The default model: which one a new chat gets, and whether people may use the one that an administrator chose."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from providers.facts import Caller, Route, Snapshot
from providers.upstream import model_lists

# Words in ids of models that are for something else than an ordinary chat, although servers list them among the others.
SPECIAL = re.compile(
    r"(?<![a-z])(?:embed\w*|bge|e5|gte|minilm|rerank\w*|tts|stt|asr|whisper|speech|voice|audio|realtime|transcri\w+|music"
    r"|lyria|dall-?e|images?|imagen|imagine|flux|sdxl|sd3\S*|diffusion|video|veo|sora|ocr|moderation|guard\w*|safety"
    r"|shield\w*|classif\w+|reward|search|deep-research|computer-use|robotics|base|babbage|davinci|code-?completion)"
    r"(?![a-z])",
    re.IGNORECASE,
)


def sensible_order(routes: Iterable[Route]) -> list[Route]:
    """Sort models by how well they serve as a default: real models before the demo's, models for ordinary chats before
    others, those that people made last, then by the position of their connection, then by name.
    """
    return sorted(routes, key=_rank)


def _rank(route: Route) -> tuple[bool, bool, bool, int, list[tuple[int, str]]]:
    first = route.sources[0]
    return (
        route.needs is not None,
        route.is_demo,
        not is_ordinary(route),
        first.connection.position,
        natural(route.public_id),
    )


def is_ordinary(route: Route) -> bool:
    """Whether a model is for chats in words, by what its provider says, else by its name."""
    raw = route.sources[0].raw
    return model_lists.writes_of(raw) is not False and SPECIAL.search(route.sources[0].upstream_id) is None


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts names as people do: capitals are no matter, and 9 comes before 10."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def default_doubt(snapshot: Snapshot) -> str:
    """Why some people may not use the chosen default model, for administrators; empty if all may, or none is chosen."""
    public_id = snapshot.gateway.default_model
    if not public_id:
        return ""
    route = snapshot.routes.get(public_id)
    if route is None or not route.for_chat:
        return _("The model for new chats, “%(model)s”, is not offered any more. People get another one.") % {
            "model": public_id
        }
    stranger = Caller(user_id=0, email="", name="", role="user")
    if route.sources_for(stranger):
        return ""
    without = sum(not route.sources_for(caller) for caller in _callers())
    if not without:
        return ""
    return ngettext(
        "%(n)s person may not use the model for new chats, “%(model)s”, and gets another one.",
        "%(n)s people may not use the model for new chats, “%(model)s”, and get another one.",
        without,
    ) % {"n": without, "model": public_id}


def _callers() -> Iterable[Caller]:
    """Everybody but administrators, as far as access asks: by id and groups. Two queries."""
    user_model: Any = get_user_model()
    groups: defaultdict[int, set[int]] = defaultdict(set)
    for user_id, group_id in user_model.groups.through._default_manager.values_list("user_id", "group_id"):
        groups[user_id].add(group_id)
    for pk in user_model._default_manager.filter(is_active=True, is_superuser=False, service_group=None).values_list(
        "pk", flat=True
    ):
        yield Caller(user_id=pk, email="", name="", role="user", group_ids=frozenset(groups[pk]))
