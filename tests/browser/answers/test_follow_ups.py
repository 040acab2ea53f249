"""Follow-up suggestions in the browser: they appear below the last answer, survive a reload, and are sent on click."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests import people
from tests.fixtures.chat_page import ChatPage


@pytest.fixture
def chat(open_page, provider, alice):
    people.set_chat(follow_ups=True)
    provider.title = json.dumps({"follow_ups": ["Why not violet?", "And <b>at</b> night?"]})
    return ChatPage(open_page(alice)).open()


def test_suggestions_come_stay_and_are_sent(chat, provider):
    provider.says("Why is the sky blue?", "Rayleigh.", reasoning="Scattering?")
    chips = chat.page.get_by_role("group", name="What you could ask next").get_by_role("button")
    chat.ask("Why is the sky blue?")
    expect(chips).to_have_text(["Why not violet?", "And <b>at</b> night?"])
    thoughts = chat.answers.last.locator(".reasoning summary")
    expect(thoughts).to_have_text(re.compile(r"Thought for \d+ s"))

    chat.page.reload()
    expect(chips).to_have_text(["Why not violet?", "And <b>at</b> night?"])
    expect(thoughts).to_have_text(re.compile(r"Thought for \d+ s"))

    chat.field.fill("Half a thought")
    chips.last.click()
    expect(chat.questions.last.locator(".bubble")).to_have_text("And <b>at</b> night?")
    chat.settled()
    expect(chat.answers).to_have_count(2)
    expect(chips).to_have_text(["Why not violet?", "And <b>at</b> night?"])
    expect(chat.answers.last.locator(".follow-up")).to_have_count(2)
    expect(chat.field).to_have_value("Half a thought")
    chat.page.reload()
    expect(chat.field).to_have_value("Half a thought")
