"""Which model answers when nobody says."""

import pytest

from chat import choice, services
from providers.callers import caller_for_user
from providers.errors import ConfigurationError, NotFound
from providers.models import ChatModel, GatewaySettings
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
