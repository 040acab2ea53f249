"""A chat's own rules in the browser: before the first message, in two tabs, in a temporary chat."""

import pytest
from playwright.sync_api import expect

from chat.models import Chat, ChatSettings
from providers.models import ChatModel
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage


@pytest.fixture
def chat(open_page, provider, alice):
    row = ChatSettings.load()
    row.memory = True
    row.save()
    ChatModel.objects.update(tools=True)
    return ChatPage(open_page(alice)).open()


def button(chat):
    return chat.page.locator("#rules-button")


def dialog(chat):
    return chat.page.get_by_role("dialog", name="Rules of this chat")


def set_rules(chat, **values):
    button(chat).click()
    for label, value in values.items():
        dialog(chat).get_by_label(label.replace("_", " ")).fill(value)
    dialog(chat).get_by_role("button", name="Save").click()
    expect(dialog(chat)).to_be_hidden()


def sent(upstream):
    return [received.json for received in upstream.chats if received.json["stream"]]


def test_rules_are_set_before_the_first_message_and_seen_in_every_tab(chat, upstream):
    expect(button(chat)).to_have_attribute("aria-label", "Rules of this chat")
    button(chat).focus()
    button(chat).press("Enter")
    prompt = dialog(chat).get_by_label("System prompt")
    expect(prompt).to_be_focused()
    prompt.fill("Be brief.")
    dialog(chat).get_by_label("Temperature").fill("7")
    dialog(chat).get_by_role("button", name="Save").click()
    expect(dialog(chat).get_by_role("alert")).not_to_be_empty()
    expect(dialog(chat).get_by_label("Temperature")).to_be_focused()
    dialog(chat).get_by_label("Temperature").fill("0.5")
    dialog(chat).get_by_label("Longest answer").fill("200")
    dialog(chat).get_by_label("Thinking").select_option("low")
    dialog(chat).get_by_label("Remember facts about you").uncheck()
    for scheme in ("light", "dark"):
        chat.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(chat.page) == []
    dialog(chat).get_by_role("button", name="Save").click()
    expect(button(chat)).to_be_focused()
    expect(button(chat)).to_have_attribute("aria-label", "Rules of this chat: set")
    chat.page.reload()
    expect(button(chat)).to_have_attribute("aria-label", "Rules of this chat: set")

    chat.ask("Hello")
    names = ("temperature", "max_tokens", "reasoning_effort", "tools")
    assert [sent(upstream)[0].get(name) for name in names] == [0.5, 200, "low", None]
    assert sent(upstream)[0]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert Chat.objects.get().rules["tools"] == []
    other = ChatPage(chat.page.context.new_page()).open(f"/c/{Chat.objects.get().pk}")
    button(other).click()
    expect(dialog(other).get_by_label("Temperature")).to_have_value("0.5")
    expect(dialog(other).get_by_label("Remember facts about you")).not_to_be_checked()

    set_rules(chat, System_prompt="Be long.")
    expect(dialog(other).get_by_label("System prompt")).to_have_value("Be long.")
    dialog(other).get_by_role("button", name="Remove the rules").click()
    expect(button(chat)).to_have_attribute("aria-label", "Rules of this chat")
    chat.ask("And now?")
    assert [message["role"] for message in sent(upstream)[1]["messages"]] == ["user", "assistant", "user"]
    assert [one["function"]["name"] for one in sent(upstream)[1]["tools"]] == ["remember"]
    chat.page.get_by_role("link", name="New chat").first.click()
    expect(chat.page.locator("#welcome")).to_be_visible()
    expect(button(chat)).to_have_attribute("aria-label", "Rules of this chat")


def test_a_temporary_chat_has_rules_as_well(chat, provider, upstream):
    chat.page.get_by_role("link", name="Temporary chat").click()
    expect(chat.page.get_by_text("This chat is not saved")).to_be_visible()
    chat.page.set_viewport_size({"width": 390, "height": 800})
    set_rules(chat, System_prompt="Be brief.")
    provider.says("Hello", "Short.")
    provider.says("Hello", "Longer.")
    chat.ask("Hello")
    set_rules(chat, System_prompt="Be long.")
    chat.press(chat.answers.last, "Answer again")
    expect(chat.answer).to_have_text("Longer.")
    chat.settled()
    assert [body["messages"][0]["content"] for body in sent(upstream)] == ["Be brief.", "Be long."]
    chat.page.get_by_role("button", name="Keep this chat").click()
    chat.page.wait_for_url("**/c/*")
    assert Chat.objects.get().rules == {"system_prompt": "Be long."}
    expect(button(chat)).to_have_attribute("aria-label", "Rules of this chat: set")
