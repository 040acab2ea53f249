"""The cached chat settings: no query while unchanged, a new read after each edit."""

import pytest
from asgiref.sync import async_to_sync

from chat import chat_settings
from chat.models import ChatSettings
from providers import runtime
from providers.fields import UNREADABLE

pytestmark = pytest.mark.django_db(transaction=True)


def test_without_a_row_the_defaults_hold():
    found = chat_settings.current_blocking()
    assert (found.titles, found.memory, found.web_search, found.web_search_results) == (True, False, False, 5)
    assert not ChatSettings.objects.exists()


def test_both_ways_to_ask_know_the_row_and_every_change_of_it():
    row = ChatSettings.load()
    row.memory, row.web_search_key = True, "secret-key"
    row.save()
    assert chat_settings.current_blocking().memory
    assert async_to_sync(chat_settings.current)() == chat_settings.current_blocking()
    ChatSettings.objects.update(memory=False)
    assert not chat_settings.current_blocking().memory
    ChatSettings.objects.all().delete()
    assert chat_settings.current_blocking().web_search_key == ""


def test_what_has_not_changed_is_not_read_again(django_assert_num_queries):
    chat_settings.current_blocking()
    with django_assert_num_queries(0):
        chat_settings.current_blocking()
        async_to_sync(chat_settings.current)()


def test_the_key_is_in_no_log_and_an_unreadable_one_is_no_key(settings):
    ChatSettings.objects.create(pk=1, web_search_key="secret-key")
    assert "secret-key" not in repr(chat_settings.current_blocking())
    settings.FIELD_ENCRYPTION_KEYS = ["5cQ3vYw0m2mHfTqUeXgYqEoWvQYw3m3m3m3m3m3m3m0="]
    runtime.replace()
    assert ChatSettings.load().web_search_key == UNREADABLE
    assert chat_settings.current_blocking().web_search_key == ""
