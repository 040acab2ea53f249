"""The receipt of a call: where it went, what changed it, what it used and cost."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from providers import catalogue
from providers.authentication import caller_of
from providers.errors import NotFound
from providers.facts import Caller, GatewayFacts
from providers.models import UsageRecord
from providers.pricing import money
from providers.relay.usage.own_records import own_records
from providers.relay.usage.writer import flush
from providers.sentences import sentence as _

MOST_CALLS = 100  # of one request: an answer asks a model again after each round of tools
LONGEST_ID = 200
SIDE_CALL = "task"  # the kind of calls beside the answer: a search query, a title
EXPLAIN = "providers_chatmodel_explain"  # the page of the administration that explains calls
COUNTED = ("tokens_in", "tokens_out")  # shown even where they are 0
ALSO_COUNTED = (
    "cached_tokens", "cache_write_tokens", "reasoning_tokens", "audio_tokens_in", "audio_tokens_out",
    "picture_tokens_in", "picture_tokens_out", "images", "seconds", "characters", "audio_bytes",
)  # fmt: skip


class Receipt(APIView):
    @extend_schema(operation_id="receipt", responses=dict)
    def get(self, request: Request, request_id: str) -> Response:
        """What became of a request that called a model: of one's own, or of anybody's for administrators. A key
        with scopes reads those of its own calls.

        `request_id` is the `x-request-id` of the answer: this site's own, or the provider's where that was passed on.
        For answers of a chat it is the id of the message, for pictures that of the job.
        """
        caller = caller_of(request)
        calls = calls_of(caller, request_id)
        receipt = receipt_of(calls, catalogue.snapshot_blocking().gateway)
        if is_for_all(caller):
            receipt["explain"] = request.build_absolute_uri(explained_as(calls[-1]))
        return Response(receipt)


def is_for_all(caller: Caller) -> bool:
    """Whether a caller reads the receipts of everybody."""
    return caller.is_admin and caller.may("admin")


def explain_page(*, operation: str = "", model: str = "", user: Any = None, key: Any = None) -> str:
    """The path of the page that explains a call, with these fields filled in."""
    given = {"operation": operation, "model": model, **({"key": key} if key else {"user": user})}
    return f"{reverse(f'admin:{EXPLAIN}')}?{urlencode({name: value for name, value in given.items() if value})}"


def explained_as(row: UsageRecord) -> str:
    """The path of the page that explains a call like a recorded one. Its body is not known."""
    return explain_page(operation=row.kind, model=row.model, user=row.user_id, key=row.key_id)


def calls_of(caller: Caller, request_id: str) -> list[UsageRecord]:
    """The calls of a request, the oldest first. Raises NotFound for unknown ids and for those of other people."""
    calls = _look_up(caller, request_id)
    if not calls:  # it may have ended just now
        flush()
        calls = _look_up(caller, request_id)
    if not calls:
        raise NotFound(_("There is no receipt for this request."), code="receipt_not_found")
    return [row for row in calls if row.kind != SIDE_CALL] or calls


def _look_up(caller: Caller, request_id: str) -> list[UsageRecord]:
    if not request_id or len(request_id) > LONGEST_ID:
        return []
    rows = UsageRecord.objects.filter(Q(request_id=request_id) | Q(provider_request_id=request_id))
    if not is_for_all(caller):
        rows = rows.filter(own_records(caller))
    return list(rows.select_related("connection").order_by("-when", "-pk")[:MOST_CALLS])[::-1]


def receipt_of(calls: list[UsageRecord], gateway: GatewayFacts) -> dict[str, Any]:
    """One receipt of all calls of a request: sums, and the first byte of the first answer.

    `cost` is None where that of an answer is unknown. A source that failed has a record of its own, without a cost.
    """
    last, answered = calls[-1], [row for row in calls if row.status < 400]
    cost = money.shown(cost_of(calls), gateway)
    used = {name: sum(getattr(row, name) for row in calls) for name in (*COUNTED, *ALSO_COUNTED)}
    return {
        "request_id": last.request_id,
        "provider_request_id": last.provider_request_id or None,
        "when": calls[0].when,
        "kind": last.kind,
        "model": last.model,
        "calls": len(calls),
        "status": last.status,
        "error": {"code": last.error_code, "message": last.error_message} if last.error_code else None,
        "sources": _sources(calls),
        "rewrites": list(dict.fromkeys(name for row in calls for name in row.rewrites)),
        "usage": {name: float(n) if name == "seconds" else n for name, n in used.items() if n or name in COUNTED},
        "cost": None if cost is None else float(cost),
        "currency": gateway.currency,
        "first_byte_ms": (answered or calls)[0].first_byte_ms,
        "duration_ms": sum(row.duration_ms for row in calls),
        "config_version": last.config_version,
    }


def cost_of(calls: list[UsageRecord]) -> Decimal | None:
    """What the calls of a request cost together, in US dollars."""
    costs = [row.cost for row in calls if row.status < 400] or [row.cost for row in calls]
    return None if None in costs else sum((row.cost or Decimal(0) for row in calls), Decimal(0))


def _sources(calls: list[UsageRecord]) -> list[dict[str, Any]]:
    """The sources in the order in which they were tried. Those that were reached have records of their own."""
    reached = {(source["model"], source["connection"]) for source in map(_source, calls)}
    sources = []
    for row in calls:
        sources += [source for source in row.tried if (source["model"], source["connection"]) not in reached]
        sources.append(_source(row))
    return sources


def _source(row: UsageRecord) -> dict[str, Any]:
    """The source that a call ended with, in the form of `UsageRecord.tried`."""
    connection = row.connection.name if row.connection else None
    outcome = row.error_code or ("answered" if row.status < 400 else str(row.status))
    return {"model": row.model, "connection": connection, "outcome": outcome}
