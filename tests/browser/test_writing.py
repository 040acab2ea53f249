"""Writing: long pastes become files, and the next message waits while an answer runs."""

import pytest
from playwright.sync_api import expect

from chat.models import Chat, Message
from tests.browser.chat_page import ChatPage
from tests.upstream import RESET, Gate

LONG = "A line that somebody copied.\n" * 200
PASTE = """
(text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  const field = document.getElementById("message");
  field.focus();
  const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
  if (field.dispatchEvent(event)) document.execCommand("insertText", false, text);
}
"""


@pytest.fixture
def chat(open_page, provider, alice):
    return ChatPage(open_page(alice)).open()


def chips(chat):
    return chat.page.get_by_role("list", name="Attached files").get_by_role("listitem")


def waiting(chat):
    return chat.page.get_by_role("group", name="Next message")


def busy(chat, provider, question="Go on"):
    """An answer that runs until the gate opens."""
    gate = Gate()
    provider.says(question, "one two three", after={1: gate})
    chat.write(question)
    gate.wait()
    expect(chat.answer).to_contain_text("one")
    return gate


def test_a_long_paste_becomes_a_file_of_the_message(chat, provider, upstream):
    chat.page.evaluate(PASTE, LONG)
    expect(chips(chat)).to_have_count(1)
    expect(chips(chat)).to_contain_text("Pasted text.txt")
    expect(chat.field).to_have_value("")
    expect(chat.page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    chat.write("What is this?")
    chat.settled()
    expect(chat.questions.get_by_role("link", name="Pasted text.txt")).to_be_visible()
    assert "A line that somebody copied." in str(upstream.chats[0].json["messages"])


def test_a_pasted_text_can_be_put_into_the_message(chat):
    chat.field.fill("Before and after")
    chat.field.evaluate("(field) => field.setSelectionRange(7, 7)")
    chat.page.evaluate(PASTE, LONG)
    expect(chips(chat)).to_have_count(1)
    chips(chat).get_by_role("button", name="Put it into the message").press("Enter")
    expect(chips(chat)).to_have_count(0)
    expect(chat.field).to_have_value(f"Before {LONG}and after")
    expect(chat.field).to_be_focused()


def test_a_pasted_text_can_be_put_into_the_message_after_a_reload(chat):
    chat.page.evaluate(PASTE, LONG)
    expect(chat.page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    chat.page.reload()
    chips(chat).get_by_role("button", name="Put it into the message").click()
    expect(chat.field).to_have_value(LONG)


def test_a_paste_of_ordinary_length_goes_into_the_field(chat):
    chat.page.evaluate(PASTE, "a" * 4_000)
    expect(chat.field).to_have_value("a" * 4_000)
    expect(chips(chat)).to_have_count(0)


def test_enter_while_an_answer_runs_lets_the_message_wait_its_turn(chat, provider):
    gate = busy(chat, provider)
    chat.write("And then?")
    expect(waiting(chat)).to_contain_text("Sent when this answer is over")
    expect(waiting(chat)).to_contain_text("And then?")
    expect(chat.field).to_have_value("")
    expect(chat.questions).to_have_count(1)
    gate.open()
    expect(chat.questions).to_have_count(2)
    expect(waiting(chat)).to_be_hidden()
    chat.settled()
    expect(chat.questions.last.locator(".bubble")).to_have_text("And then?")
    expect(chat.answers.nth(0)).to_contain_text("one two three")
    expect(chat.answer).to_have_text("Said.")


def test_a_waiting_message_can_be_changed_and_taken_back(chat, provider):
    gate = busy(chat, provider)
    chat.write("Wrnog")
    waiting(chat).get_by_role("button", name="Change it").click()
    expect(waiting(chat)).to_be_hidden()
    expect(chat.field).to_have_value("Wrnog")
    expect(chat.field).to_be_focused()
    chat.write("Right")
    waiting(chat).get_by_role("button", name="Do not send it").click()
    expect(chat.field).to_be_focused()
    gate.open()
    chat.settled()
    expect(waiting(chat)).to_be_hidden()
    assert Message.objects.filter(role="user").count() == 1


def test_a_second_waiting_message_is_refused_in_words(chat, provider):
    gate = busy(chat, provider)
    chat.write("First")
    chat.write("Second")
    expect(waiting(chat)).to_contain_text("One message can wait")
    expect(chat.field).to_have_value("Second")
    gate.open()
    expect(chat.questions.last.locator(".bubble")).to_have_text("First")
    chat.settled()
    expect(chat.field).to_have_value("Second")


def test_a_waiting_message_outlives_a_reload(chat, provider):
    gate = busy(chat, provider)
    chat.write("And then?")
    chat.page.reload()
    expect(waiting(chat)).to_contain_text("And then?")
    gate.open()
    expect(chat.questions).to_have_count(2)
    chat.settled()
    assert Message.objects.filter(content="And then?").count() == 1


def test_a_waiting_message_is_sent_while_another_chat_is_shown(chat, provider, alice):
    gate = busy(chat, provider)
    chat.write("And then?")
    expect(waiting(chat)).to_be_visible()
    chat.page.get_by_role("link", name="New chat").first.click()
    expect(chat.page.locator("#welcome")).to_be_visible()
    expect(waiting(chat)).to_be_hidden()
    gate.open()
    chat.chats.first.get_by_role("link").click()
    expect(chat.questions.last.locator(".bubble")).to_have_text("And then?")
    chat.settled()
    assert Message.objects.filter(content="And then?").count() == 1


def test_a_message_that_waited_for_a_failure_stands_in_the_field(chat, provider):
    gate = Gate()
    provider.says("Go on", "one two three", after={1: gate, 2: RESET})
    chat.write("Go on")
    gate.wait()
    chat.write("And then?")
    expect(waiting(chat)).to_be_visible()
    gate.open()
    expect(chat.page.get_by_role("group", name="This answer failed")).to_be_visible()
    expect(chat.field).to_have_value("And then?")
    expect(waiting(chat)).to_be_hidden()


def test_a_waiting_message_has_its_files(chat, provider, upstream):
    gate = busy(chat, provider)
    chat.page.evaluate(PASTE, LONG)
    expect(chips(chat)).to_have_count(1)
    expect(chat.page.get_by_role("progressbar")).to_have_count(0)
    chat.write("Read it")
    expect(waiting(chat)).to_contain_text("Files: 1")
    expect(chips(chat)).to_have_count(0)
    gate.open()
    expect(chat.questions).to_have_count(2)
    chat.settled()
    expect(chat.questions.last.get_by_role("link", name="Pasted text.txt")).to_be_visible()


def test_what_is_written_while_a_new_chat_opens_waits_too(chat, provider):
    gate = Gate()
    provider.says("Hello", "one two", after={0: gate})
    chat.field.fill("Hello")
    chat.field.press("Enter")
    chat.field.type("More")
    chat.field.press("Enter")
    expect(waiting(chat)).to_contain_text("More")
    gate.open()
    expect(chat.questions).to_have_count(2)
    chat.settled()
    assert Chat.objects.count() == 1
