"""The model lists of the views."""

from typing import Any

import pytest

from providers.models import ChatModel, Connection, GatewaySettings, ModelSource
from tests import people
from tests.queries import assert_queries_do_not_grow

pytestmark = pytest.mark.django_db(transaction=True)  # a key's last use is written by another thread

LISTS = ["/v1/models", "/openai/models", "/api/models"]


@pytest.fixture
def get(client, connection, api_key):
    def fetch(path: str, *, key: str = api_key, **headers: str) -> Any:
        return client.get(path, headers={"Authorization": f"Bearer {key}", **headers} if key else headers)

    return fetch


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [model["id"] for model in answer.json()["data"]]


@pytest.mark.parametrize("path", LISTS)
def test_r30_a_model_is_the_providers_object_and_what_we_know(get, connection, path):
    Connection.objects.update(tags=["fast", {"name": "ours"}], connection_type="local")
    answer = get(path).json()
    assert answer["object"] == "list"
    raw = {"id": "m1", "object": "model", "created": 1795000000, "owned_by": "scripted"}
    assert answer["data"] == [
        {
            "id": "m1",
            "name": "m1",
            "object": "model",
            "created": 1795000000,
            "owned_by": "openai",
            "openai": raw,
            "connection_type": "local",
            "urlIdx": 0,
            "tags": [{"name": "fast"}, {"name": "ours"}],
            "connections": [{"name": "Scripted", "urlIdx": 0, "id": "m1"}],
        }
    ]


def test_a_providers_other_members_stand_beside_ours(get):
    ModelSource.objects.update(raw={"id": "m1", "context_length": 4096, "name": None, "created": "soon"})
    [model] = get("/v1/models").json()["data"]
    assert (model["context_length"], model["name"], model["created"]) == (4096, "m1", 0)


def test_r29_a_model_of_several_connections_is_listed_once_and_says_so(get):
    people.make_connection("http://127.0.0.1:1/v1", "m1", name="Second", position=1)
    [model] = get("/v1/models").json()["data"]
    assert [one["name"] for one in model["connections"]] == ["Scripted", "Second"]


def test_r7_the_prefix_is_in_the_id_and_nowhere_else(get):
    people.make_connection("http://127.0.0.1:1/v1", "gpt", name="Work", prefix_id="work", position=1)
    assert ids(get("/v1/models")) == ["m1", "work.gpt"]
    model = get("/v1/models/work.gpt").json()
    assert (model["connections"][0]["id"], model["openai"]["id"]) == ("gpt", "gpt")


def test_a_preset_names_its_base_and_hides_its_prompt(get):
    base = ChatModel.objects.get()
    ChatModel.objects.create(
        public_id="kind", name="Kind", base=base, system_prompt="secret words", description="Nice."
    )
    model = get("/v1/models/kind").json()
    assert (model["preset"], model["base_model_id"], model["name"]) == (True, "m1", "Kind")
    assert model["description"] == "Nice."
    assert "secret words" not in get("/v1/models").text


@pytest.mark.parametrize("path", LISTS)
def test_forbidden_and_disabled_models_are_not_listed(get, admin, path):
    ChatModel.objects.update(access="private")
    assert ids(get(path)) == []
    assert ids(get(path, key=people.make_key(admin))) == ["m1"]
    ChatModel.objects.update(enabled=False)
    assert ids(get(path, key=people.make_key(admin))) == []


def test_unknown_and_forbidden_models_answer_alike(get):
    unknown = get("/v1/models/m9")
    ChatModel.objects.update(access="private")
    forbidden = get("/v1/models/m1")
    assert (unknown.status_code, forbidden.status_code) == (404, 404)
    assert unknown.json()["error"] | {"message": ""} == forbidden.json()["error"] | {"message": ""}
    assert unknown.json()["error"]["message"].replace("m9", "m1") == forbidden.json()["error"]["message"]


def test_ids_may_hold_slashes(get):
    people.make_connection("http://127.0.0.1:1/v1", "vendor/model:free", name="Router", position=1)
    assert get("/v1/models/vendor/model:free").json()["id"] == "vendor/model:free"
    assert get("/v1/models/vendor%2Fmodel:free").json()["id"] == "vendor/model:free"


def test_nothing_is_listed_while_connections_are_switched_off(get):
    GatewaySettings.objects.update_or_create(pk=1, defaults={"enable_openai_api": False})
    assert ids(get("/v1/models")) == []
    assert get("/v1/models/m1").status_code == 503


@pytest.mark.parametrize("path", ["/v1/models", "/openai/models", "/v1/models/m1"])
def test_strangers_get_openais_error(get, path):
    for key in ("", "sk-nobody"):
        refused = get(path, key=key)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"]
        assert set(refused.json()["error"]) == {"message", "type", "param", "code"}


def test_strangers_get_our_own_error_elsewhere(get):
    refused = get("/api/models", key="")
    assert (refused.status_code, set(refused.json())) == (401, {"detail", "code"})


def test_a_key_made_for_pictures_lists_no_models(get, alice):
    refused = get("/v1/models", key=people.make_key(alice, scopes=["images"]))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_scope")


def test_a_session_is_enough(client, connection, alice):
    client.force_login(alice)
    assert ids(client.get("/openai/models")) == ["m1"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/openai/responses"])
def test_another_method_is_refused_in_openais_shape(get, path):
    refused = get(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "POST" in refused.headers["Allow"]


def test_a_refreshed_list_has_what_the_provider_offers_now(site, connection, upstream, alice):
    upstream.openai.models = ["m1", "m2"]
    session = site.session(alice)
    assert ids(session.get(f"{site.url}/api/models")) == ["m1"]
    assert ids(session.get(f"{site.url}/api/models?refresh=1")) == ["m1", "m2"]


def test_queries_do_not_grow_with_models(get):
    def more() -> None:
        for number in range(10):
            people.make_connection(f"http://127.0.0.1:1/{number}", f"x{number}", name=f"X{ChatModel.objects.count()}")
        get("/v1/models")  # an edit: the caller is looked up again, once

    assert_queries_do_not_grow(lambda: get("/v1/models"), more)
