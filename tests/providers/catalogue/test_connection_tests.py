"""*Test connection*: an error for what cannot work, a warning for what may not, each with advice."""

import json

import pytest

from providers import callers, services
from providers.catalogue import connection_tests, health
from providers.errors import CredentialRefused
from providers.models import Connection
from providers.upstream import kinds
from tests.upstream import Pause, Reply, in_html, in_json, openai


def check_of(base_url, by=None, **fields):
    row = Connection(name="Up", base_url=base_url, secret="upstream-key", **fields)
    return services.check_connection(row, by=by)


def state(result):
    return result.note or ("ok" if result.ok else "failed")


def test_what_works_is_green(db, upstream):
    upstream.openai.models = ["m1", "m2"]
    for ids in ([], ["m1"], ["m1", "m2"]):
        result = check_of(upstream.url, model_ids=ids)
        assert (state(result), result.models) == ("ok", 2)


# --- addresses ---


@pytest.mark.parametrize("ids", [[], ["m1"]])
@pytest.mark.parametrize("path", kinds.OPERATION_PATHS)
def test_an_address_of_an_operation_is_red_and_says_which_one_is_meant(db, upstream, path, ids):
    upstream.always(in_json({"object": "list", "data": [{"id": "m1"}]}), path="/models")
    result = check_of(f"{upstream.url}/{path}", model_ids=ids)
    assert state(result) == "failed"
    assert f"/{path}" in result.message
    assert f"Enter {upstream.url}." in result.message


@pytest.mark.parametrize("ids", [[], ["m1"]])
@pytest.mark.parametrize(
    ("path", "meant"), [("", "/v1"), ("/v1/models", "/v1"), ("/proxy", "/proxy/v1"), ("/router", "/router/api/v1")]
)
def test_an_address_without_its_version_says_where_the_list_is(db, upstream, path, meant, ids):
    if meant == "/router/api/v1":
        upstream.always(in_json({}, 404), path="/router/v1/models")
    result = check_of(f"{upstream.origin}{path}", model_ids=ids)
    assert state(result) == ("doubtful" if ids else "failed")  # with ids, calls may work without a list
    assert f"{upstream.origin}{meant}." in result.message


def test_a_page_where_the_list_should_be_leads_to_the_right_address(db, upstream):
    upstream.always(in_html(200), path="/web/models")
    result = check_of(f"{upstream.origin}/web")
    assert (state(result), f"{upstream.origin}/web/v1." in result.message) == ("failed", True)


def test_a_server_without_a_list_is_yellow_where_ids_are_entered(db, upstream):
    upstream.always(in_json({"error": {"message": "Not Found"}}, 404), path="/models")
    assert state(check_of(upstream.url, model_ids=["m1"])) == "doubtful"
    assert state(check_of(upstream.url)) == "failed"


# --- model ids ---


def test_ids_that_the_provider_does_not_list_are_red_and_some_of_them_yellow(db, upstream):
    upstream.openai.models = ["gpt-6", "gpt-6-mini"]
    result = check_of(upstream.url, model_ids=["gtp-6"])
    assert (state(result), "gtp-6" in result.message, "gpt-6-mini" in result.message) == ("failed", True, True)
    result = check_of(upstream.url, model_ids=["gpt-6", "gtp-6"])
    assert (state(result), "gtp-6" in result.message) == ("doubtful", True)


def test_ids_on_a_later_page_of_the_list_count(db, upstream):
    page = {"object": "list", "data": [{"id": "a"}], "has_more": True, "last_id": "a"}
    upstream.script(in_json(page), in_json({"object": "list", "data": [{"id": "b"}]}), path="/models")
    assert state(check_of(upstream.url, model_ids=["b"])) == "ok"


@pytest.mark.parametrize(
    ("kind", "path", "listed", "entered"),
    [("ollama", "", "gemma3:latest", "gemma3"), ("openrouter", "/api/v1", "openai/gpt-6", "openai/gpt-6:online")],
)
def test_names_that_a_provider_takes_without_listing_them_are_green(db, upstream, kind, path, listed, entered):
    upstream.openai.models = [listed]
    upstream.always(in_json({"data": {}}), path="/key")
    assert state(check_of(f"{upstream.origin}{path}", kind=kind, model_ids=[entered])) == "ok"


def test_a_server_without_models_is_yellow(db, upstream):
    upstream.openai.models = []
    result = check_of(upstream.url)
    assert (state(result), result.models, "lists no model" in result.message) == ("doubtful", 0, True)


# --- Azure ---


def azure(upstream, *ids, surface="", **fields):
    return check_of(f"{upstream.origin}{surface}", kind="azure", model_ids=list(ids), **fields)


def test_azure_without_deployments_is_never_green(db, upstream):
    classic, newer = azure(upstream), azure(upstream, surface="/openai/v1")
    assert (state(classic), state(newer)) == ("failed", "doubtful")
    assert "Model ids" in classic.message
    assert "Model ids" in newer.message


@pytest.mark.parametrize("surface", ["", "/openai/v1"])
def test_a_deployment_that_does_not_exist_is_named_and_asking_costs_nothing(db, upstream, surface):
    missing = openai.error(404, "The API deployment for this resource does not exist.", code="DeploymentNotFound")

    def answer(received):
        known = received.params.get("deployment") or json.loads(received.body)["model"]
        return openai.error(400, "[] is too short - 'messages'") if known == "there" else missing

    upstream.always(answer, path="/chat/completions")
    assert state(azure(upstream, "there", surface=surface)) == "ok"
    result = azure(upstream, "there", "gone", surface=surface)
    assert (state(result), ": gone." in result.message) == ("doubtful", True)
    assert state(azure(upstream, "gone", surface=surface)) == "failed"
    assert all(json.loads(chat.body)["messages"] == [] for chat in upstream.chats)


# --- time ---


def test_all_calls_of_a_test_together_have_a_limit(db, upstream, settings, monkeypatch):
    settings.MODEL_LIST_TIMEOUT = 0.4
    monkeypatch.setattr(connection_tests, "TEST_SECONDS", 0.5)
    upstream.always(Reply(before=[Pause(0.2)]), path="/chat/completions")
    azure(upstream, *(f"d{number}" for number in range(connection_tests.DEPLOYMENTS_ASKED)))
    assert 0 < len(upstream.chats) < 5


def test_a_list_without_a_limit_takes_none_of_the_tests_time(db, upstream, settings, monkeypatch):
    settings.MODEL_LIST_TIMEOUT = None
    monkeypatch.setattr(connection_tests, "TEST_SECONDS", 0.2)
    upstream.always(in_json({"object": "list", "data": [{"id": "m1"}]}).with_(before=[Pause(0.3)]), path="/models")
    assert state(check_of(upstream.url)) == "ok"


# --- credentials of people ---


@pytest.mark.parametrize("auth_type", ["session", "system_oauth"])
@pytest.mark.parametrize("ids", [[], ["m1"]])
def test_without_a_person_their_credential_cannot_be_tested(db, upstream, auth_type, ids):
    result = check_of(upstream.url, auth_type=auth_type, model_ids=ids)
    assert (state(result), result.ok) == ("untested", True)
    assert "because" in result.message
    assert not upstream.history


def test_without_single_sign_on_its_token_cannot_be_tested(admin, upstream):
    result = check_of(upstream.url, by=callers.caller_for_user(admin), auth_type="system_oauth")
    assert (state(result), "OPENID_PROVIDER_URL" in result.message) == ("untested", True)


def test_a_credential_that_one_person_lacks_does_not_mark_the_connection(admin, connection):
    Connection.objects.filter(pk=connection.pk).update(auth_type="system_oauth")
    connection.refresh_from_db()
    with pytest.raises(Exception, match="single sign-on"):
        services.refresh_models(connection, by=callers.caller_for_user(admin))
    connection.refresh_from_db()
    assert (connection.failures, connection.last_error, health.is_resting(connection.pk)) == (0, "", False)


def test_a_persons_credential_that_is_refused_does_not_mark_the_connection(admin, upstream, connection):
    Connection.objects.filter(pk=connection.pk).update(auth_type="session", base_url=upstream.url)
    connection.refresh_from_db()
    upstream.always(in_json({"error": {"message": "Expired."}}, 401), path="/models")
    by = callers.caller_for_user(admin)
    result = services.check_connection(connection, by=by)
    assert (state(result), "your sign-in" in result.message) == ("untested", True)
    with pytest.raises(CredentialRefused):
        services.refresh_models(connection, by=by)
    connection.refresh_from_db()
    assert (connection.failures, connection.last_error, health.is_resting(connection.pk)) == (0, "", False)
