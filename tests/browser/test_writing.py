"""The composer in the browser: long pastes become files, and a message waits while an answer is running."""

import pytest
from playwright.sync_api import expect

from chat.models import Chat, Message
from tests.fixtures.chat_page import ChatPage
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


MESSAGES = "**/api/v1/chats/*/messages"


@pytest.fixture
def chat(open_page, provider, alice):
    return ChatPage(open_page(alice)).open()


def chips(chat):
    return chat.page.get_by_role("list", name="Attached files").get_by_role("listitem")


def waiting(chat):
    return chat.page.get_by_role("group", name="Messages that wait")


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


def test_a_text_that_is_put_into_the_message_twice_takes_no_other_file_away(chat):
    chat.page.evaluate(PASTE, LONG)
    chat.page.locator("#attach-files").set_input_files(
        {"name": "note.txt", "mimeType": "text/plain", "buffer": b"It is noon."}
    )
    expect(chips(chat)).to_have_count(2)
    button = chips(chat).first.get_by_role("button", name="Put it into the message")
    button.evaluate("(button) => { button.click(); button.click(); }")
    expect(chat.field).to_have_value(LONG)
    expect(chips(chat)).to_have_count(1)
    expect(chips(chat)).to_contain_text("note.txt")


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


def test_several_wait_in_order_on_every_device_and_one_can_go_at_once(chat, provider, open_page, alice):
    busy(chat, provider)
    for text in ("First", "Second", "Thrid"):
        chat.write(text)
    rows = waiting(chat).get_by_role("listitem")
    expect(rows).to_have_count(3)
    expect(waiting(chat)).to_contain_text("Sent in this order")
    rows.nth(1).get_by_role("button", name="Move it up").press("Enter")
    expect(rows.nth(0)).to_contain_text("Second")
    expect(rows.nth(0).get_by_role("button", name="Change it")).to_be_focused()
    other = ChatPage(open_page(alice)).open(chat.page.url)
    shown = waiting(other).get_by_role("listitem")
    expect(shown.nth(0)).to_contain_text("Second")

    # Changed in the field, it takes its place again; taken away, it is gone on the other device too.
    rows.nth(2).get_by_role("button", name="Change it").click()
    expect(chat.field).to_have_value("Thrid")
    expect(shown).to_have_count(2)
    chat.write("Third")
    expect(shown.nth(2)).to_contain_text("Third")
    shown.nth(1).get_by_role("button", name="Do not send it").click()
    expect(rows).to_have_count(2)

    # At once: the answer is stopped, keeps its text, and the message stands below it; the rest goes on by itself.
    chat.field.fill("Now")
    expect(chat.page.get_by_text("stops the answer and sends it")).to_be_visible()
    chat.field.press("Control+Enter")
    expect(chat.questions).to_have_count(4)
    expect(waiting(chat)).to_be_hidden()
    expect(waiting(other)).to_be_hidden()
    chat.settled()
    expect(chat.answers.nth(0)).to_contain_text("one")
    expect(chat.answers.nth(0)).not_to_contain_text("two")
    assert [text.strip() for text in chat.questions.locator(".bubble").all_inner_texts()] == [
        "Go on",
        "Now",
        "Second",
        "Third",
    ]


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


def test_messages_that_waited_for_a_failure_are_for_the_person_to_send(chat, provider):
    gate = Gate()
    provider.says("Go on", "one two three", after={1: gate, 2: RESET})
    chat.write("Go on")
    gate.wait()
    chat.write("And then?")
    expect(waiting(chat)).to_be_visible()
    gate.open()
    expect(chat.page.get_by_role("group", name="This answer failed")).to_be_visible()
    expect(waiting(chat)).to_contain_text("the answer was not finished")
    waiting(chat).get_by_role("button", name="Send now", exact=True).click()
    expect(chat.questions.last.locator(".bubble")).to_have_text("And then?")
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


def held(chat, address):
    """The requests to this address, held back until the test releases them."""
    routes = []
    chat.page.route(address, lambda route: routes.append(route))
    return routes


@pytest.fixture
def told(chat, problems):
    """Returns a function that waits until the page reports the failed request, and lets later requests through."""
    problems.expect("ERR_FAILED")

    def wait():
        expect(chat.page.locator(".toast").first).to_be_visible()
        chat.page.unroute_all()

    return wait


def go_to_a_new_chat(chat):
    chat.page.get_by_role("link", name="New chat").first.click()
    expect(chat.page.locator("#welcome")).to_be_visible()


def test_a_message_that_cannot_wait_stands_in_the_field(chat, provider, told):
    gate = busy(chat, provider)
    chat.page.route("**/queue/", lambda route: route.abort())
    chat.write("And then?")
    told()
    expect(chat.field).to_have_value("And then?")
    expect(waiting(chat)).to_be_hidden()
    gate.open()
    chat.settled()


@pytest.mark.parametrize("reloads", [True, False])
def test_what_waited_for_a_new_chat_never_begins_one_by_itself(chat, reloads):
    held(chat, "**/api/v1/chats/")
    chat.write("Hello")
    chat.page.evaluate(PASTE, LONG)
    expect(chips(chat)).to_have_count(1)
    expect(chat.page.get_by_role("progressbar")).to_have_count(0)
    chat.write("More")
    expect(waiting(chat)).to_contain_text("More")
    if reloads:
        chat.page.reload()
    else:
        chat.page.get_by_role("link", name="New chat").first.click()
    expect(chat.field).to_have_value("Hello\nMore" if reloads else "More")  # a reload ends the request for the first
    expect(waiting(chat)).to_be_hidden()
    expect(chips(chat)).to_have_count(1)
    expect(chat.questions).to_have_count(0)
    assert not Message.objects.filter(content="More").exists()


@pytest.mark.parametrize(("fails", "draft"), [(True, "Question\nSince"), (False, "Since")])
def test_what_was_written_since_a_message_was_sent_is_kept(chat, told, fails, draft):
    chat.ask("Hello")
    routes = held(chat, MESSAGES)
    with chat.page.expect_request(MESSAGES):
        chat.write("Question")
    chat.field.fill("Since")
    go_to_a_new_chat(chat)
    if fails:
        routes[0].abort()
        told()
    else:
        with chat.page.expect_response(MESSAGES):
            routes[0].continue_()
    chat.chats.first.get_by_role("link").click()
    expect(chat.questions).to_have_count(1 if fails else 2)
    expect(chat.field).to_have_value(draft)


def test_a_message_of_a_temporary_chat_that_fails_is_not_stored(chat, told):
    note = chat.page.get_by_text("This chat is not saved")
    chat.open("/?temporary=1")
    go_to_a_new_chat(chat)
    expect(note).to_have_count(0)
    chat.page.go_back()
    expect(note).to_be_visible()
    expect(chat.field).to_be_enabled()
    routes = held(chat, "**/api/chat/completions")
    with chat.page.expect_request("**/api/chat/completions"):
        chat.write("A secret")
    chat.page.go_forward()
    expect(note).to_have_count(0)
    routes[0].abort()
    told()
    assert "A secret" not in chat.page.evaluate("JSON.stringify(sessionStorage)")


def test_a_long_paste_into_an_edited_message_stays_text(chat, provider):
    chat.ask("Hello")
    chat.press(chat.questions.last, "Edit")
    field = chat.page.get_by_role("textbox", name="Edit your message")
    field.fill("")
    chat.page.evaluate(PASTE.replace('document.getElementById("message")', "document.activeElement"), LONG)
    expect(field).to_have_value(LONG)
    expect(chips(chat)).to_have_count(0)
    assert field.bounding_box()["height"] <= chat.page.viewport_size["height"] / 2 + 1
    field.press("Enter")
    expect(chat.questions.last.locator("summary", has_text="Show all")).to_be_visible()
    chat.settled()


# The growth of the composer, held in its middle.
HELD = """
async (act) => {
  const part = document.querySelector(".glides");
  const content = document.getElementById("content");
  const before = part.offsetHeight;
  const began = new Promise((resolve) => part.addEventListener("transitionrun", resolve, { once: true }));
  document.getElementById("message").setRangeText(act, 0, 0, "end");
  await began;
  const [growth] = part.getAnimations();
  const { duration, easing } = growth.effect.getTiming();
  growth.pause();
  growth.currentTime = duration / 2;
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const middle = part.offsetHeight;
  const fromEnd = content.scrollHeight - content.scrollTop - content.clientHeight;
  const top = content.scrollTop;
  growth.finish();
  return { before, middle, after: part.firstElementChild.offsetHeight, duration, easing, fromEnd, top };
}
"""


@pytest.fixture
def moving(open_page, provider, alice):
    """A chat with a long answer, in a window that draws motion."""
    chat = ChatPage(open_page(alice, reduced_motion="no-preference")).open()
    provider.says("Go on", "A line of the answer.\n\n" * 60)
    chat.ask("Go on")
    expect(chat.page.locator(".to-latest")).to_be_hidden()
    return chat


def test_the_composer_grows_smoothly_and_the_end_stays_in_view(moving):
    held = moving.page.evaluate(HELD, "one\ntwo\nthree\n")
    assert held["before"] < held["middle"] < held["after"]
    assert (held["duration"], held["easing"]) == (150, "cubic-bezier(0, 0, 0.2, 1)")
    assert held["fromEnd"] < 2
    moving.page.wait_for_function("() => !document.querySelector('.composer .glides').getAnimations().length")
    assert moving.scrolled_to_end()


def test_what_one_reads_stays_where_it_is_while_the_composer_grows(moving):
    moving.page.evaluate("document.getElementById('content').scrollTop = 40")
    expect(moving.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    assert moving.page.evaluate(HELD, "one\ntwo\n")["top"] == 40
    moving.field.fill("")
    moving.page.wait_for_function("() => document.querySelector('.composer .glides').offsetHeight < 45")
    assert moving.page.evaluate("document.getElementById('content').scrollTop") == 40


def test_a_field_grows_while_one_writes_where_the_browser_needs_help(open_page, provider, alice):
    page = open_page(alice)
    page.add_init_script("CSS.supports = () => false")
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => {"
        " const sheet = new CSSStyleSheet(); sheet.replaceSync('textarea { field-sizing: fixed !important }');"
        " document.adoptedStyleSheets = [sheet]; })"
    )
    chat = ChatPage(page).open()
    chat.ask("Hello")
    chat.press(chat.questions.last, "Edit")
    for field in (chat.page.get_by_role("textbox", name="Edit your message"), chat.field):
        field.fill("one")
        before = field.bounding_box()["height"]
        field.fill("one\ntwo\nthree\nfour")
        assert field.bounding_box()["height"] > before + 30


def test_the_composer_grows_at_once_for_who_wants_no_motion(chat):
    chat.field.fill("one\ntwo\nthree")
    part = chat.page.locator(".composer .glides")
    expect(part).to_have_css("transition-duration", "1e-05s")
    expect(part).to_have_css("height", f"{part.locator('> div').bounding_box()['height']:g}px")


def test_the_composer_grows_to_a_third_of_the_window(chat):
    chat.field.fill("one\n" * 60)
    third = chat.page.viewport_size["height"] * 0.33
    chat.page.wait_for_function(
        "(third) => Math.abs(document.querySelector('.composer .glides').offsetHeight - third) < 2", arg=third
    )
    assert chat.field.evaluate("(field) => field.scrollHeight > field.clientHeight")
