"""The page of a new chat in the browser: starters, and the administrator's set-up list."""

import pytest
from playwright.sync_api import expect

from chat.models import ChatSettings, Message
from providers.models import ChatModel
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage


@pytest.fixture
def chat(open_page, provider, alice):
    return ChatPage(open_page(alice)).open()


def test_a_starter_starts(chat, provider):
    starter = chat.page.locator("[data-action='start']").first
    prompt = starter.get_attribute("data-prompt")
    starter.click()
    expect(chat.questions.first.locator(".bubble")).to_have_text(prompt)
    chat.settled()


def test_a_starter_of_a_chip_switches_it_on_for_its_message(chat, provider):
    ChatSettings.objects.update_or_create(
        pk=1, defaults={"web_search": True, "web_search_url": "http://127.0.0.1:9/search"}
    )
    chat.page.reload()
    chat.page.get_by_role("button", name="Search the web").and_(chat.page.locator(".starter")).click()
    chat.settled()
    answer = Message.objects.get(role="assistant")
    assert answer.options["features"] == {"web_search": True}
    expect(chat.page.locator("[data-feature='web_search']")).to_have_attribute("aria-pressed", "false")


def test_a_starter_asks_for_a_document(chat):
    with chat.page.expect_file_chooser():
        chat.page.get_by_role("button", name="Ask about a document").click()


def test_a_starter_leads_back_to_the_latest_chat(chat, provider):
    chat.ask("Hello")
    chat.page.get_by_role("link", name="New chat").first.click()
    back = chat.page.locator("#welcome").get_by_role("link", name="Go on where you stopped")
    expect(back).to_contain_text("A fitting title · ")
    back.click()
    expect(chat.questions.first.locator(".bubble")).to_have_text("Hello")


def test_a_starter_chooses_an_assistant_for_its_chat(chat, provider):
    base = ChatModel.objects.get(public_id="m1")
    ChatModel.objects.create(public_id="tutor", name="French tutor", description="Corrects you", base=base)
    chat.page.reload()
    starter = chat.page.get_by_role("link", name="Ask French tutor")
    expect(starter).to_contain_text("Corrects you")
    starter.click()
    expect(chat.page.locator("#welcome")).to_contain_text("You are asking French tutor.")
    expect(starter).to_have_count(0)
    expect(chat.field).to_be_focused()
    chat.ask("Bonjour")
    assert Message.objects.get(role="assistant").model == "tutor"


def test_the_way_back_to_a_chat_goes_when_the_chat_does(chat, provider):
    chat.ask("Hello")
    chat.page.get_by_role("link", name="New chat").first.click()
    back = chat.page.locator("#welcome").get_by_role("link", name="Go on where you stopped")
    expect(back).to_be_visible()
    chat.chats.first.hover()
    chat.chats.first.get_by_role("button").click()
    chat.page.get_by_role("menuitem", name="Delete").click()
    expect(back).to_have_count(0)


def test_the_checklist_folds_and_is_put_away_with_a_way_back(open_page, admin):
    page = open_page(admin)
    page.goto("/")
    checklist = page.get_by_role("region", name="Get this site ready")
    expect(checklist.get_by_role("link", name="Connect a provider")).to_be_visible()
    assert violations(page) == []
    checklist.locator("summary").press("Enter")
    expect(checklist.get_by_role("link", name="Connect a provider")).to_be_hidden()
    checklist.get_by_role("button", name="Do not show this list").click()
    expect(checklist).to_be_hidden()
    expect(page.locator("#main")).to_be_focused()  # there is no model, so nothing can be written
    page.get_by_role("button", name="Undo").click()
    expect(checklist.locator("summary")).to_be_focused()
    checklist.get_by_role("button", name="Do not show this list").click()
    expect(checklist).to_be_hidden()
    page.reload()
    expect(page.locator("#welcome")).to_be_visible()
    expect(checklist).to_have_count(0)
