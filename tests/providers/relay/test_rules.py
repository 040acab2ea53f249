"""The rules for request bodies, one test per rule."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import BadRequest
from providers.relay.rules import is_reasoning
from tests.providers.facts import JSON, rewritten

OPENAI = "https://api.openai.com/v1"

# --- reasoning models ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    ["o1", "o1-mini", "o3", "o4-mini", "o7-next", "gpt-5", "gpt-5.1-mini", "gpt-6-astra", "gpt-12", "openai/o3",
     "work.gpt-6", "us.openai.gpt-5", "azure:o3", "OpenAI/GPT-5"],
)  # fmt: skip
def test_b14_reasoning_models_are_known_behind_prefixes_and_in_later_families(model: str) -> None:
    assert is_reasoning(model)


@pytest.mark.parametrize(
    "model",
    ["gpt-4o", "gpt-4.1", "gpt-3.5-turbo", "gpt-oss:20b", "gpt-5-chat-latest", "openai/gpt-6-chat-latest", "llama3",
     "gpt-35-turbo", "azure/gpt-41-mini", "openai/gpt-5-chat", "gpt-5.2-chat",
     "proto1.mini", "yolo3", "o1x", "solar-10.7b", "gpt-5o", "phi-o1", ""],
)  # fmt: skip
def test_others_are_not_taken_for_reasoning_models(model: str) -> None:
    assert not is_reasoning(model)


def test_r35_reasoning_models_get_the_new_name_of_the_limit() -> None:
    body = rewritten({"max_tokens": 9}, model="openai/o3", base_url=OPENAI)
    assert body["max_completion_tokens"] == 9
    assert "max_tokens" not in body


def test_r35_the_newer_name_wins_where_a_caller_gives_both() -> None:
    body = rewritten({"max_tokens": 9, "max_completion_tokens": 5}, model="o3", base_url=OPENAI)
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


def test_r37_compatible_servers_get_the_old_name_of_the_limit() -> None:
    body = rewritten({"max_completion_tokens": 5, "max_tokens": 9}, model="llama3")
    assert body["max_tokens"] == 5
    assert "max_completion_tokens" not in body


def test_r37_openai_takes_either_name_but_not_both() -> None:
    assert "max_completion_tokens" in rewritten({"max_completion_tokens": 5}, model="gpt-4o", base_url=OPENAI)
    assert "max_tokens" in rewritten({"max_tokens": 5}, model="gpt-4o", base_url="https://eu.api.openai.com/v1")
    both = rewritten({"max_completion_tokens": 5, "max_tokens": 9}, model="gpt-4o", base_url=OPENAI)
    assert both["max_completion_tokens"] == 5
    assert "max_tokens" not in both


def test_a_host_that_only_looks_like_openai_is_a_compatible_server() -> None:
    body = rewritten({"max_completion_tokens": 5}, model="gpt-4o", base_url="https://api.openai.com.example/v1")
    assert body["max_tokens"] == 5


def test_ollama_gets_the_old_name_whatever_its_model_is_called() -> None:
    assert rewritten({"max_completion_tokens": 5}, model="o3", kind="ollama")["max_tokens"] == 5


@pytest.mark.parametrize(
    ("model", "role"),
    [
        ("o3", "developer"),
        ("gpt-5", "developer"),
        ("o1-mini", "user"),
        ("openai/o1-preview", "user"),
        ("gpt-4o", "system"),
    ],
)
def test_r36_the_first_system_message_changes_its_role_for_reasoning_models(model: str, role: str) -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "system", "content": "Be brief."}]
    sent = rewritten({"messages": messages}, model=model)["messages"]
    assert [message["role"] for message in sent] == [role, "system"]
    assert [message["content"] for message in sent] == ["Be kind.", "Be brief."]


def test_ollama_gets_system_for_developer() -> None:
    messages = [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "hi"}]
    assert rewritten({"messages": messages}, kind="ollama")["messages"][0] == {"role": "system", "content": "Be kind."}


# --- logit_bias --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("50256:-100, 11:5", {"50256": -100, "11": 5}),
        ("1:250,2:-250", {"1": 100, "2": -100}),
        ({"50256": -100}, {"50256": -100}),
        ({"1": 1000, "2": "0.5"}, {"1": 100, "2": 0.5}),
        ({}, {}),
        (None, None),
    ],
)
def test_b12_logit_bias_is_taken_as_text_and_as_object(given: Any, sent: Any) -> None:
    assert rewritten({"logit_bias": given})["logit_bias"] == sent


@pytest.mark.parametrize(
    "given", ["nonsense", "a:b", "1:", ":1", "1:nan", [1, 2], 7, {"1": None}, {"1": True}, {"1": []}]
)
def test_a_logit_bias_that_means_nothing_is_refused(given: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        rewritten({"logit_bias": given})
    assert refused.value.param == "logit_bias"


@given(st.dictionaries(st.text(max_size=5), st.floats() | st.integers() | st.text(max_size=5), max_size=4) | JSON)
def test_any_logit_bias_is_within_bounds_or_refused(given: Any) -> None:
    try:
        sent = rewritten({"logit_bias": given})["logit_bias"]
    except BadRequest:
        return
    assert not sent or all(-100 <= value <= 100 for value in sent.values())


# --- presets ----------------------------------------------------------------------------------------------------------


def test_a_presets_parameters_stand_below_the_callers() -> None:
    body = rewritten({"temperature": 1}, route={"params": {"temperature": 0, "top_p": 0.5}})
    assert (body["temperature"], body["top_p"]) == (1, 0.5)


def test_a_presets_prompt_comes_first() -> None:
    body = rewritten({}, route={"system_prompt": "Be kind."})
    assert body["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("own", "joined"),
    [
        ("Be brief.", "Be kind.\n\nBe brief."),
        ("", "Be kind."),
        (
            [{"type": "text", "text": "Be brief."}],
            [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}],
        ),
    ],
)
def test_a_presets_prompt_stands_in_front_of_the_callers_own(own: Any, joined: Any) -> None:
    messages = [{"role": "system", "content": own}, {"role": "user", "content": "hi"}]
    sent = rewritten({"messages": messages}, route={"system_prompt": "Be kind."})["messages"]
    assert sent[0] == {"role": "system", "content": joined}
    assert sent[1:] == messages[1:]


def test_a_presets_prompt_reaches_reasoning_models_as_developer() -> None:
    sent = rewritten({}, model="o3", route={"system_prompt": "Be kind."})["messages"]
    assert sent[0] == {"role": "developer", "content": "Be kind."}


def test_a_presets_prompt_is_the_instructions_of_a_response() -> None:
    body = rewritten({"instructions": "Be brief."}, operation="responses", route={"system_prompt": "Be kind."})
    assert body["instructions"] == "Be kind.\n\nBe brief."


def test_embeddings_know_nothing_of_a_presets_chat_parameters() -> None:
    body = rewritten(
        {"input": "x"}, operation="embeddings", route={"params": {"temperature": 0}, "system_prompt": "Hi"}
    )
    assert body == {"model": "m1", "input": "x"}


def test_r14_pipeline_models_get_to_know_the_person() -> None:
    body = rewritten({"user": "u"}, raw={"id": "m1", "pipeline": {"type": "pipe"}})
    assert body["user"] == {"name": "Alice", "id": "7", "email": "alice@example.com", "role": "user"}
    assert body["stream"] is False


# --- Azure ------------------------------------------------------------------------------------------------------

AZURE: dict[str, Any] = {"kind": "azure", "base_url": "https://res.openai.azure.com"}


def test_r41_azure_gets_only_what_it_knows() -> None:
    body = rewritten({"temperature": 0.5, "logprobs": True, "unheard_of": 1}, **AZURE)
    assert set(body) == {"model", "messages", "temperature", "logprobs"}


@pytest.mark.parametrize(
    ("version", "kept"),
    [("2024-08-01-preview", False), ("2024-09-01-preview", True), ("2024-10-21", True), ("preview", True), ("", False)],
)
def test_azure_takes_stream_options_since_a_version(version: str, kept: bool) -> None:
    body = rewritten({"stream": True, "stream_options": {"include_usage": True}}, api_version=version, **AZURE)
    assert ("stream_options" in body) is kept


def test_azures_reasoning_models_lose_a_temperature_that_is_not_one() -> None:
    assert "temperature" not in rewritten({"temperature": 0.2}, model="o3", **AZURE)
    assert rewritten({"temperature": 1}, model="o3", **AZURE)["temperature"] == 1
    assert rewritten({"temperature": 0.2}, model="gpt-4o", **AZURE)["temperature"] == 0.2


def test_azures_newer_surface_takes_everything() -> None:
    body = rewritten({"unheard_of": 1}, kind="azure", base_url="https://res.openai.azure.com/openai/v1")
    assert body["unheard_of"] == 1
