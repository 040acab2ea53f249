"""Sharing in the browser: sharing a chat by link, reading it, withdrawing the link, exporting a chat with pictures."""

import zipfile

import pytest
from playwright.sync_api import expect

from chat import files
from chat.files import FileContext
from chat.models import Chat, Message, Share
from tests import people
from tests.browser.test_access import violations
from tests.chat.files.test_rows import png
from tests.fixtures.chat_page import EVERYTHING, ChatPage


@pytest.fixture
def chat(alice, connection):
    chat = Chat.objects.create(user=alice, title="Whales")
    asked = Message.objects.create(chat=chat, role="user", content="What sings?")
    row = files.accept(alice, png(300, 200, "teal"), name="whale.png", context=FileContext(chat=chat, message=asked))
    asked.files = [files.file_json(row)]
    asked.save()
    told = EVERYTHING.read_text()
    chat.leaf = Message.objects.create(chat=chat, parent=asked, role="assistant", content=told, model="m1")
    chat.save()
    return chat


def go_on(chat):
    asked = Message.objects.create(chat=chat, parent=chat.leaf, role="user", content="And then?")
    chat.leaf = Message.objects.create(chat=chat, parent=asked, role="assistant", content="Silence.", model="m1")
    chat.save()


def test_a_chat_is_shared_read_by_another_updated_and_withdrawn(open_page, chat, alice, bob, problems):
    owner = ChatPage(open_page(alice)).open(f"/c/{chat.pk}").page
    expect(owner.locator(".chat-mark")).to_have_count(0)
    owner.get_by_role("button", name="Share this chat").click()
    dialog = owner.get_by_role("dialog", name="Share this chat")
    expect(dialog).to_contain_text("You can stop sharing at any time")
    expect(dialog.get_by_role("button", name="Create link")).to_be_focused()
    assert violations(owner) == []
    owner.keyboard.press("Enter")
    link = dialog.get_by_role("textbox", name="Link")
    expect(link).to_be_visible()
    shared = f"/s/{Share.objects.get().pk}"
    expect(link).to_have_value(owner.url.partition("/c/")[0] + shared)
    expect(dialog.get_by_role("button", name="Copy")).to_be_focused()
    assert violations(owner) == []
    owner.keyboard.press("Escape")
    expect(owner.get_by_role("button", name="Share this chat")).to_be_focused()
    expect(owner.locator(".chat-mark")).to_be_visible()

    reader = open_page(bob, color_scheme="dark", viewport={"width": 390, "height": 800})
    reader.goto(shared)
    expect(reader.get_by_role("heading", level=1)).to_have_text("Whales")
    expect(reader.get_by_text("Shared by Alice on")).to_be_visible()
    expect(reader.locator(".katex").first).to_be_visible()
    expect(reader.get_by_role("button", name="Copy code")).to_be_attached()
    picture = reader.get_by_role("img", name="whale.png")
    expect(picture).to_have_js_property("naturalWidth", 300)
    expect(reader.get_by_role("textbox")).to_have_count(0)
    assert violations(reader) == []
    assert reader.evaluate("document.documentElement.scrollWidth <= innerWidth")

    go_on(chat)
    reader.reload()
    expect(reader.get_by_text("Silence.")).to_have_count(0)
    owner.get_by_role("button", name="Share this chat").click()
    expect(dialog).to_contain_text("Readers see it as it was")
    dialog.get_by_role("button", name="Update the link").click()
    expect(dialog).to_contain_text("Readers see everything that is shown here now")
    reader.reload()
    expect(reader.get_by_text("Silence.")).to_be_visible()

    second = open_page(bob)
    second.goto(shared)
    second.get_by_role("button", name="Continue in a chat of your own").click()
    own = ChatPage(second)
    expect(own.answer).to_have_text("Silence.")
    expect(own.field).to_be_enabled()
    expect(second.get_by_role("img", name="whale.png")).to_have_js_property("naturalWidth", 300)

    dialog.get_by_role("button", name="Stop sharing").click()
    expect(dialog.get_by_role("button", name="Create link")).to_be_visible()
    expect(owner.locator(".chat-mark")).to_have_count(0)
    problems.expect("404")
    reader.reload()
    expect(reader).to_have_title("There is nothing here · WebUI")


def test_the_menu_of_a_chat_exports_it_and_shares_it(open_page, chat, alice):
    page = ChatPage(open_page(alice)).open()
    row = page.chats.filter(has_text="Whales")
    row.hover()
    row.get_by_role("button").click()
    assert violations(page.page) == []
    with page.page.expect_download() as started:
        page.page.get_by_role("menuitem", name="Export with pictures (ZIP)").click()
    assert started.value.suggested_filename == "whales.zip"
    with zipfile.ZipFile(started.value.path()) as opened:
        assert opened.namelist() == ["files/whale.png", "chat.json", "chat.md"]
    row.hover()
    row.get_by_role("button").click()
    page.page.get_by_role("menuitem", name="Share").click()
    expect(page.page.get_by_role("dialog", name="Share this chat")).to_be_visible()


def test_a_link_for_everybody_is_made_read_by_a_stranger_and_ended(open_page, chat, alice, problems):
    problems.expect("status of 400")
    problems.expect("status of 404")
    people.set_chat(public_links=True)
    owner = ChatPage(open_page(alice, viewport={"width": 390, "height": 800})).open(f"/c/{chat.pk}").page
    owner.get_by_role("button", name="Share this chat").click()
    dialog = owner.get_by_role("dialog", name="Share this chat")
    dialog.get_by_label("Everybody with the link").check()
    dialog.get_by_label("Show my name (Alice)").uncheck()
    assert violations(owner) == []
    dialog.get_by_role("button", name="Create link").click()
    expect(dialog).to_contain_text("Everyone can read this chat with the link, without signing in.")
    shared = dialog.get_by_role("textbox", name="Link").input_value()

    stranger = open_page(color_scheme="dark", locale="zh-CN")
    stranger.goto(shared)
    expect(stranger.get_by_role("heading", level=1)).to_have_text("Whales")
    expect(stranger.locator(".katex").first).to_be_visible()
    expect(stranger.get_by_role("img", name="whale.png")).to_have_js_property("naturalWidth", 300)
    assert "Alice" not in stranger.content()
    assert violations(stranger) == []

    # A change of the terms counts at once, and the field keeps the focus.
    until = dialog.get_by_label("Until (empty: until you stop sharing)")
    until.fill("2099-01-02")
    expect(owner.locator("#toasts")).to_contain_text("within ten years")
    owner.get_by_role("button", name="Share this chat").click()
    dialog.get_by_label("Show my name (Alice)").check()
    expect(dialog.get_by_label("Show my name (Alice)")).to_be_focused()
    stranger.reload()
    expect(stranger.get_by_text("由 Alice")).to_be_visible()
    owner.goto("/settings/links")
    assert violations(owner) == []
    owner.get_by_role("button", name="Stop sharing").click()
    expect(owner.get_by_text("You share no chat.")).to_be_visible()
    with stranger.expect_navigation():
        stranger.reload()
    expect(stranger.get_by_role("heading", name="这个链接已失效")).to_be_visible()
