"""A picture server that quotes keys and headers in its responses: no secret is shown, stored or logged."""

import base64
import logging

import pytest

from imagegen import engine_tests
from imagegen.models import ImageEngine
from tests.people import make_connection, make_key
from tests.providers import leaks
from tests.upstream import in_json, in_text

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "studio:key-0123456789-of-pictures"
GATE = "gate-secret-value-77"
TEAM = "design team"
BASIC = base64.b64encode(KEY.encode()).decode()
SECRETS = (KEY, KEY.partition(":")[2], GATE, TEAM, BASIC)
QUOTE = f"You sent {KEY} and {GATE} as {TEAM}, {BASIC}."
KINDS = {
    "openai": {"url": "{v1}", "model": "gpt-image-2"},
    "gemini": {"url": "{origin}/v1beta", "model": "gemini-3-flash-image"},
    "automatic1111": {"url": "{origin}", "model": ""},
    "comfyui": {"url": "{origin}", "model": "dream.safetensors"},
    "chatreply": {"url": "{v1}", "model": "drawing"},
}
REFUSALS = {
    "an object": lambda: in_json({"error": {"message": QUOTE, "code": QUOTE}}, 401),
    "FastAPI": lambda: in_json({"detail": QUOTE}, 403),
    "a text": lambda: in_text(QUOTE, 500),
    "success with an error": lambda: in_json({"error": {"message": QUOTE}}),
}


@pytest.fixture(autouse=True)
def everything_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("websockets", "urllib3", "aiohttp", "asyncio", "imagegen", "providers"):
        caplog.set_level(logging.DEBUG, logger=name)


@pytest.fixture(params=KINDS)
def engine(request, make_engine, upstream):
    values = {**KINDS[request.param]}
    values["url"] = values["url"].format(v1=upstream.url, origin=upstream.origin)
    return make_engine(kind=request.param, secret=KEY, headers={"X-Gate": GATE, "X-Team": TEAM}, options={}, **values)


def nowhere(caplog, *answers):
    for answer in answers:
        assert leaks.told(f"{answer.headers} {answer.text}", SECRETS) == []
    assert leaks.stored(SECRETS) == []
    assert leaks.told(caplog.text, SECRETS) == []


def test_every_engine_with_an_address_stands_here():
    from imagegen.engines import ENGINES

    assert set(KINDS) == {name for name, one in ENGINES.items() if any(field.name == "url" for field in one.fields)}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_no_engine_tells_what_a_refusal_quotes(site, admin, upstream, engine, caplog, refusal):
    for path in ("/images/generations", "/chat/completions", "/prompt", "/sdapi/v1/txt2img"):
        upstream.always(refusal(), path=path)
    upstream.always(refusal(), path="/v1beta/models/gemini-3-flash-image:generateContent")
    session = site.session(key=make_key(admin))
    answers = [
        session.post(f"{site.url}/api/v1/images/generations", json={"prompt": "a kite"}, timeout=30),
        session.post(f"{site.url}/v1/images/generations", json={"prompt": "a kite"}, timeout=30),
    ]
    assert [answer.ok for answer in answers] == [False, False]
    nowhere(caplog, *answers)


@pytest.mark.parametrize("refusal", list(REFUSALS.values())[:3], ids=list(REFUSALS)[:3])
def test_no_test_of_an_engine_tells_it(site, admin, upstream, engine, caplog, refusal):
    for path in ("/models", "/v1beta/models", "/sdapi/v1/sd-models", "/system_stats"):
        upstream.always(refusal(), path=path)
    session = site.session(key=make_key(admin))
    form = {"engine": engine.kind, "url": engine.url, "key": KEY}
    answers = [session.post(f"{site.url}/api/v1/images/verify", json=form)]
    result = engine_tests.check(engine)
    assert not result.ok
    assert leaks.told(str(result), SECRETS) == []
    assert ImageEngine.objects.get().last_error
    assert leaks.told(answers[0].text, (KEY, BASIC)) == []
    nowhere(caplog)


def test_a_picture_is_drawn_and_no_log_tells_anything(site, admin, upstream, engine, caplog):
    """The library of ComfyUI's socket writes every header at level DEBUG unless it is told not to."""
    answer = site.session(key=make_key(admin)).post(
        f"{site.url}/api/v1/images/generations", json={"prompt": "a kite"}, timeout=30
    )
    assert any(received.headers.get("X-Gate") == GATE for received in upstream.history)
    nowhere(caplog, answer)


def test_a_connections_secrets_are_known_to_its_engines(site, admin, upstream, make_engine, caplog):
    connection = make_connection(upstream.url, secret=KEY, headers={"X-Gate": GATE, "X-Team": TEAM})
    make_engine(kind="openai", connection=connection, secret="", headers={"X-Own": "own-secret-value-88"})
    upstream.always(in_json({"error": {"message": f"{QUOTE} own-secret-value-88"}}, 401), path="/images/generations")
    answer = site.session(key=make_key(admin)).post(
        f"{site.url}/api/v1/images/generations", json={"prompt": "a kite"}, timeout=30
    )
    assert answer.status_code == 401
    assert leaks.told(answer.text, ("own-secret-value-88",)) == []
    nowhere(caplog, answer)


@pytest.mark.parametrize("url", ["http://studio:word-in-address-1@127.0.0.1", "http://127.0.0.1"])
def test_the_password_in_an_address_is_one_too(upstream, make_engine, caplog, url):
    row = make_engine(kind="comfyui", secret="", url=url.replace("127.0.0.1", upstream.origin.removeprefix("http://")))
    upstream.always(in_text("Wrong password word-in-address-1", 401), path="/system_stats")
    told = str(engine_tests.check(row))
    assert ("word-in-address-1" in told) is ("@" not in url)
