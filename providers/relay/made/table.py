"""The table of operations on a response that its provider keeps.

They go through the views, and to the connection that made the response. To add one: write its row, put it into
`OPERATIONS_ON_MADE`, and add its case to `tests/providers/relay/made/test_made.py`.

Source: docs/upstreams/openai.md, “Responses API”
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from drf_spectacular.utils import OpenApiParameter

from providers.errors import BadRequest
from providers.relay import usage
from providers.relay.operations import RESPONSES, Operation
from providers.relay.prepared import Prepared
from providers.relay.serializers import STREAMED
from providers.sentences import sentence as _

LONGEST_QUERY = 2000  # characters
MOST_PARAMETERS = 50
NOT_PASSED = frozenset({"api-version"})  # what Azure's clients send with every address; the connection has its own


def _count(tail: usage.Tail) -> Mapping[str, Any]:
    """Nothing: the call that made the response counts what it used."""
    return {"cost": Decimal(0)}


def _count_once(tail: usage.Tail) -> Mapping[str, Any]:
    """What the response used, once it is known."""
    counted = usage.count_tokens(tail)
    return counted if counted["tokens_out"] else _count(tail)


@dataclass(frozen=True, slots=True)
class OnMade:
    """One operation on a response, at `responses/{id}` and what follows."""

    operation: Operation
    behind: str = ""  # the end of the path, behind the id
    counting: Operation | None = None  # in its place where nobody has counted yet what the response used
    forgets: bool = False  # where it succeeds, the response is there no longer
    parameters: tuple[OpenApiParameter, ...] = ()  # of the query, for the description; others are passed on too


def _operation(name: str, method: str, summary: str, **more: Any) -> Operation:
    options = {"deployed": False, "media_type": "", "writes": False, "count": _count, **more}
    return Operation(name=name, path=RESPONSES.path, summary=summary, method=method, **options)


_READ = _operation("responses_get", "GET", "Read a response, or go on with its stream.", answers=STREAMED)
READ = OnMade(
    _READ,
    counting=replace(_READ, count=_count_once),
    parameters=(
        OpenApiParameter("stream", bool),
        OpenApiParameter("starting_after", int),
        OpenApiParameter("include[]", str, many=True),
    ),
)
DELETE = OnMade(_operation("responses_delete", "DELETE", "Delete a response."), forgets=True)
CANCEL = OnMade(_operation("responses_cancel", "POST", "Cancel a response in the background."), behind="/cancel")
ITEMS = OnMade(
    _operation("responses_items", "GET", "List what a response was made from."),
    behind="/input_items",
    parameters=(
        OpenApiParameter("after", str),
        OpenApiParameter("limit", int),
        OpenApiParameter("order", str, enum=["asc", "desc"]),
        OpenApiParameter("include[]", str, many=True),
    ),
)
OPERATIONS_ON_MADE: dict[str, OnMade] = {row.operation.name: row for row in (READ, DELETE, CANCEL, ITEMS)}


def query_of(text: str) -> list[tuple[str, str]]:
    """The query parameters that are passed on. Raises BadRequest for more than a provider would take."""
    try:
        if len(text) > LONGEST_QUERY:
            raise ValueError(len(text))
        given = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError as error:
        raise BadRequest(_("The query of the address is too long for this site.")) from error
    return [(name, value) for name, value in given if name not in NOT_PASSED]


def at_response(prepared: Prepared, row: OnMade, response_id: str, query: list[tuple[str, str]]) -> Prepared:
    """The call to an address below that of all responses, whose own parameters stay."""
    address, _mark, own = prepared.url.partition("?")
    url = f"{address}/{quote(response_id, safe='')}{row.behind}"
    parameters = "&".join(part for part in (own, urlencode(query)) if part)
    return prepared._replace(url=f"{url}?{parameters}" if parameters else url)
