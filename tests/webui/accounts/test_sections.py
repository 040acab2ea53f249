"""The search of the settings: every entry leads to an existing place, in both languages."""

import re

import pytest
from django.test import Client
from django.utils.translation import override

from chat.models import ChatSettings
from webui.accounts import sections


@pytest.fixture
def page(alice):
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    return lambda path: client.get(path).content.decode()


@pytest.mark.parametrize("section", sections.SECTIONS, ids=lambda section: section.name)
def test_every_setting_leads_to_a_place_that_is_there(page, section):
    row = ChatSettings.load()
    row.memory = True
    row.save()
    text = page(section.url())
    for setting in section.settings:
        assert f'id="{setting.anchor}"' in text, setting.label
    assert 'aria-current="page"' in text


def shown(text):
    """The labels of what a search shows."""
    entries = re.findall(r"<li([^>]*)>\s*<a href=\"([^\"]+)\">([^<]+)<", text.partition('id="settings-found"')[2])
    return [label.strip() for attributes, _address, label in entries if not re.search(r"\bhidden\b", attributes)]


@pytest.mark.parametrize(
    ("words", "label"), [("dark", "Appearance"), ("REVOKE", "Your keys"), ("api base", "Base URL")]
)
def test_a_search_without_scripts_shows_what_fits(page, words, label):
    assert shown(page(f"/settings?q={words}")) == [label]


def test_a_search_finds_in_the_language_of_the_page(page, client, alice):
    with override("zh-hans"):
        words = str(sections.SECTIONS[0].settings[2].label)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    client.cookies["django_language"] = "zh-hans"
    assert shown(client.get("/settings", {"q": words}).content.decode()) == [words]


def test_what_the_site_does_not_offer_is_not_found(page):
    text = page("/settings?q=remembered")
    assert shown(text) == []
    assert "Nothing fits" in text
    assert "/settings/memories" not in text
