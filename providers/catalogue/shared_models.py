"""Models that several connections offer: administrators are told, because a call may go to any of them."""

from collections import defaultdict

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from providers.catalogue import discovery
from providers.models import ModelSource

SHOWN = 3  # ids in a sentence
# Columns that change which models a connection shares with others, or who may use them.
SHARING_COLUMNS = discovery.LISTED_COLUMNS | discovery.SETTLED_COLUMNS | {"access", "groups", "shared_access"}


def shared_models(connection_id: int) -> dict[str, list[str]]:
    """The models that this connection and others offer: public id → names of the others."""
    own = ModelSource.offered().filter(connection_id=connection_id).values("model")
    others = (
        ModelSource.offered()
        .filter(model__in=own)
        .exclude(connection_id=connection_id)
        .order_by("model__public_id", "connection__position", "connection_id")
        .values_list("model__public_id", "connection__name")
    )
    names: defaultdict[str, list[str]] = defaultdict(list)
    for public_id, name in others:
        names[public_id].append(name)
    return dict(names)


def shared_words(connection_id: int) -> str:
    """A sentence about these models; empty where there are none."""
    shared = shared_models(connection_id)
    if not shared:
        return ""
    shown = ", ".join(list(shared)[:SHOWN]) + (", …" if len(shared) > SHOWN else "")
    sentence = ngettext(
        "%(n)s model is offered by other connections too (%(names)s): %(ids)s.",
        "%(n)s models are offered by other connections too (%(names)s): %(ids)s.",
        len(shared),
    ) % {
        "n": len(shared),
        "names": ", ".join(dict.fromkeys(name for names in shared.values() for name in names)),
        "ids": shown,
    }
    rule = _(
        "The one with the lowest position answers, and the strictest of their access rules holds. A prefix keeps them"
        " apart; under Access you can choose otherwise."
    )
    return f"{sentence} {rule}"
