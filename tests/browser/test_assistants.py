"""Assistants and saved prompts in the browser: made in the settings, chosen in the picker, called by @ and /."""

import pytest
from playwright.sync_api import expect

from chat.models import Assistant, Chat, Prompt
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream.pictures import png


@pytest.fixture
def chat(open_page, provider, alice):
    return ChatPage(open_page(alice)).open()


def sent(upstream):
    return [received.json for received in upstream.chats if received.json["stream"]]


def is_accessible(page):
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page) == []


def test_an_assistant_is_made_of_rules_chosen_and_asked_for_one_message(chat, upstream):
    page = chat.page
    page.locator("#rules-button").click()
    dialog = page.get_by_role("dialog", name="Rules of this chat")
    dialog.get_by_label("System prompt").fill("Talk as a pirate.")
    dialog.get_by_label("Temperature").fill("0.4")
    dialog.get_by_role("link", name="Save as assistant").click()
    expect(page.get_by_label("System prompt")).to_have_value("Talk as a pirate.")
    page.get_by_label("Name", exact=True).fill("Pirate")
    page.get_by_label("Description").fill("Talks at sea")
    page.get_by_label("Starters").fill("Ahoy?\nWhere is the gold?")
    picture = {"name": "p.png", "mimeType": "image/png", "buffer": png(64, 64)}
    page.get_by_label("Picture", exact=True).set_input_files(picture)
    page.get_by_label("Add files").set_input_files(
        [{"name": f"{name}.txt", "mimeType": "text/plain", "buffer": name.encode()} for name in ("ship", "crew")]
    )
    is_accessible(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    row = Assistant.objects.get()
    assert (row.model.public_id, row.model.params) == ("assistants/pirate", {"temperature": 0.4})
    assert sorted(row.file_rows.values_list("name", flat=True)) == ["crew.txt", "ship.txt"]
    page.get_by_label("crew.txt").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("crew.txt")).to_have_count(0)
    page.get_by_role("link", name="Cancel").click()
    is_accessible(page)

    chat.open()
    chat.pick("pirate")
    expect(page.get_by_role("button", name="Ahoy?")).to_be_enabled()
    expect(page.locator("#welcome")).to_contain_text("Talks at sea")
    is_accessible(page)
    page.get_by_role("button", name="Ahoy?").click()
    expect(chat.answer).to_have_text("Said.")
    chat.settled()
    assert sent(upstream)[0]["messages"][0]["content"] == "Talk as a pirate."
    assert "ship" in str(sent(upstream)[0]["messages"][1]["content"])

    chat.pick("m1")
    chat.field.fill("Hello @pir")
    chat.field.press("End")
    chat.field.press_sequentially("a")
    option = page.get_by_role("listbox").get_by_role("option", name="Pirate")
    expect(option).to_be_visible()
    is_accessible(page)
    chat.field.press("Enter")
    expect(page.locator("#asked")).to_contain_text("Pirate answers this message.")
    expect(chat.field).to_have_value("Hello ")
    chat.ask("Hello")
    expect(page.locator("#asked")).to_be_hidden()
    chat.ask("And you?")
    answers = Chat.objects.get().messages.filter(role="assistant").order_by("created")
    assert [answer.model for answer in answers] == ["assistants/pirate", "assistants/pirate", "m1"]
    assert Chat.objects.get().model == "m1"


def test_a_saved_prompt_is_called_by_a_slash_and_filled_in(chat, provider, alice):
    page = chat.page
    page.goto("/settings/prompts")
    page.get_by_label("Command").fill("letter")
    page.get_by_label("Title").fill("A letter")
    page.get_by_label("Text").fill("Write to {{Who=Ann}}, {{Tone:choice=warm|brief}}:\n{{What:long}}")
    is_accessible(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("A letter")).to_be_visible()
    Prompt.objects.create(owner=alice, command="plain", title="No fields", text="For {{USER_NAME}}. {{Other:kind}}")

    chat.open()
    page.set_viewport_size({"width": 390, "height": 800})
    chat.field.press_sequentially("/le")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    chat.field.press("Backspace")
    chat.field.press("Backspace")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(2)
    chat.field.press("ArrowDown")
    chat.field.press("Escape")
    expect(page.locator("#suggestions")).to_be_hidden()
    chat.field.press_sequentially("let")
    page.get_by_role("listbox").get_by_role("option", name="A letter").click()
    dialog = page.get_by_role("dialog", name="A letter")
    expect(dialog.get_by_label("Who")).to_be_focused()
    expect(dialog.get_by_label("Who")).to_have_value("Ann")
    dialog.get_by_label("Who").fill("{{Tone}}")
    dialog.get_by_label("Tone").select_option("brief")
    dialog.get_by_label("What").fill("Two\nlines")
    is_accessible(page)
    dialog.get_by_role("button", name="Put it into the message").click()
    expect(chat.field).to_be_focused()
    expect(chat.field).to_have_value("Write to {{Tone}}, brief:\nTwo\nlines")
    chat.field.fill("")
    chat.field.press_sequentially("/plain")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    chat.field.press("Tab")
    expect(chat.field).to_have_value("For Alice. {{Other:kind}}")
    chat.field.fill("and/or")
    expect(page.locator("#suggestions")).to_be_hidden()
