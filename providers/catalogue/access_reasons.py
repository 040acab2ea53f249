"""Why a person may use a model or may not, in words. The rule itself is `Route.sources_for`."""

from django.utils.translation import gettext as _

from providers.facts import Caller, Route, is_trusted


def why(route: Route, caller: Caller, groups: dict[int, str]) -> str:
    """Why this person may use the model, or may not. `groups` are the names of groups by id."""
    reason = _by_own_rule(route, caller, groups)
    if route.needs is None or caller.is_admin:
        return reason
    needed = _("and its base is needed too, %(id)s: %(reason)s")
    return f"{reason}; {needed % {'id': route.needs.public_id, 'reason': why(route.needs, caller, groups)}}"


def _by_own_rule(route: Route, caller: Caller, groups: dict[int, str]) -> str:
    if caller.is_admin:
        return _("administrators may use everything")
    if route.needs is None and is_trusted(caller):  # what people make themselves stays theirs
        return _("BYPASS_MODEL_ACCESS_CONTROL opens everything to everyone")
    if route.access == "public":
        return _("the model is open to everyone")
    if caller.user_id == route.owner_id:
        return _("it is their own model")
    if route.access == "groups":
        if caller.user_id in route.user_ids:
            return _("the model lists this person")
        return _of_groups(route.group_ids, caller, groups, _("the model is open to: %(names)s"))
    if route.access == "private":
        return _("the model is private")
    reasons = []
    for connection in dict.fromkeys(source.connection.id for source in route.sources):
        facts = next(source.connection for source in route.sources if source.connection.id == connection)
        if facts.access == "public":
            reason = _("open to everyone")
        elif facts.access == "groups":
            reason = _of_groups(facts.group_ids, caller, groups, _("open to: %(names)s"))
        else:
            reason = _("administrators only")
        reasons.append(f"{facts.name}: {reason}")
    if sum(source.is_shared for source in route.sources) > 1:
        reasons.append(_("the strictest of these rules holds"))
    return "; ".join(reasons)


def _of_groups(group_ids: frozenset[int], caller: Caller, groups: dict[int, str], sentence: str) -> str:
    shared = group_ids & caller.group_ids
    names = sorted(groups.get(pk, "?") for pk in (shared or group_ids))
    if shared:
        return _("they belong to %(names)s") % {"names": ", ".join(names)}
    return sentence % {"names": ", ".join(names) or _("nobody yet")}
