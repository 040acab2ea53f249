"""The configuration API for administrators, with both ways of authentication."""

import pytest

from providers import services
from providers.models import Connection
from tests.people import make_key
from tests.upstream import in_html, in_json, unused_port

KEY = "sk-upstream-0123456789"
ROUTES = [
    ("get", "/openai/config"),
    ("post", "/openai/config/update"),
    ("post", "/openai/verify"),
    ("get", "/openai/models/0"),
]


@pytest.fixture
def root(site, admin):
    """An administrator's script: `root("get", "/openai/config")`."""
    session = site.session(key=make_key(admin))

    def call(method, path, body=None):
        return session.request(method, site.url + path, json=body)

    return call


def form(*urls, keys=(), configs=None):
    return {"OPENAI_API_BASE_URLS": list(urls), "OPENAI_API_KEYS": list(keys), "OPENAI_API_CONFIGS": configs or {}}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_only_administrators_come_in(site, alice, admin, method, path):
    assert site.session().request(method, site.url + path, json={}).status_code == 401
    for session in (site.session(alice), site.session(key=make_key(alice))):
        refused = session.request(method, site.url + path, json={})
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "permission_denied"
    limited = services.issue_key(admin, scopes=["inference"])[1]
    refused = site.session(key=limited).request(method, site.url + path, json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_scope")


def test_a_browser_of_an_administrator_may_save_with_its_csrf_token(site, admin):
    session = site.session(admin)
    assert session.post(f"{site.url}/openai/config/update", json=form()).status_code == 200
    del session.headers["X-CSRFToken"]
    assert session.post(f"{site.url}/openai/config/update", json=form()).status_code == 403


def test_what_is_saved_is_listed_at_once(root, upstream):
    saved = root("post", "/openai/config/update", form(upstream.url, keys=[KEY], configs={"0": {"prefix_id": "w"}}))

    assert saved.status_code == 200
    assert saved.json() == root("get", "/openai/config").json()
    assert saved.json()["OPENAI_API_KEYS"] == ["••••6789"]
    assert upstream.last.key == KEY
    assert [model["id"] for model in root("get", "/openai/models").json()["data"]] == ["w.m1"]


def test_a_wrong_form_is_refused_whole_and_names_its_field(root, upstream):
    root("post", "/openai/config/update", form(upstream.url, keys=[KEY]))
    before = root("get", "/openai/config").json()

    refused = root("post", "/openai/config/update", form(upstream.url, "nowhere", keys=["x"]))

    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "OPENAI_API_BASE_URLS.1"
    assert root("get", "/openai/config").json() == before
    assert root("post", "/openai/config/update", [1]).status_code == 400


# --- verify ---


def test_verify_asks_without_saving_and_answers_with_the_providers_list(root, upstream):
    answer = root(
        "post", "/openai/verify", {"url": upstream.url, "key": "k", "config": {"headers": {"X-Team": "blue"}}}
    )

    assert answer.status_code == 200
    assert answer.json()["data"][0]["id"] == "m1"
    assert (upstream.last.path, upstream.last.key, upstream.last.headers["X-Team"]) == ("/v1/models", "k", "blue")
    assert not Connection.objects.exists()


def test_verify_asks_azure_where_azure_lists(root, upstream):
    root("post", "/openai/verify", {"url": upstream.origin, "key": "k", "config": {"azure": True}})
    assert upstream.last.raw_path == "/openai/models?api-version=2023-03-15-preview"
    assert upstream.last.headers["api-key"] == "k"
    config = {"azure": True, "api_version": "2024-10-21"}
    root("post", "/openai/verify", {"url": f"{upstream.origin}/openai", "key": "k", "config": config})
    assert upstream.last.raw_path == "/openai/models?api-version=2024-10-21"
    root("post", "/openai/verify", {"url": f"{upstream.origin}/openai/v1", "key": "k", "config": {"azure": True}})
    assert upstream.last.raw_path == "/openai/v1/models"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_verify_passes_a_refusal_on_as_it_is(root, upstream, status):
    upstream.script(in_json({"error": {"message": "no"}}, status, {"Retry-After": "7"}), path="/models")
    answer = root("post", "/openai/verify", {"url": upstream.url, "key": "k"})
    assert (answer.status_code, answer.json()) == (status, {"error": {"message": "no"}})
    assert answer.headers["Retry-After"] == "7"


def test_verify_never_shows_a_providers_page_as_ours(root, upstream):
    upstream.script(in_html(502), path="/models")
    answer = root("post", "/openai/verify", {"url": upstream.url, "key": "k"})
    assert answer.status_code == 502
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_verify_says_when_nobody_answers_and_when_the_answer_is_no_json(root, upstream):
    silent = root("post", "/openai/verify", {"url": f"http://127.0.0.1:{unused_port()}/v1", "key": "k"})
    assert (silent.status_code, silent.json()["error"]["code"]) == (502, "upstream_unreachable")
    upstream.script(in_html(200), path="/models")
    page = root("post", "/openai/verify", {"url": upstream.url, "key": "k"})
    assert (page.status_code, page.json()["error"]["code"]) == (502, "invalid_answer")


def test_verify_takes_a_mask_for_the_stored_key_of_the_same_address_only(root, upstream, start_upstream):
    root("post", "/openai/config/update", form(upstream.url, keys=[KEY]))

    root("post", "/openai/verify", {"url": upstream.url, "key": "••••6789"})
    assert upstream.last.key == KEY
    other = start_upstream()
    refused = root("post", "/openai/verify", {"url": other.url, "key": "••••6789"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "key")
    assert not other.history


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": 7, "key": ""},
        {"url": "x", "key": ""},
        {"url": "http://a", "key": 1},
        {"url": "http://a", "config": []},
        [1],
    ],
)
def test_verify_refuses_what_it_cannot_read(root, body):
    assert root("post", "/openai/verify", body).status_code == 400


# --- one connection's models ---


def test_an_administrator_sees_one_connections_models_asked_for_now(root, upstream, start_upstream):
    second = start_upstream()
    root("post", "/openai/config/update", form(upstream.url, second.url))
    second.openai.models = ["new", "m1"]

    listed = root("get", "/openai/models/1").json()

    assert listed["object"] == "list"
    assert [(model["id"], model["urlIdx"]) for model in listed["data"]] == [("m1", 1), ("new", 1)]
    assert root("get", "/openai/models/7").status_code == 404


def test_static_ids_are_listed_without_asking(root, upstream):
    root("post", "/openai/config/update", form(upstream.url, configs={"0": {"model_ids": ["a"]}}))
    listed = root("get", "/openai/models/0").json()["data"]
    assert [(model["id"], model["owned_by"], model["openai"]["id"]) for model in listed] == [("a", "openai", "a")]
    assert not upstream.history


def test_a_connection_that_fails_says_why_in_the_providers_words(root, upstream):
    root("post", "/openai/config/update", form(upstream.url))
    upstream.always(in_json({"error": {"message": "Bad key"}}, 401), path="/models")
    failed = root("get", "/openai/models/0")
    assert failed.status_code == 401
    assert "Bad key" in failed.json()["error"]["message"]


def test_a_save_says_which_models_other_connections_offer_too(root, upstream, start_upstream):
    second = start_upstream()
    assert "notices" not in root("post", "/openai/config/update", form(upstream.url)).json()
    saved = root("post", "/openai/config/update", form(upstream.url, second.url)).json()
    assert [notice for notice in saved["notices"] if "m1" in notice]
    prefixed = root("post", "/openai/config/update", form(upstream.url, second.url, configs={"1": {"prefix_id": "b"}}))
    assert "notices" not in prefixed.json()
    assert root("post", "/openai/config/update", form(upstream.url, second.url)).json()["notices"]
