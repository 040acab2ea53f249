"""The model list in Anthropic's form, in pages, for clients that send its version.

Source: docs/upstreams/anthropic.md, “Model list”
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from providers.errors import BadRequest
from providers.facts import Route
from providers.sentences import sentence as _

USUAL, MOST = 20, 1000  # models of a page
SHARED = ("max_input_tokens", "max_tokens", "capabilities")  # members of the provider's object that are passed on


def model_of(route: Route) -> dict[str, Any]:
    """The object of one model."""
    raw = route.sources[0].raw
    model = {"type": "model", "id": route.public_id, "display_name": route.name, "created_at": _created(raw)}
    is_its_own = raw.get("type") == "model"
    return {**model, **{name: raw[name] for name in SHARED if is_its_own and name in raw}}


def page_of(routes: Sequence[Route], query: Mapping[str, str]) -> dict[str, Any]:
    """The page that `limit`, `after_id` and `before_id` ask for. Raises BadRequest."""
    limit = _limit(query.get("limit", ""))
    after, before = query.get("after_id", ""), query.get("before_id", "")
    if after and before:
        raise BadRequest(_("Give “after_id” or “before_id”, not both."), param="before_id")
    start, end = 0, len(routes)
    if before:
        end = _position(routes, before, "before_id")
        start = max(0, end - limit)
    elif after:
        start = _position(routes, after, "after_id") + 1
    page = [model_of(route) for route in routes[start:end][:limit]]
    return {
        "data": page,
        "has_more": start > 0 if before else start + limit < end,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _limit(given: str) -> int:
    if not given:
        return USUAL
    limit = int(given) if given.isascii() and given.isdecimal() and len(given) <= len(str(MOST)) else 0
    if not 1 <= limit <= MOST:
        raise BadRequest(_("“limit” must be a number from 1 to %(most)d.") % {"most": MOST}, param="limit")
    return limit


def _position(routes: Sequence[Route], public_id: str, name: str) -> int:
    for index, route in enumerate(routes):
        if route.public_id == public_id:
            return index
    raise BadRequest(_("“%(name)s” names no model of this list: begin anew without it.") % {"name": name}, param=name)


def _created(raw: Mapping[str, Any]) -> str:
    """RFC 3339; the epoch where it is not known, as Anthropic writes it."""
    given = raw.get("created_at")
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            pass
        else:
            return _written(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    seconds = raw.get("created")
    try:
        return _written(datetime.fromtimestamp(seconds if isinstance(seconds, int) else 0, UTC))
    except (OverflowError, OSError, ValueError):
        return _written(datetime.fromtimestamp(0, UTC))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
