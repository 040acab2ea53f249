"""Order in the browser: pins, folders, archive, trash, many chats at once, marks; a search that leads to a place."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chat.models import Chat, Folder, Message
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream import Gate


@pytest.fixture
def make_chat(alice):
    def make(title, *texts, **more):
        chat = Chat.objects.create(user=alice, title=title, model="m1", **more)
        for number, text in enumerate(texts or ("Some words", "Other words")):
            role = "assistant" if number % 2 else "user"
            chat.leaf = Message.objects.create(chat=chat, parent=chat.leaf, role=role, content=text)
        chat.save()
        return chat

    return make


@pytest.fixture
def chat(open_page, connection, alice, make_chat):
    for title in ("Bread", "Trains", "Letters"):
        make_chat(title)
    Folder.objects.create(user=alice, name="Garden")
    return ChatPage(open_page(alice)).open()


def choose(page, title, name):
    row = page.locator("#chat-list .chat-row").filter(has_text=title)
    row.hover()
    row.get_by_role("button").click()
    page.get_by_role("menuitem", name=name, exact=True).click()


def test_a_person_puts_chats_in_order(chat, provider, alice):
    page = chat.page
    listed = page.locator("#chat-list")
    choose(page, "Letters", "Pin")
    expect(page.locator("#pinned .chat-row")).to_have_text(re.compile("Letters"))
    choose(page, "Letters", "Unpin")
    expect(page.locator("#pinned")).to_have_count(0)

    # into a folder: by the menu and keys alone, and by dragging; back by the note
    choose(page, "Bread", "Move to …")
    dialog = page.get_by_role("dialog", name="Move to a folder")
    expect(dialog.get_by_role("button", name="No folder")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(listed.get_by_text("Bread")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(listed.get_by_text("Bread")).to_be_visible()
    garden = listed.get_by_role("link", name="Garden")
    listed.get_by_role("link", name="Bread").hover()
    page.mouse.down()
    page.wait_for_load_state("networkidle")  # what a drag needs comes with the press
    garden.hover()
    garden.hover()  # a drag begins with the first move
    expect(page.locator(".folder-row.drop")).to_have_count(1)
    page.mouse.up()
    expect(listed.get_by_text("Bread")).to_have_count(0)
    garden.click()
    expect(page.locator(".lists-row")).to_have_text(re.compile("Bread"))

    # the folder's settings, and a chat that begins in it
    page.get_by_role("button", name="Folder settings").click()
    form = page.get_by_role("dialog", name="Folder settings")
    form.get_by_label("Instructions").fill("Speak of plants.")
    form.locator("input[type='file']").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"Beans"})
    expect(form.locator("[data-file]")).to_have_text(re.compile("a.txt"))
    assert violations(page) == []
    form.get_by_role("button", name="Save").click()
    expect(page.locator(".folder-prompt")).to_have_text("Speak of plants.")
    page.get_by_role("link", name="New chat in this folder").click()
    chat.field.fill("Beans?")
    chat.field.press("Enter")
    expect(chat.answer).to_have_text("Said.")
    assert Chat.objects.get(messages__content="Beans?").folder.name == "Garden"

    # many at once on the page of all chats, the trash, and what is gone for good
    page.goto("/chats")
    assert violations(page) == []
    for title in ("Trains", "Letters"):
        page.get_by_role("checkbox", name=f"Choose {title}").check()
    page.locator(".lists-actions").get_by_role("button", name="Delete").click()
    expect(page.locator(".lists-row").filter(has_text="Trains")).to_have_count(0)
    page.get_by_role("link", name="Trash").first.click()
    page.get_by_role("checkbox", name="Choose Trains").check()
    page.get_by_role("button", name="Restore").click()
    expect(page.locator(".lists-row").filter(has_text="Trains")).to_have_count(0)
    expect(page.locator(".lists-row")).to_have_text(re.compile("Letters"))
    page.get_by_role("button", name="Empty the trash").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("The trash is empty.")).to_be_visible()
    assert set(Chat.objects.filter(deleted_at=None).values_list("title", flat=True)) >= {"Bread", "Trains"}
    assert not Chat.objects.filter(title="Letters").exists()

    # deleting the folder asks what becomes of its chats
    page.get_by_role("link", name="Garden").click()
    page.get_by_role("button", name="Folder settings").click()
    page.get_by_role("button", name="Delete folder …").click()
    expect(page.get_by_label("Keep its chats, without a folder")).to_be_checked()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("link", name="Garden")).to_have_count(0)
    assert Chat.objects.get(title="Bread").folder is None


def test_marks_of_running_and_unread_chats_are_the_same_everywhere(chat, provider, alice):
    gate = Gate()
    provider.says("Tell me", "A story.", after={1: gate})
    chat.field.fill("Tell me")
    chat.field.press("Enter")
    row = chat.page.locator("#chat-list .chat-row.running")
    expect(row).to_have_count(1)
    other = ChatPage(chat.page.context.new_page()).open()  # begun later: the server says what runs
    expect(other.page.locator("#chat-list .chat-row.running")).to_have_count(1)
    chat.page.get_by_role("link", name="Trains").click()
    expect(chat.page.locator("#chat-title")).to_have_text("Trains")
    gate.open()
    for page in (chat.page, other.page):
        expect(page.locator("#chat-list .chat-row[data-unread]")).to_have_count(1)
        expect(page.locator("#chat-list .chat-row.running")).to_have_count(0)
    other.page.locator("#chat-list .chat-row[data-unread] a").click()
    expect(other.answer).to_have_text("A story.")
    for page in (chat.page, other.page):
        expect(page.locator("#chat-list .chat-row[data-unread]")).to_have_count(0)
    assert not Chat.objects.filter(unread=True).exists()


def test_a_search_leads_to_the_place_far_above_and_back(chat, make_chat, alice):
    long = [f"Question {number}" if number % 2 == 0 else f"Answer {number}" for number in range(90)]
    long[4] = "从前有一只黑猫"
    make_chat("Long", *long, archived_at=timezone.now())
    page = chat.page
    page.keyboard.press("Control+k")
    page.keyboard.type("黑猫")
    row = page.locator("#chat-list .chat-row")
    expect(row).to_have_count(1)
    expect(row.locator("mark")).to_have_text("黑猫")
    expect(row.get_by_title("Archived")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    wanted = page.locator(".message.wanted")
    expect(wanted).to_have_text(re.compile("从前有一只黑猫"))
    expect(wanted).to_be_in_viewport()
    expect(wanted).to_be_focused()
    expect(page.get_by_text("Answer 89")).to_have_count(0)
    assert violations(page) == []
    page.get_by_role("button", name="Jump to latest").click()
    expect(page.get_by_text("Answer 89")).to_be_in_viewport()

    page.locator(".search-filters summary").click()
    page.get_by_label("Folder").select_option("Garden")
    expect(row).to_have_count(0)
    page.get_by_label("Folder").select_option("All")
    expect(row).to_have_count(1)
    assert violations(page) == []
