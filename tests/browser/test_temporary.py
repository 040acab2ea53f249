"""Temporary chats in the browser: they work like other chats, and end with the page unless they are kept."""

import pytest
from playwright.sync_api import expect

from chat.models import Chat, File, Message
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream import Gate, openai

NOTE = "This chat is not saved"


@pytest.fixture
def drawing(db):
    image_settings = ImageSettings.load()
    image_settings.enabled, image_settings.prompt_generation = True, False
    image_settings.save()
    ImageEngine.objects.create(name="Placeholder", kind="placeholder")


@pytest.fixture
def chat(open_page, drawing, provider, alice):
    chat = ChatPage(open_page(alice)).open()
    chat.page.get_by_role("link", name="Temporary chat").click()
    expect(chat.page.get_by_text(NOTE)).to_be_visible()
    expect(chat.field).to_be_enabled()
    return chat


def keep_button(chat):
    return chat.page.get_by_role("button", name="Keep this chat")


def test_one_writes_draws_stops_asks_again_and_a_reload_forgets(chat, provider, upstream):
    expect(keep_button(chat)).to_be_disabled()
    first = Gate()
    provider.says("What is blue?", "The **sky** is blue.", after={2: first})
    chat.write("What is blue?")
    first.wait()
    expect(chat.answer).to_contain_text("The sky")
    expect(chat.stop_button).to_be_enabled()
    expect(keep_button(chat)).to_be_disabled()
    other = ChatPage(chat.page.context.new_page()).open("/?temporary=1")
    first.open()
    chat.settled()
    expect(chat.answer.locator("strong")).to_have_text("sky")
    expect(other.answers).to_have_count(0)
    other.page.close()

    gate = Gate()
    provider.says("Count", "one two three", after={1: gate})
    chat.write("Count")
    gate.wait()
    expect(chat.answer).to_contain_text("one")
    chat.stop_button.click()
    expect(chat.answers.last).to_contain_text("Stopped.")
    provider.does("Count", openai.error(400, "This model is on holiday."))
    chat.press(chat.answers.last, "Answer again")
    card = chat.page.get_by_role("group", name="This answer failed")
    expect(card).to_contain_text("This model is on holiday.")
    provider.says("Count", "one two three")
    card.get_by_role("button", name="Try again").click()
    expect(chat.answer).to_have_text("one two three")
    chat.settled()
    expect(chat.answers).to_have_count(2)

    provider.says("Count down", "three two one")
    chat.press(chat.questions.last, "Edit")
    chat.page.get_by_role("textbox", name="Edit your message").fill("Count down")
    chat.page.locator("[data-edit]").get_by_role("button", name="Send").click()
    expect(chat.answer).to_have_text("three two one")
    chat.settled()
    expect(chat.questions).to_have_count(2)

    provider.says("Draw the sea", "There it is.")
    picture = chat.page.get_by_role("button", name="Picture", exact=True)
    picture.click()
    chat.ask("Draw the sea")
    expect(chat.answers.last.locator("[data-part='files'] img")).to_be_visible()
    picture.click()
    said = [one["content"].partition("\n\n<context>")[0] for one in upstream.chats[-1].json["messages"]]
    assert said == ["What is blue?", "The **sky** is blue.", "Count down", "three two one", "Draw the sea"]
    for scheme in ("light", "dark"):
        chat.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(chat.page) == []

    assert not Chat.objects.exists()
    assert not Message.objects.exists()
    assert not ImageJob.objects.exists()
    assert File.objects.get().expires_at is not None
    expect(chat.chats).to_have_count(0)
    asked = []
    chat.page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    chat.page.reload()
    expect(chat.page.get_by_text(NOTE)).to_be_visible()
    expect(chat.answers).to_have_count(0)
    assert asked == ["beforeunload"]


def test_it_can_be_kept_and_goes_on_as_a_chat(chat, provider, upstream):
    note = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"It is noon."}
    chat.page.locator("#attach-files").set_input_files(note)
    expect(chat.page.locator(".attachment[data-state='done']")).to_have_count(1)
    chat.ask("Read this")
    expect(chat.questions.last).to_contain_text("note.txt")
    assert "It is noon." in str(upstream.chats[-1].json["messages"][-1]["content"])
    provider.says("What is blue?", "The **sky** is blue.")
    chat.page.get_by_role("button", name="Picture", exact=True).click()
    chat.ask("What is blue?")
    assert File.objects.filter(expires_at=None).count() == 0
    keep_button(chat).click()

    chat.page.wait_for_url("**/c/*")
    expect(chat.answer.locator("strong")).to_have_text("sky")
    expect(chat.answers.last.locator("[data-part='files'] img")).to_be_visible()
    expect(chat.chats.first).to_contain_text("Read this")
    expect(chat.questions.first).to_contain_text("note.txt")
    assert File.objects.filter(expires_at=None).count() == File.objects.count() == 2
    chat.page.get_by_role("button", name="Picture", exact=True).click()
    chat.ask("And green?")
    expect(chat.answer).to_have_text("Said.")
    expect(chat.answers).to_have_count(3)


def test_a_message_that_waits_in_a_temporary_chat_is_gone_with_it(chat, provider):
    gate = Gate()
    provider.says("Hello", "Good day.", after={1: gate})
    chat.write("Hello")
    gate.wait()
    chat.write("And then?")
    expect(chat.page.locator("#queued")).to_contain_text("And then?")
    chat_id = chat.page.locator("#thread").get_attribute("data-chat")
    asked = []
    chat.page.go_back()
    expect(chat.page.get_by_text(NOTE)).to_have_count(0)
    chat.page.on("request", lambda request: asked.append(request.url))
    gate.open()
    is_over = "async (id) => !(await import('/static/js/chat/replies.js')).isRunning(id)"
    chat.page.wait_for_function(is_over, arg=chat_id)
    assert [url for url in asked if "local:" in url] == []


def test_leaving_by_a_link_asks_first_while_there_is_something_to_lose(chat, provider):
    chat.page.get_by_role("link", name="New chat").first.click()
    expect(chat.page.get_by_text(NOTE)).to_have_count(0)
    chat.page.get_by_role("link", name="Temporary chat").click()
    expect(chat.page.get_by_text(NOTE)).to_be_visible()
    provider.says("Hello", "Good day.")
    chat.ask("Hello")

    chat.page.once("dialog", lambda dialog: dialog.dismiss())
    chat.page.get_by_role("link", name="New chat").first.click()
    expect(chat.answer).to_have_text("Good day.")
    chat.page.once("dialog", lambda dialog: dialog.accept())
    chat.page.get_by_role("link", name="New chat").first.click()
    expect(chat.page.get_by_text(NOTE)).to_have_count(0)
    expect(chat.answers).to_have_count(0)
