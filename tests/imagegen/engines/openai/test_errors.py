"""Errors of OpenAI, Azure and compatible image servers: the code, the provider's words, and whether a retry helps."""

import pytest

from imagegen.engines.base import EngineConfig
from imagegen.engines.openai import OpenAI
from providers.errors import ContentRefused, NetworkError, ProviderError
from tests.imagegen.drawing import draw
from tests.upstream import DROP, Reply, in_html, in_json, in_text, no_http, reset
from tests.upstream.openai import error

SAFETY = 'Rejected by the safety system. safety_violations=["violence"]'
FILTERED = {
    "message": "The response was filtered",
    "type": None,
    "param": "prompt",
    "code": "content_filter",
    "status": 400,
    "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}},
}


def openai(status, code, *, type="invalid_request_error", **more):
    return error(status, "Their words.", code=code, type=type, **more)


@pytest.fixture
def config(upstream):
    return EngineConfig(url=upstream.url, secret="sk-secret-key", model="gpt-image-2", options={"partial_images": 0})


def refusal(config, reply, upstream) -> ProviderError:
    upstream.script(reply)
    with pytest.raises(ProviderError) as caught:
        draw(OpenAI(), config)
    assert "sk-secret-key" not in str(caught.value.message_body())
    return caught.value


@pytest.mark.parametrize(
    ("reply", "status", "code", "retryable", "wait"),
    [
        # docs/upstreams/openai.md, “Errors”
        (openai(401, "invalid_api_key"), 401, "invalid_api_key", False, None),
        (openai(401, None), 401, "invalid_api_key", False, None),
        (openai(403, None), 403, "permission_denied", False, None),
        (openai(404, "model_not_found"), 404, "model_not_found", False, None),
        (openai(400, "unsupported_value", param="size"), 400, "unsupported_value", False, None),
        (openai(400, "context_length_exceeded"), 400, "context_length_exceeded", False, None),
        (openai(400, None, param="service_tier"), 400, "provider_error", False, None),
        (
            openai(429, "rate_limit_exceeded", type="requests", headers={"Retry-After": "7"}),
            429,
            "rate_limit_exceeded",
            True,
            7.0,
        ),
        (openai(429, "slow_down", type="rate_limit_error"), 429, "slow_down", True, None),
        (openai(429, "insufficient_quota", type="insufficient_quota"), 429, "insufficient_quota", False, None),
        (openai(429, "credit_balance_exhausted"), 429, "credit_balance_exhausted", False, None),
        (openai(429, None, type="insufficient_quota"), 429, "insufficient_quota", False, None),
        (openai(503, "server_is_overloaded"), 503, "server_is_overloaded", True, None),
        (openai(500, None, type="server_error"), 500, "provider_error", True, None),
        (openai(504, None, type="server_error"), 504, "provider_error", True, None),
        # Azure: codes that are numbers or names, bodies of API managers
        (openai(401, "401"), 401, "invalid_api_key", False, None),
        (openai(401, "PermissionDenied"), 401, "PermissionDenied", False, None),
        (openai(404, "DeploymentNotFound"), 404, "DeploymentNotFound", False, None),
        (openai(404, "404"), 404, "not_found", False, None),
        (openai(429, "429", headers={"retry-after-ms": "1500"}), 429, "rate_limit_exceeded", True, 1.5),
        (openai(429, "RateLimitReached"), 429, "RateLimitReached", True, None),
        (in_json({"statusCode": 401, "message": "Their words."}, 401), 401, "invalid_api_key", False, None),
        # compatible servers
        (in_json({"detail": "Their words."}, 401), 401, "invalid_api_key", False, None),
        (in_json({"error": "Their words."}, 400), 400, "provider_error", False, None),
        (in_json({"message": "Their words."}, 500), 500, "provider_error", True, None),
        (openai(429, 429), 429, "rate_limit_exceeded", True, None),
        (in_text("Their words.", 500), 500, "provider_error", True, None),
        (openai(529, None), 529, "provider_error", True, None),
        (openai(413, None), 413, "provider_error", False, None),
    ],
)
def test_errors_keep_code_words_and_waiting_time(config, upstream, reply, status, code, retryable, wait):
    raised = refusal(config, reply, upstream)

    assert (raised.status, raised.code, raised.retryable, raised.retry_after) == (status, code, retryable, wait)
    assert raised.provider == "Their words."
    assert not isinstance(raised, ContentRefused)


@pytest.mark.parametrize(
    "reply",
    [
        openai(400, "moderation_blocked", type="image_generation_user_error"),
        openai(400, None, type="image_generation_user_error"),
        openai(400, "content_policy_violation"),
        openai(400, "contentFilter"),
        error(400, SAFETY, code=None, type="user_error"),
        in_json({"error": FILTERED}, 400),
    ],
)
def test_a_refused_content_is_recognised_by_its_known_spellings(config, upstream, reply):
    raised = refusal(config, reply, upstream)

    assert isinstance(raised, ContentRefused)
    assert (raised.code, raised.retryable) == ("content_refused", False)
    assert raised.provider


def test_words_about_safety_with_another_code_are_no_refusal(config, upstream):
    reply = error(429, "Our safety system is overloaded.", code="rate_limit_exceeded")

    assert not isinstance(refusal(config, reply, upstream), ContentRefused)


def test_a_validation_list_is_told_without_the_rejected_input(config, upstream):
    detail = [{"loc": ["body", "quality"], "msg": "Input should be a number", "type": "int_parsing", "input": "secret"}]

    raised = refusal(config, in_json({"detail": detail}, 422), upstream)

    assert raised.provider == "quality: Input should be a number"


def test_a_proxys_page_is_told_by_its_title(config, upstream):
    raised = refusal(config, in_html(502), upstream)

    assert (raised.status, raised.provider, raised.retryable) == (502, "502 Bad Gateway", True)


def test_an_error_inside_a_200_is_an_error(config, upstream):
    raised = refusal(config, in_json({"error": {"message": "Their words.", "code": 503}}), upstream)

    assert (raised.status, raised.provider, raised.retryable) == (503, "Their words.", True)


@pytest.mark.parametrize("reply", [reset(), no_http(), Reply(steps=[b'{"data": [', DROP])])
def test_a_broken_connection_is_a_network_error(config, upstream, reply):
    upstream.script(reply)

    with pytest.raises(NetworkError) as caught:
        draw(OpenAI(), config)

    assert (caught.value.code, caught.value.retryable, caught.value.blame) == ("upstream_unreachable", True, "network")


@pytest.mark.parametrize(
    ("reply", "dropped"),
    [
        (error(400, "Unknown parameter: 'size'.", code="unknown_parameter", param="size"), "size"),
        (error(400, "litellm.UnsupportedParamsError: local does not support parameters: ['size']", code="400"), "size"),
        (error(400, "Unrecognized request argument supplied: response_format", code=None), "response_format"),
        (in_json({"detail": "Unexpected fields {'response_format'}"}, 422), "response_format"),
        (
            in_json(
                {
                    "detail": [
                        {"loc": ["body", "n"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}
                    ]
                },
                422,
            ),
            "n",
        ),
    ],
)
def test_an_unknown_parameter_is_recognised_by_its_known_spellings(upstream, reply, dropped):
    config = EngineConfig(url=upstream.url, model="local", size="16x16")
    upstream.script(reply)
    upstream.openai.models = []

    drawing = draw(OpenAI(), config)

    assert drawing.learned == [dropped]
    assert dropped not in upstream.last.json
