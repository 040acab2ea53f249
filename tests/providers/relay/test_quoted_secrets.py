"""A provider that quotes keys and headers in its responses: no secret is shown, stored or logged."""

import base64
import gzip
import json
import logging
import zlib

import pytest
from django.core.management import CommandError, call_command

from providers.models import Connection, ModelSource
from tests.people import make_key
from tests.providers import leaks
from tests.providers.relay.test_every_entrance import every, world  # noqa: F401  a fixture
from tests.upstream import RESET, Reply, frame, gzipped, in_json, in_text

KEY = "sk-provider-0123456789"
GATE = "gate-secret-value-77"
TEAM = "design team"
SECRETS = (KEY, GATE, TEAM, base64.b64encode(KEY.encode()).decode())
QUOTE = f"You sent {KEY} and {GATE} as {TEAM}, {base64.b64encode(KEY.encode()).decode()}."


def packed(encoding, body):
    return Reply(400, {"Content-Type": "application/json", "Content-Encoding": encoding}, body)


# How a refusal may look.
REFUSALS = {
    "OpenAI": lambda: in_json({"error": {"message": QUOTE, "type": QUOTE, "param": QUOTE, "code": QUOTE}}, 401),
    "a text": lambda: in_json({"error": QUOTE}, 400),
    "FastAPI": lambda: in_json({"detail": [{"loc": ["body", KEY], "msg": QUOTE}]}, 422),
    "OpenRouter": lambda: in_json({"error": {"message": "x", "metadata": {"raw": json.dumps({"error": QUOTE})}}}, 503),
    "a page": lambda: Reply(status=502, headers={"Content-Type": "text/html"}, steps=[f"<title>{QUOTE}</title>"]),
    "plain": lambda: in_text(QUOTE, 500),
    "gzip": lambda: gzipped(in_json({"error": {"message": QUOTE}}, 401)),
    "deflate": lambda: packed("deflate", zlib.compress(json.dumps({"error": QUOTE}).encode())),
    "a header": lambda: in_json({"error": {"message": "no"}}, 429, {"x-request-id": KEY, "openai-organization": GATE}),
}


@pytest.fixture(autouse=True)
def everything_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("websockets", "urllib3", "aiohttp", "asyncio", "providers", "chat"):
        caplog.set_level(logging.DEBUG, logger=name)


@pytest.fixture
def connection(connection):
    connection.enter("secret", KEY)
    connection.enter("headers", {"X-Gate": GATE, "X-Team": TEAM})
    connection.save()
    return connection


def nowhere(caplog, *answers):
    for answer in answers:
        assert leaks.told(f"{answer.headers} {answer.text}", SECRETS) == []
    assert leaks.stored(SECRETS) == []
    assert leaks.told(caplog.text, SECRETS) == []


@every
def test_no_entrance_tells_what_a_refusal_quotes(world, entrance, caplog):  # noqa: F811
    world.upstream.always(REFUSALS["OpenAI"]())
    answer = world.post(entrance, make_key(world.alice))
    assert world.upstream.last.key == KEY
    nowhere(caplog, answer)


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("views", [False, True], ids=["lane", "views"])
def test_no_form_of_refusal_tells_it(site, upstream, connection, api_key, caplog, refusal, views):
    upstream.always(refusal(), path="/chat/completions")
    url = f"{site.views_url if views else site.url}/v1/chat/completions"
    body = {"model": "m1", "messages": [{"role": "user", "content": "hello"}]}
    answer = site.session(key=api_key).post(url, json=body)
    assert answer.status_code == refusal().status
    assert "*****" in f"{answer.text} {answer.headers}"
    assert answer.headers.get("Content-Length") in (None, str(len(answer.content)))
    nowhere(caplog, answer)


@pytest.mark.parametrize(
    "reply",
    [packed("br", QUOTE.encode()), packed("zstd", QUOTE.encode()), packed("gzip", QUOTE.encode()),
     packed("gzip", gzip.compress(b"x" * 50_000_000))],
    ids=["br", "zstd", "not what it says", "endless"],
)  # fmt: skip
def test_a_refusal_that_cannot_be_unpacked_goes_on_without_its_words(site, upstream, connection, api_key, reply):
    upstream.always(reply, path="/chat/completions")
    body = {"model": "m1", "messages": [{"role": "user", "content": "hello"}]}
    answer = site.session(key=api_key).post(f"{site.url}/v1/chat/completions", json=body)
    assert answer.status_code == 400
    assert len(answer.content) <= 2**20
    assert leaks.told(answer.text, SECRETS) == []


@pytest.mark.parametrize(
    "steps",
    [
        [frame({"choices": [{"delta": {"content": "a"}}]}), frame({"error": {"message": QUOTE}})],
        [
            frame({"choices": [{"delta": {"content": "a"}}]}),
            "event: error\n",
            f"data: {json.dumps({'message': QUOTE})}\n\n",
        ],
        [frame({"choices": [{"delta": {"content": f"the key is {KEY}"}}]}), "data: [DONE]\n\n"],
        [f'data: {{"choices": [{{"delta": {{"content": "{KEY[:9]}', f'{KEY[9:]}"}}}}]}}\n\n', RESET],
    ],
    ids=["an error frame", "an error event", "the model's words", "cut in two and cut off"],
)
def test_no_stream_tells_it(site, upstream, connection, api_key, alice, caplog, steps):
    upstream.always(Reply(headers={"Content-Type": "text/event-stream"}, steps=steps), path="/chat/completions")
    body = {"model": "m1", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    session = site.session(key=api_key)
    told = b""
    try:
        with session.post(f"{site.url}/v1/chat/completions", json=body, stream=True) as answer:
            for piece in answer.iter_content(None):
                told += piece
    except OSError:
        pass  # the stream that is cut off
    assert leaks.told(told.decode(), SECRETS) == []
    assert b"*****" in told
    nowhere(caplog)


def test_cookies_and_tokens_of_people_are_secrets_too(site, upstream, connection, api_key, caplog):
    Connection.objects.update(auth_type="session", forward_cookies="others")

    def quote(received):
        return in_json({"error": f"You sent {received.key} and {received.headers['Cookie']}"}, 401)

    upstream.always(quote, path="/chat/completions")
    body = {"model": "m1", "messages": [{"role": "user", "content": "hello"}]}
    cookie = {"Cookie": "tracking=cookie-of-the-person"}
    answer = site.session(key=api_key).post(f"{site.url}/v1/chat/completions", json=body, headers=cookie)
    assert upstream.last.key.startswith("st-")
    assert leaks.told(f"{answer.text} {caplog.text}", (upstream.last.key, "cookie-of-the-person")) == []


def test_nothing_is_held_back_from_a_stream_that_goes_on(site, upstream, connection, api_key):
    upstream.answer("one two three")
    answer = site.openai(api_key).chat.completions.create(
        model="m1", messages=[{"role": "user", "content": "hello"}], stream=True
    )
    assert "".join(part.choices[0].delta.content or "" for part in answer if part.choices) == "one two three"


# --- lists and tests --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_no_test_of_a_connection_tells_it(site, upstream, connection, admin, caplog, refusal, capsys):
    upstream.always(refusal(), path="/models")
    session = site.session(key=make_key(admin))
    config = {"headers": {"X-Gate": GATE, "X-Team": TEAM}}
    answers = [
        session.post(f"{site.url}/openai/verify", json={"url": upstream.url, "key": KEY, "config": config}),
        session.get(f"{site.url}/openai/models/0"),
        session.get(f"{site.url}/openai/models", params={"refresh": 1}),
    ]
    assert answers[0].status_code == refusal().status
    with pytest.raises(CommandError):
        call_command("check_connections")
    assert leaks.told(capsys.readouterr().out, SECRETS) == []
    assert Connection.objects.get().last_error
    nowhere(caplog, *answers)


def test_no_model_list_tells_it(site, upstream, connection, admin, caplog):
    upstream.openai.models = [{"id": "m1", "name": QUOTE, "description": QUOTE, "owned_by": GATE}]
    session = site.session(key=make_key(admin))
    answers = [
        session.get(f"{site.url}/openai/models/0"),
        session.get(f"{site.url}/api/models"),
        session.post(
            f"{site.url}/openai/verify", json={"url": upstream.url, "key": KEY, "config": {"headers": {"X-Gate": GATE}}}
        ),
    ]
    assert all(answer.ok for answer in answers)
    assert "*****" in ModelSource.objects.get().raw["name"]
    for answer in answers:
        assert leaks.told(answer.text, (KEY, GATE)) == []
    assert leaks.stored((KEY, GATE)) == []
