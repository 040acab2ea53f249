"""What one does with an answer: go on with it, rewrite it, begin a new chat with it, find its branch on the map."""

import pytest
from playwright.sync_api import expect

from chat.models import Message
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream import Gate


@pytest.fixture
def chat(open_page, provider, alice):
    return ChatPage(open_page(alice)).open()


def menu(chat, message, item):
    """Open the menu of a message and choose from it, by keyboard."""
    chat.press(message, "More")
    expect(chat.page.get_by_role("menu", name="More")).to_be_visible()
    chat.page.get_by_role("menuitem", name=item).focus()
    chat.page.keyboard.press("Enter")


def test_a_stopped_answer_goes_on_and_is_rewritten_and_its_branches_are_on_the_map(chat, provider, upstream):
    gate = Gate()
    provider.says("Count", "one two three", after={2: gate})
    chat.write("Count")
    gate.wait()
    expect(chat.answer).to_have_text("one two")
    chat.stop_button.click()
    expect(chat.answers.last).to_contain_text("Stopped.")
    chat.page.get_by_role("button", name="Continue").click()
    expect(chat.answer).to_have_text("one two Said.")
    chat.settled()
    expect(chat.page.get_by_role("button", name="Continue")).to_have_count(0)
    chat.page.reload()
    expect(chat.answer).to_have_text("one two Said.")

    menu(chat, chat.answers.last, "Edit")
    field = chat.answers.last.get_by_role("textbox", name="Edit your message")
    expect(field).to_have_value("one two Said.")
    field.fill("Four.")
    field.press("Enter")
    expect(chat.answer).to_have_text("Four.")
    expect(chat.answers.last.locator(".pager")).to_contain_text("2/2")
    expect(chat.answers.last.locator(".byline")).to_contain_text("Edited")
    chat.ask("And then?")

    menu(chat, chat.answers.first, "Map of branches")
    tree = chat.page.get_by_role("tree", name="Map of branches")
    entries = tree.get_by_role("treeitem")
    expect(entries).to_have_count(5)
    expect(entries.filter(has_text="Said.").last).to_be_focused()
    assert not violations(chat.page)
    for key in ("Home", "ArrowDown"):
        chat.page.keyboard.press(key)
    expect(entries.nth(1)).to_be_focused()
    expect(entries.nth(1)).to_have_attribute("aria-selected", "false")
    chat.page.keyboard.press("Enter")
    expect(tree).to_be_hidden()
    expect(chat.answer).to_have_text("one two Said.")
    expect(chat.questions).to_have_count(1)

    address = chat.page.url
    menu(chat, chat.answers.last, "New chat from here")
    expect(chat.page).not_to_have_url(address)
    expect(chat.answer).to_have_text("one two Said.")
    expect(chat.answers.last.locator(".pager")).to_have_count(0)
    assert Message.objects.filter(content="one two Said.").count() == 2
