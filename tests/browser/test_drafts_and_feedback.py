"""A started message on the next device, and thumbs below an answer."""

from playwright.sync_api import expect

from chat.models import Chat, Draft, Feedback, Message
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage


def field(page):
    return page.get_by_role("textbox", name="Message", exact=True)


def kept(page):
    return page.expect_response(lambda response: "/drafts/" in response.url and response.request.method == "PUT")


def test_a_started_message_is_on_the_next_device_and_gone_when_sent(open_page, alice, provider, problems):
    problems.expect("ERR_FAILED")
    provider.says("Hello from both", "Hi.")
    first = ChatPage(open_page(alice)).open().page
    with kept(first):
        field(first).press_sequentially("Hello")
    upload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Kites"}
    with kept(first):
        first.set_input_files("#attach-files", upload)
    second = ChatPage(open_page(alice, viewport={"width": 390, "height": 800})).open().page
    expect(field(second)).to_have_value("Hello")
    expect(second.locator("#attachments")).to_contain_text("notes.txt")
    # What is written there appears here, where nobody types.
    with kept(second):
        field(second).press_sequentially(" from both")
    expect(field(first)).to_have_value("Hello from both")
    # What is being typed here is not overwritten by what comes from there.
    first.route(
        "**/api/v1/drafts/**", lambda route: route.abort() if route.request.method == "PUT" else route.continue_()
    )
    field(first).press_sequentially(" and more")
    with kept(second):
        field(second).fill("Hello from both")
        second.get_by_role("button", name="Remove notes.txt").click()
    expect(field(first)).to_have_value("Hello from both and more")
    first.close()
    second.get_by_role("button", name="Send").click()
    expect(second.get_by_text("Hi.", exact=True)).to_be_visible()
    expect(field(second)).to_have_value("")
    second.reload()
    expect(field(second)).to_have_value("")
    assert not Draft.objects.exists()
    third = ChatPage(open_page(alice)).open().page
    expect(field(third)).to_have_value("")


def test_an_answer_is_rated_by_keys_with_a_reason_and_taken_back(open_page, alice, connection):
    chat = Chat.objects.create(user=alice, title="Kites")
    asked = Message.objects.create(chat=chat, role="user", content="What flies?")
    chat.leaf = Message.objects.create(chat=chat, parent=asked, role="assistant", content="Birds.", model="m1")
    chat.save()
    page = open_page(alice, locale="zh-CN", color_scheme="dark")
    page.goto(f"/c/{chat.pk}")
    down = page.get_by_role("button", name="不好的回答")
    down.press("Enter")
    expect(page.get_by_role("checkbox", name="不正确")).to_be_focused()
    expect(down).to_have_attribute("aria-pressed", "true")
    assert violations(page) == []
    page.keyboard.press("Space")
    page.get_by_role("textbox", name="用你自己的话").fill("It was a kite")
    page.get_by_role("button", name="发送", exact=True).first.click()
    expect(down).to_be_focused()
    assert (Feedback.objects.get().reasons, Feedback.objects.get().text) == (["wrong"], "It was a kite")
    page.reload()
    expect(down).to_have_attribute("aria-pressed", "true")
    down.click()
    expect(down).to_have_attribute("aria-pressed", "false")
    assert not Feedback.objects.exists()
