"""The choice of a model for a request that names none."""

import pytest

from chat import choice, services
from providers.callers import caller_for_user
from providers.errors import ConfigurationError, NotFound
from providers.models import ChatModel, GatewaySettings, ModelSource
from tests import people


@pytest.fixture
def models(db):
    people.make_connection("http://127.0.0.1:9/v1", "a", "b", "c", "d")


@pytest.fixture
def caller(alice, models):
    return caller_for_user(alice)


def test_the_one_named_when_it_is_theirs(caller):
    assert choice.model_for(caller, "c", chat_model="b") == "c"
    ChatModel.objects.filter(public_id="c").update(access="private")
    with pytest.raises(NotFound):
        choice.model_for(caller, "c", chat_model="b")


def test_the_chats_then_the_last_used_then_the_sites_then_the_first(caller, alice):
    assert choice.model_for(caller) == "a"
    GatewaySettings.objects.update_or_create(pk=1, defaults={"default_model": "b"})
    assert choice.model_for(caller) == "b"
    services.set_preferences(alice.pk, {"model": "c"})
    assert choice.model_for(caller) == "c"
    assert choice.model_for(caller, chat_model="d") == "d"


def test_what_went_away_is_passed_over(caller, alice):
    services.set_preferences(alice.pk, {"model": "gone"})

    assert choice.model_for(caller, chat_model="gone too") == "a"


def test_without_any_model_it_is_said(alice):
    with pytest.raises(ConfigurationError) as nothing:
        choice.model_for(caller_for_user(alice))

    assert nothing.value.code == "no_model"
    assert choice.default_model(caller_for_user(alice)) == ""


# --- where nobody chose ---


def demo():
    return people.make_connection("http://demo.localhost/v1", "demo", name="Demo", demo=True, position=1_000_000)


@pytest.mark.parametrize(
    "names",
    [
        [
            "bge-m3",
            "aaa/text-embedding-3",
            "dall-e-3",
            "flux-pro",
            "mistral-ocr",
            "omni-moderation",
            "rerank-2",
            "Qwen-9",
        ],
        ["whisper-1", "tts-1-hd", "gpt-4o-realtime", "llama-guard-4", "sora-2", "Qwen-9", "gpt-4o-search-preview"],
        ["zephyr", "Qwen-9", "qwen-10"],
    ],
)
def test_a_new_person_gets_an_ordinary_chat_model(alice, names):
    demo()
    people.make_connection("http://127.0.0.1:9/v1", *names)
    assert choice.default_model(caller_for_user(alice)) == "Qwen-9"


def test_among_five_hundred_models_the_demo_is_never_the_default(alice):
    demo()
    people.make_connection("http://127.0.0.1:9/v1", *(f"maker-{n % 20}/model-{n}" for n in range(500)))
    assert choice.default_model(caller_for_user(alice)) == "maker-0/model-0"


def test_what_a_provider_says_of_a_model_counts_before_its_name(alice):
    people.make_connection("http://127.0.0.1:9/v1", "a", "b", "c")
    for public_id, raw in (
        ("a", {"architecture": {"output_modalities": ["image", "text"]}}),
        ("b", {"capabilities": ["embedding"]}),
    ):
        ModelSource.objects.filter(model__public_id=public_id).update(raw=raw)
    assert choice.default_model(caller_for_user(alice)) == "c"


def test_the_first_connections_models_come_first(alice):
    people.make_connection("http://127.0.0.1:9/v1", "a", name="Second", position=2)
    people.make_connection("http://127.0.0.1:9/v1", "z", name="First", position=1)
    assert choice.default_model(caller_for_user(alice)) == "z"


def test_the_demo_answers_where_there_is_nothing_else(alice):
    demo()
    people.make_connection("http://127.0.0.1:9/v1", "closed", access="private")
    assert choice.default_model(caller_for_user(alice)) == "demo"


def test_a_default_that_a_person_may_not_use_falls_to_a_real_model(alice):
    demo()
    people.make_connection("http://127.0.0.1:9/v1", "closed", access="private")
    people.make_connection("http://127.0.0.1:9/v1", "text-embedding-3", "open", name="Open")
    GatewaySettings.objects.update_or_create(pk=1, defaults={"default_model": "closed"})
    assert choice.default_model(caller_for_user(alice)) == "open"
