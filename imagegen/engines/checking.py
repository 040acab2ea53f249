"""What the checks of engines have in common: whether a call will work, as far as that can be known without drawing."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise

from providers.sentences import counted as ngettext
from providers.sentences import sentence as _

NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class EngineFinding:
    """What was found at a server that answers. `doubt`: why pictures may fail all the same, and what to do."""

    words: str | Promise
    doubt: str | Promise = ""


def models_sentence(count: int, drawing: int) -> str | Promise:
    """How many models a server lists, and how many of them draw."""
    words = ngettext(
        "%(count)d model, %(drawing)d for pictures.", "%(count)d models, %(drawing)d of them for pictures.", count
    )
    return words % {"count": count, "drawing": drawing}


def of_models(
    wanted: str,
    models: Sequence[str],
    drawing: Collection[str],
    *,
    names: Callable[[str], Sequence[str]] = lambda model: (model,),
) -> EngineFinding:
    """The finding about a server with this list of models, some of which draw.

    `wanted`: the model of calls that name none. `names`: under which ids a list may have it. A model that is not listed
    is a doubt and no error: the lists of proxies leave out models that they serve.
    """
    words = models_sentence(len(models), len(drawing))
    if not models:
        return EngineFinding(
            words, _("The server lists no model. Load one there, and look whether the address is right.")
        )
    if not wanted:
        return EngineFinding(words, _("Enter a model: this engine has no usual one."))
    if set(models).isdisjoint(names(wanted)):
        return EngineFinding(words, not_listed(wanted, sorted(drawing) or sorted(models)))
    if set(drawing).isdisjoint(names(wanted)):
        doubt = _("“%(name)s” is not known to draw. Choose another model, or draw a small picture with “Test”.")
        return EngineFinding(words, doubt % {"name": wanted})
    return EngineFinding(words)


def not_listed(wanted: str, models: Sequence[str]) -> str | Promise:
    words = _("The server does not list the model “%(name)s”. Choose one that it lists: %(names)s.")
    return words % {"name": wanted, "names": some(models)}


def some(names: Sequence[str]) -> str:
    """The first names of a list."""
    return ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
