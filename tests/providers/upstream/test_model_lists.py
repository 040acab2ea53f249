"""Reading what servers say when asked for their models."""

import orjson
import pytest

from providers.catalogue.snapshot_loader import facts_of
from providers.errors import ProviderError
from providers.models import Connection
from providers.upstream import model_lists


def read(value, status=200):
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return [item.upstream_id for item in model_lists.read_list(status, body, {})]


def facts(base_url="http://up.example/v1", **fields):
    return facts_of(Connection(name="c", base_url=base_url, **fields))


@pytest.mark.parametrize(
    "answer",
    [
        {"object": "list", "data": [{"id": "a"}, {"id": "b"}]},
        [{"id": "a"}, {"id": "b"}],
        {"data": ["a", "b"]},
        {"models": [{"name": "a", "model": "a"}, {"name": "b"}]},
        {"data": [{"id": "a"}, {"id": "b"}, {"id": "a"}, {"no": "id"}, None, 7, {"id": ""}, {"id": "x" * 300}]},
    ],
)
def test_every_shape_of_list_is_read_once_per_id(answer):
    assert read(answer) == ["a", "b"]


@pytest.mark.parametrize("answer", [{"data": None}, {"data": []}, [], {"models": None}])
def test_a_server_without_models_has_an_empty_list(answer):
    assert read(answer) == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html><head><title>502 Bad Gateway</title></head></html>",
        b"",
        b"not json",
        {"data": {"id": "a"}},
        {"error": {"message": "No such thing"}},
        {"error": "No such thing", "data": []},
        {"detail": "Not Found"},
        7,
    ],
)
def test_what_is_no_list_is_an_error_and_never_an_empty_list(body):
    with pytest.raises(ProviderError) as caught:
        read(body)
    assert caught.value.code == "invalid_answer"


def test_a_refusal_keeps_its_status_its_words_and_when_to_try_again():
    with pytest.raises(ProviderError) as caught:
        model_lists.read_list(429, b'{"error": {"message": "Slow down."}}', {"retry-after": "7"})
    error = caught.value
    assert (error.status, error.provider, error.retry_after, error.retryable) == (429, "Slow down.", 7.0, True)


def test_a_name_that_is_null_is_left_out():
    (item,) = model_lists.read_list(200, b'{"data": [{"id": "a", "name": null}]}', {})
    assert "name" not in item.raw


def test_a_huge_object_keeps_its_plain_members():
    huge = {"id": "a", "name": "A", "created": 1, "template": "x" * 50_000, "nested": {"y": "z" * 50_000}}
    (item,) = model_lists.read_list(200, orjson.dumps({"data": [huge]}), {})
    assert item.raw == {"id": "a", "name": "A", "created": 1}


def test_a_huge_list_is_cut():
    assert len(read([{"id": str(number)} for number in range(model_lists.MAX_MODELS + 50)])) == model_lists.MAX_MODELS


@pytest.mark.parametrize("word", model_lists.NOT_FOR_CHAT)
def test_the_official_api_lists_models_that_are_not_for_chats(word):
    for host in ("api.openai.com", "eu.api.openai.com"):
        assert not model_lists.is_for_chat(facts(f"https://{host}/v1"), f"x-{word}-1")
    assert model_lists.is_for_chat(facts("https://api.openai.com.example/v1"), f"x-{word}-1")
    assert model_lists.is_for_chat(facts("https://api.openai.com/v1"), "gpt-6")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"architecture": {"input_modalities": ["text", "image"]}}, True),
        ({"architecture": {"input_modalities": ["text"]}}, False),
        ({"capabilities": ["completion", "vision"]}, True),
        ({"capabilities": ["completion"]}, False),
        ({"capabilities": {"vision": True}}, True),
        ({"capabilities": {"chat": True}}, None),
        ({"architecture": "old"}, None),
        ({}, None),
    ],
)
def test_whether_a_model_sees_is_read_where_the_provider_says_it(raw, expected):
    assert model_lists.vision_of(raw) is expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"supported_parameters": ["temperature", "tools"]}, True),
        ({"supported_parameters": ["temperature"]}, False),
        ({"capabilities": ["completion", "tools"]}, True),
        ({"capabilities": ["completion"]}, False),
        ({"capabilities": {"function_calling": True}}, True),
        ({"capabilities": {"chat": True}}, None),
        ({"supported_parameters": None}, None),
        ({}, None),
    ],
)
def test_whether_a_model_calls_functions_is_read_where_the_provider_says_it(raw, expected):
    assert model_lists.tools_of(raw) is expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", True),
        ("gpt-4o-mini-2024-07-18", True),
        ("gpt-4.1-nano", True),
        ("gpt-5.2", True),
        ("gpt-12", True),
        ("o1", True),
        ("o4-mini", True),
        ("us.openai.gpt-5", True),
        ("o1-mini", False),
        ("o1-preview", False),
        ("gpt-5-chat-latest", False),
        ("chatgpt-4o-latest", False),
        ("gpt-4o-search-preview", False),
        ("gpt-4o-transcribe", False),
        ("gpt-3.5-turbo", False),
        ("my-deployment", False),
        ("foo1", False),
    ],
)
def test_the_families_that_call_functions_are_known_on_the_official_apis_alone(model, expected):
    assert model_lists.is_known_to_call(facts("https://api.openai.com/v1"), model) is expected
    assert model_lists.is_known_to_call(facts("https://a.openai.azure.com/openai/v1", kind="azure"), model) is expected
    assert not model_lists.is_known_to_call(facts("https://models.example/v1"), model)
