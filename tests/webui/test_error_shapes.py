"""The shape of errors on every path and status: OpenAI's for its clients, `{detail, code}` elsewhere."""

import json

import pytest
import requests

from providers.models import GatewaySettings, RateLimit
from tests import people
from tests.fixtures.openai_schemas import check

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20
CHAT = {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}
OPENAI = ["/v1/chat/completions", "/openai/chat/completions", "/openai/v1/embeddings", "/api/chat/completions"]
DEPLOYED = "/openai/deployments/m1/chat/completions"
PLAIN = ["/api/v1/chats/", "/api/v1/memories/", "/api/v1/images/jobs"]


@pytest.fixture
def ask(site, connection, api_key):
    """Sends a request with the key, and returns the error's code; its shape has to be the path's."""

    def send(method, path, status, *, session=None, **more):
        headers = {} if session else {"Authorization": f"Bearer {api_key}"}
        headers |= {"Content-Type": "application/json"} | more.pop("headers", {})
        answer = (session or requests).request(method, site.url + path, headers=headers, timeout=PATIENCE, **more)
        assert answer.status_code == status, answer.text[:300]
        assert answer.headers["Content-Type"].startswith("application/json")
        body = answer.json()
        if path.startswith(("/v1", "/openai", "/api/chat/completions")):
            assert set(body) == {"error"}
            assert {"message", "type", "param", "code"} <= set(check("ErrorResponse", body)["error"])
            return body["error"]["code"]
        assert isinstance(body["detail"], str)
        return body["code"]

    return send


@pytest.mark.parametrize("path", [*OPENAI, DEPLOYED, "/v1/images/generations", *PLAIN])
def test_400_for_what_is_no_json(ask, path):
    for body in (b"{", b"[" * 2000, b"NaN"):
        assert ask("POST", path, 400, data=body)


@pytest.mark.parametrize("path", [*OPENAI, DEPLOYED, *PLAIN, "/v1/models", "/api/models"])
def test_400_for_another_sites_name(ask, site, alice, path, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    session = site.session(alice)  # with a cookie: the lane asks for no host
    ask("GET", path, 400, session=session, headers={"Host": "evil.example"})


@pytest.mark.parametrize("path", [*OPENAI, DEPLOYED, "/v1/images/edits", "/v1/models", *PLAIN])
@pytest.mark.parametrize("key", ["", "Bearer sk-nobody", "Bearer x", "Basic eDp5"])
def test_401_for_strangers(ask, path, key):
    method = "GET" if path.endswith("models") else "POST"
    ask(method, path, 401, data=json.dumps(CHAT), headers={"Authorization": key})


@pytest.mark.parametrize("path", [*OPENAI, DEPLOYED, "/v1/images/generations", *PLAIN])
def test_403_for_a_key_that_was_made_for_something_else(ask, alice, path):
    key = people.make_key(alice, scopes=["admin"])
    body = {**CHAT, "prompt": "x", "content": "x", "text": "x"}
    ask("POST", path, 403, data=json.dumps(body), headers={"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize("path", [*OPENAI, DEPLOYED, "/v1/images/generations", *PLAIN])
def test_403_for_a_page_without_its_token(ask, site, alice, path):
    session = site.session(alice)
    del session.headers["X-CSRFToken"]
    ask("POST", path, 403, session=session, data=json.dumps(CHAT))


MISSING = ["/v1/nothing", "/openai/nothing", "/v1/models/none", "/api/nothing", "/api/v1/chats/x"]


@pytest.mark.parametrize("path", MISSING)
def test_404_for_what_is_not_there(ask, path):
    ask("GET", path, 404)


@pytest.mark.parametrize("path", [*OPENAI, DEPLOYED, "/v1/images/generations", "/v1", "/v1/models", "/api/models"])
def test_405_for_another_method(ask, path):
    assert ask("DELETE", path, 405) == "method_not_allowed"


@pytest.mark.parametrize("path", PLAIN)
def test_406_where_only_json_is_spoken(ask, path):
    assert ask("GET", path, 406, headers={"Accept": "text/html"}) == "not_acceptable"


@pytest.mark.parametrize("path", [*OPENAI, DEPLOYED, "/api/v1/chats/", "/api/v1/memories/"])
def test_413_for_what_is_too_large(ask, path, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = json.dumps({**CHAT, "prompt": "x" * 2000, "content": "x" * 2000})
    assert ask("POST", path, 413, data=body) == "request_too_large"
    assert ask("POST", path, 413, data=iter([body.encode()])) == "request_too_large"


def test_a_body_in_chunks_is_read_wherever_it_goes(site, connection, api_key):
    people.set_chat(memory=True)
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
    for path, name in (("/api/v1/chats/", "title"), ("/api/v1/memories/", "text")):
        pieces = iter([b'{"%s": ' % name.encode(), b'"Sky"}'])
        answer = requests.post(site.url + path, data=pieces, headers=headers, timeout=PATIENCE)
        assert (answer.status_code, "Sky" in answer.text) == (201, True)
    parts = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    headers["Content-Type"] = "multipart/form-data; boundary=x"
    answer = requests.post(f"{site.url}/api/v1/files/", data=iter([parts]), headers=headers, timeout=PATIENCE)
    assert (answer.status_code, answer.json()["size"]) == (201, 5)


@pytest.mark.parametrize("path", ["/v1/images/generations", *PLAIN])
def test_415_for_a_type_that_nobody_reads(ask, site, path):
    key = people.make_key(people.make_user("Boss", admin=True))
    headers = {"Content-Type": "text/csv", "Authorization": f"Bearer {key}"}
    assert ask("POST", path, 415, data=b"a,b", headers=headers) == "unsupported_media_type"


@pytest.mark.parametrize("path", [*OPENAI[:2], "/api/chat/completions", DEPLOYED])
def test_429_at_a_limit(ask, path):
    RateLimit.objects.create(requests_minute=0)
    assert ask("POST", path, 429, data=json.dumps(CHAT)) == "rate_limit_exceeded"


@pytest.mark.parametrize("path", ["/v1/models", "/openai/models", "/api/models", "/api/v1/chats/", "/api/v1/memories/"])
def test_500_for_a_fault_of_ours(ask, path, monkeypatch):
    def fail(*args, **options):
        raise RuntimeError("on purpose")

    monkeypatch.setattr("providers.relay.views._caller", fail)
    monkeypatch.setattr("providers.rest.ListPages.respond", fail)
    assert ask("GET", path, 500) == "internal_error"


@pytest.mark.parametrize("path", [*OPENAI[:2], "/api/chat/completions", DEPLOYED])
def test_503_while_connections_are_off(ask, path):
    GatewaySettings.objects.update_or_create(pk=1, defaults={"enable_openai_api": False})
    assert ask("POST", path, 503, data=json.dumps(CHAT)) == "connections_disabled"
