"""Errors of AUTOMATIC1111 and Forge: the code, the server's words, and whether a retry helps."""

from typing import Any

import pytest

from imagegen.engines.automatic1111 import Automatic1111
from imagegen.engines.base import EngineConfig
from providers.errors import NetworkError, ProviderError
from tests.imagegen.drawing import Drawing, draw
from tests.upstream import DROP, Raw, Reply, in_html, in_json, in_text, unused_port
from tests.upstream.automatic1111 import Run as Theirs

ENGINE = Automatic1111()


@pytest.fixture
def a1111(upstream):
    return upstream.automatic1111


@pytest.fixture
def config(upstream):
    return EngineConfig(url=upstream.origin)


def drawn(config: EngineConfig, **wish: Any) -> Drawing:
    return draw(ENGINE, config, **{"size": "64x64", "steps": 4, **wish})


FASTAPI = {
    "detail": [{"loc": ["body", "steps"], "msg": "value is not a valid integer", "type": "t", "input": "a secret"}]
}


@pytest.mark.parametrize(
    ("answer", "code", "words", "retryable"),
    [
        (in_json({"detail": "Not authenticated"}, 401), "invalid_api_key", "Not authenticated", False),
        (in_json({"error": "HTTPException", "detail": "Incorrect username or password", "body": "", "errors": ""}, 401),
         "invalid_api_key", "Incorrect username or password", False),
        (in_json({"detail": "Not Found"}, 404), "api_not_enabled", "Not Found", False),
        (in_json({"error": "HTTPException", "detail": "Not Found", "body": "", "errors": ""}, 404),
         "api_not_enabled", "Not Found", False),
        (in_json(FASTAPI, 422), "refused", "body.steps: value is not a valid integer", False),
        (in_json({"detail": "Script 'x' not found"}, 422), "refused", "Script 'x' not found", False),
        (in_json({"detail": "Init image not found"}, 404), "refused", "Init image not found", False),
        (in_json({"detail": "Sampler not found"}, 404), "refused", "Sampler not found", False),
        (in_json({"error": "HTTPException", "detail": "Invalid encoded image", "body": "", "errors": ""}, 500),
         "provider_error", "Invalid encoded image", False),
        (in_json({"detail": "Request to local resource not allowed"}, 500),
         "provider_error", "Request to local resource not allowed", False),
        (in_json({"error": "KeyError", "detail": "", "body": "", "errors": "'no_option'"}, 500),
         "provider_error", "'no_option'", False),
        (in_json({"error": "OutOfMemoryError", "detail": "", "body": "", "errors": "CUDA out of memory."}, 500),
         "out_of_memory", "CUDA out of memory.", False),
        (in_json({"error": "OutOfMemoryError", "detail": "", "body": "", "message": "CUDA out of memory."}, 500),
         "out_of_memory", "CUDA out of memory.", False),
        (in_json({"error": "NansException", "detail": "", "body": "", "errors": "A tensor with NaNs"}, 500),
         "unusable_picture", "A tensor with NaNs", False),
        (in_json({"error": "TypeError", "detail": "", "body": "", "message": "can't open /opt/sd/models/x.pt"}, 500),
         "provider_error", "can't open …/x.pt", False),
        (in_json({"error": "RuntimeError", "detail": "", "body": "", "errors": ""}, 500),
         "provider_error", "RuntimeError", False),
        (in_text("Internal Server Error", 500), "provider_error", "Internal Server Error", False),
        (in_html(502), "upstream_unavailable", "502 Bad Gateway", True),
        (in_html(503, "Service Unavailable"), "upstream_unavailable", "503 Service Unavailable", True),
        (in_html(504, "Gateway Time-out"), "upstream_timeout", "504 Gateway Time-out", False),
        (in_html(413, "Too Large"), "request_too_large", "413 Too Large", False),
        (in_json({"detail": "slow down"}, 429, {"Retry-After": "7"}), "rate_limit_exceeded", "slow down", True),
    ],
)  # fmt: skip
def test_a_refusal_arrives_as_code_words_and_whether_to_try_again(config, upstream, answer, code, words, retryable):
    upstream.script(answer, path="/txt2img")
    with pytest.raises(ProviderError) as caught:
        drawn(config)
    error = caught.value
    assert (error.code, error.provider, error.retryable) == (code, words, retryable)
    assert error.message
    assert "secret" not in str(error.detail_body())
    assert error.status == answer.status
    assert error.retry_after == (7 if answer.status == 429 else None)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(before=[DROP]),
        Reply(before=[Raw(b"SSH-2.0-OpenSSH\r\n"), DROP]),
        Reply(200, {"Content-Length": "1000"}, steps=[b"{", DROP]),
    ],
)
def test_a_broken_connection_is_told_as_one(config, upstream, reply):
    upstream.always(reply, path="/txt2img", method="POST")
    with pytest.raises(NetworkError) as caught:
        drawn(config)
    assert (caught.value.code, caught.value.retryable) == ("upstream_unreachable", True)


def test_a_call_that_was_dropped_unread_is_sent_once_more(config, upstream, a1111):
    upstream.script(Reply(before=[DROP]), path="/txt2img")
    assert len(drawn(config).pictures) == 1
    assert len(a1111.runs) == 1
    assert len({one.json["force_task_id"] for one in upstream.asked("/txt2img")}) == 2


@pytest.mark.parametrize("web_ui", [True, False])
def test_a_call_that_was_read_is_never_sent_again(config, upstream, a1111, web_ui):
    a1111.web_ui = web_ui

    def read_and_dropped(received):
        a1111.runs.append(Theirs("txt2img", received.json, received.json["force_task_id"], state="running", steps=4))
        return Reply(before=[DROP])

    upstream.always(read_and_dropped, path="/txt2img", method="POST")
    with pytest.raises(NetworkError):
        drawn(config)
    assert len(upstream.asked("/txt2img")) == 1
    assert len(upstream.asked("/interrupt")) == web_ui  # nobody waits for it any more


def test_a_server_that_is_away_can_be_tried_again():
    with pytest.raises(NetworkError) as caught:
        drawn(EngineConfig(url=f"http://127.0.0.1:{unused_port()}"))
    assert caught.value.retryable
    assert caught.value.code == "upstream_unreachable"


def test_real_faults_of_the_server_are_read(config, a1111):
    a1111.fail(("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB"))
    with pytest.raises(ProviderError) as caught:
        drawn(config)
    assert caught.value.code == "out_of_memory"
    assert len(drawn(config).pictures) == 1  # and the server stays usable

    a1111.api = False
    with pytest.raises(ProviderError) as caught:
        drawn(config)
    assert "--api" in caught.value.message


def test_pictures_that_do_not_fit_at_once_are_drawn_one_after_the_other(config, upstream, a1111):
    a1111.fail(("OutOfMemoryError", "CUDA out of memory."))
    events = drawn(config, n=3)
    assert len(events.pictures) == 3
    assert "one after the other" in events.notices[0]
    first, second = (one.json for one in upstream.asked("/txt2img"))
    assert (first["batch_size"], first["n_iter"], second["batch_size"], second["n_iter"]) == (3, 1, 1, 3)


def test_forge_after_its_500_drops_a_kept_connection_which_we_never_keep(config, upstream, a1111):
    a1111.forge = True
    a1111.fail(("RuntimeError", "broken"))
    with pytest.raises(ProviderError):
        drawn(config)
    assert len(drawn(config).pictures) == 1
