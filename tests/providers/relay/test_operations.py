"""The table of operations: the contract of every row, and that every part of the gateway uses the table."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import orjson
import pytest
import requests
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator
from urllib3 import encode_multipart_formdata

from providers import callers
from providers.errors import BadRequest
from providers.models import UsageRecord
from providers.relay import usage
from providers.relay.lane import ROUTES
from providers.relay.operations import DEPLOYMENTS, OPERATIONS, Operation
from providers.relay.serializers import JSON
from providers.relay.views import RelayView
from providers.upstream import kinds
from tests.providers.facts import connection_to
from tests.providers.relay.test_lane import send
from tests.variants import some
from webui.monitoring.metrics import area_of

# A request that the scripted upstream answers, one for each row.
REQUESTS: dict[str, dict[str, Any]] = {
    "chat": {"model": "m1", "messages": [{"role": "user", "content": "hello"}]},
    "completions": {"model": "m1", "prompt": "hello"},
    "embeddings": {"model": "m1", "input": "hello"},
    "moderations": {"model": "m1", "input": "hello"},
    "rerank": {"model": "m1", "query": "hello", "documents": ["hello", "bye"]},
    "responses": {"model": "m1", "input": "hello"},
    "messages": {"model": "m1", "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]},
    "count_tokens": {"model": "m1", "messages": [{"role": "user", "content": "hello"}]},
    "speech": {"model": "m1", "input": "hello", "voice": "alloy"},
    "transcriptions": {"model": "m1", "language": "en"},
    "translations": {"model": "m1", "prompt": "hello"},
    "ollama_chat": {"model": "m1", "messages": [{"role": "user", "content": "hello"}]},
    "ollama_generate": {"model": "m1", "prompt": "hello"},
    "ollama_embed": {"model": "m1", "input": "hello"},
    "ollama_embeddings": {"model": "m1", "prompt": "hello"},
    "ollama_show": {"model": "m1"},
}
WITHOUT_USAGE = {"moderations", "count_tokens", "ollama_embeddings", "ollama_show"}  # providers report no tokens there
every = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
DEPLOYED = [row for row in OPERATIONS.values() if row.has_deployments]


def kind_for(operation: Operation | None) -> str:
    """The kind of a connection that takes an operation."""
    if operation is not None and operation.path.startswith("messages"):
        return "anthropic"
    return "ollama" if operation is not None and operation.path.startswith("api/") else "openai"


@pytest.fixture
def connection(connection: Any, request: Any) -> Any:
    connection.kind = kind_for(request.node.callspec.params.get("operation"))
    connection.save()
    return connection


def written(operation: Operation, request: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """The bytes of a request and their content type: JSON, or a form with a file."""
    if operation.media_type == JSON:
        return orjson.dumps(request), {"Content-Type": JSON}
    fields = {name: (None, value) for name, value in request.items() if value is not None}
    body, content_type = encode_multipart_formdata({**fields, "file": ("a.mp3", b"sound")}, boundary="limit")
    return body, {"Content-Type": content_type}


def views_path(operation: Operation) -> str:
    return f"{DEPLOYMENTS}/m1/{operation.path}"


# --- what every row promises ------------------------------------------------------------------------------------------


def test_every_operation_has_its_case_here() -> None:
    assert REQUESTS.keys() == OPERATIONS.keys()


@every
def test_it_says_what_it_is(operation: Operation) -> None:
    assert OPERATIONS[operation.name] is operation
    assert len(operation.name) <= UsageRecord._meta.get_field("kind").max_length
    assert not operation.path.startswith("/")
    assert operation.summary.endswith(".")
    assert operation.scope in callers.SCOPES
    assert "model" in operation.request().fields
    with pytest.raises(FrozenInstanceError):
        operation.name = "other"  # type: ignore[misc]


@every
def test_its_check_takes_its_request_and_names_what_is_missing(operation: Operation) -> None:
    operation.check(REQUESTS[operation.name])
    missing = () if operation.default_model else ({},)
    for wrong in (*missing, {"model": 7}, {"model": ""}):
        with pytest.raises(BadRequest) as refused:
            operation.check({**REQUESTS[operation.name], "model": None, **wrong})
        assert refused.value.param == "model"


@every
def test_its_rules_leave_its_own_request_alone(operation: Operation) -> None:
    from providers.relay import payload
    from tests.providers.facts import ALICE, route_to

    route, body = route_to(connection_to()), REQUESTS[operation.name]
    assert payload.rewrite(operation, body, route=route, source=route.sources[0], caller=ALICE) is body


@every
def test_what_it_counts_are_columns_of_usage_records(operation: Operation) -> None:
    counted = operation.count(usage.Tail())
    assert counted
    assert counted.keys() <= {field.name for field in fields(usage.CallUsage)}
    assert set(counted.values()) == {0}


@every
@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_kind_of_connection_has_an_address_for_it(operation: Operation, kind: str) -> None:
    server = connection_to(kind=kind)
    url = kinds.of(server).endpoint(server, operation.path, "m1", operation.deployed)
    beside = kind == "ollama" and kind_for(operation) == "ollama"
    assert url.partition("?")[0] == f"https://models.example{'' if beside else '/v1'}/{operation.path}"


def test_a_row_needs_no_more_than_a_name_a_path_and_a_summary(upstream: Any) -> None:
    """The scripted upstream answers it too, as adding.md says."""
    row = Operation(name="score", path="score", summary="Score.")
    assert list(row.request().fields) == ["model"]
    for model, status in (("m1", 200), ("m9", 404)):
        answer = requests.post(f"{upstream.url}/{row.path}", json={"model": model}, timeout=20)
        assert answer.status_code == status
        assert (usage.read_tokens(answer.content) != (0, 0)) is (status == 200)


# --- who reads the table ----------------------------------------------------------------------------------------------


@every
def test_the_url_conf_serves_it_at_all_its_paths(operation: Operation) -> None:
    known = ("/ollama",) if kind_for(operation) == "ollama" else ("/v1", "/openai", "/openai/v1", "/ollama/v1")
    assert {f"{prefix}/{operation.path}" for prefix in known} == set(operation.paths)
    for path in operation.paths:
        view = resolve(path).func.cls
        assert issubclass(view, RelayView)
        assert view.operation is operation


@pytest.mark.parametrize("operation", DEPLOYED, ids=lambda row: row.name)
def test_azures_path_of_a_deployment_leads_to_it(operation: Operation) -> None:
    assert resolve(views_path(operation)).func.cls.operation is operation


@every
def test_the_lane_takes_it_where_its_requests_are_json(operation: Operation) -> None:
    assert operation.on_lane is (operation.media_type == "application/json")
    taken = {path for path, name in ROUTES.items() if name == operation.name}
    assert taken == (set(operation.paths) if operation.on_lane else set())


@pytest.fixture(scope="module")
def schema() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


@every
def test_the_schema_describes_it(operation: Operation, schema: Any) -> None:
    for prefix in set(operation.prefixes) - {"/openai/v1", "/ollama/v1"}:
        described = schema["paths"][f"{prefix}/{operation.path}"]["post"]
        assert described["description"] == operation.summary
        assert list(described["requestBody"]["content"]) == [operation.media_type]
        answers = {media for status, media in operation.answers if status == 200}
        assert set(described["responses"]["200"]["content"]) == answers
    assert not [path for path in schema["paths"] if path.startswith(("/openai/v1/", "/ollama/v1/", f"{DEPLOYMENTS}/"))]


@every
def test_the_metrics_count_it_by_its_path(operation: Operation) -> None:
    assert {area_of(path) for path in operation.paths} == {operation.path}


# --- the running site -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@every
def test_lane_and_views_answer_it_alike_at_every_path(
    operation: Operation, site: Any, upstream: Any, connection: Any, api_key: str, settings: Any
) -> None:
    settings.SPEECH_CACHE_BYTES = 0
    body, content_type = written(operation, REQUESTS[operation.name])
    headers = {"Authorization": f"Bearer {api_key}", **content_type}
    bases = (site.url, site.views_url)
    answers = [send(f"{base}{path}", body, headers) for path in operation.paths for base in bases]
    if operation.deployed:
        answers.append(send(f"{site.url}{views_path(operation)}", body, headers))
    assert answers[0].status == 200
    assert answers[0].complete
    assert all(answer == answers[0] for answer in answers)

    asked = upstream.asked(f"/{operation.path}", "POST")
    assert len(asked) == len(answers)
    assert {(one.body, one.headers["Content-Type"]) for one in asked} == {(body, content_type["Content-Type"])}
    usage.flush()
    records = UsageRecord.objects.filter(kind=operation.name, status=200, model="m1", connection=connection)
    assert records.count() == len(answers)
    for record in records:
        counted = sum(getattr(record, name) for name in operation.count(usage.Tail()))
        assert (counted > 0) is (operation.name not in WITHOUT_USAGE)


@pytest.mark.django_db(transaction=True)
@every
def test_a_slash_too_many_changes_nothing(operation: Operation, site: Any, connection: Any, api_key: str) -> None:
    body, headers = written(operation, REQUESTS[operation.name])
    addresses = [base + form for form in ("{}/", "/{}", "//{}/") for base in (site.url, site.views_url)]
    for turn, path in enumerate(operation.paths):
        for address in some(addresses, turn):
            answer = site.session(key=api_key).post(address.format(path), data=body, headers=headers)
            assert answer.status_code == 200, (path, answer.text)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_lane", [True, False], ids=["lane", "views"])
@pytest.mark.parametrize("given", [{}, {"model": "other"}, {"model": ""}, {"model": None}])
@pytest.mark.parametrize("operation", [row for row in OPERATIONS.values() if row.deployed], ids=lambda row: row.name)
def test_the_model_in_azures_address_counts(
    operation: Operation, given: Any, is_lane: bool, site: Any, connection: Any, upstream: Any, api_key: str
) -> None:
    base = site.url if is_lane else site.views_url
    others = {name: value for name, value in REQUESTS[operation.name].items() if name != "model"}
    body, headers = written(operation, {**others, **given})
    url = f"{base}{views_path(operation)}?api-version=2024-10-21"
    answer = site.session(key=api_key).post(url, data=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert (upstream.last.json or upstream.last.fields)["model"] == "m1"
