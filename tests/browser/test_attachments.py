"""Files in the composer: picking, pasting, dropping, upload, removal, sending, and their display in the thread."""

import base64

import pytest
from playwright.sync_api import expect

from chat.models import File
from providers.models import ChatModel
from tests.browser.test_access import violations
from tests.chat.pdf import pdf
from tests.fixtures.chat_page import ChatPage
from tests.upstream.pictures import png

PICTURE, OTHER = png(300, 200), png(300, 200, shade=90)
# A DataTransfer as a paste or a drop brings it.
TRANSFER = """([name, type, content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  return transfer;
}"""
PASTE = """(clipboardData) => {
  const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
  document.getElementById("message").dispatchEvent(paste);
}"""


@pytest.fixture
def chat(open_page, provider, alice):
    return ChatPage(open_page(alice)).open()


class Uploads:
    """Holds or refuses the upload of files with these words in their name, before it reaches the server."""

    def __init__(self, page):
        self.held = []
        self.refused = ""
        self.holding = ""
        page.route("**/api/v1/files/", self._handle)

    def _handle(self, route):
        body = route.request.post_data_buffer or b""
        if self.refused and self.refused.encode() in body:
            route.fulfill(status=413, json={"detail": "Your files have reached the limit.", "code": "quota_exceeded"})
        elif self.holding and self.holding.encode() in body:
            self.held.append(route)
        else:
            route.continue_()


def carry(page, name, kind, content):
    return page.evaluate_handle(TRANSFER, [name, kind, base64.b64encode(content).decode()])


def drop(page, transfer):
    for kind in ("dragenter", "dragover"):
        page.dispatch_event("#content", kind, {"dataTransfer": transfer})
    expect(page.get_by_text("Drop files to attach them")).to_be_visible()
    page.dispatch_event("#content", "drop", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop files to attach them")).to_be_hidden()


def chips(page):
    return page.get_by_role("list", name="Attached files").get_by_role("listitem")


def pick(page, *files):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files([{"name": name, "mimeType": kind, "buffer": content} for name, kind, content in files])


def test_files_are_picked_pasted_and_dropped_wait_with_the_draft_and_reach_the_model(chat, provider, upstream):
    page, send = chat.page, chat.page.get_by_role("button", name="Send", exact=True)
    uploads = Uploads(page)
    uploads.holding = "slow.md"

    pick(page, ("sky.pdf", "application/pdf", pdf("The sky is blue.")), ("slow.md", "text/markdown", b"# Slow"))
    expect(chips(page)).to_have_count(2)
    expect(chips(page).filter(has_text="slow.md").get_by_role("progressbar")).to_be_visible()
    chat.field.fill("Compare these.")
    expect(send).to_be_disabled()
    chat.field.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("still being uploaded")
    expect(chat.questions).to_have_count(0)
    uploads.held[0].continue_()
    expect(send).to_be_enabled()

    page.evaluate(PASTE, carry(page, "image.png", "image/png", PICTURE))
    expect(chips(page)).to_have_count(3)
    expect(chips(page).nth(2).locator("img")).to_be_visible()
    drop(page, carry(page, "chart.png", "image/png", OTHER))
    expect(chips(page)).to_have_count(4)
    expect(send).to_be_enabled()
    assert violations(page) == []

    page.get_by_role("button", name="Remove chart.png").click()
    expect(chips(page)).to_have_count(3)
    expect(page.get_by_role("button", name="Remove image.png")).to_be_focused()

    page.reload()
    expect(chips(page)).to_have_count(3)
    expect(chips(page).nth(2).locator("img")).to_be_visible()
    expect(chat.field).to_have_value("Compare these.")
    chat.field.press("Enter")
    expect(chat.answer).to_have_text("Said.")
    chat.settled()
    expect(chips(page)).to_have_count(0)

    [message] = next(one.json["messages"] for one in upstream.chats if one.json.get("stream"))
    words, picture = message["content"]
    assert words["text"] == (
        '<file name="sky.pdf">\nThe sky is blue.\n</file>\n\n<file name="slow.md">\n# Slow\n</file>\n\nCompare these.'
    )
    assert base64.b64decode(picture["image_url"]["url"].partition(",")[2]) == PICTURE
    question = chat.questions.first
    expect(question.get_by_role("link", name="sky.pdf")).to_be_visible()
    expect(question.get_by_role("img", name="image.png")).to_be_visible()
    assert sorted(File.objects.values_list("name", flat=True)) == ["image.png", "sky.pdf", "slow.md"]
    page.reload()
    expect(question.get_by_role("img", name="image.png")).to_be_visible()
    assert violations(page) == []


def test_what_cannot_be_attached_says_why_and_can_be_tried_again_or_removed(chat, provider, settings, problems):
    problems.expect("status of 413")
    settings.FILE_MAX_BYTES = 5000
    page = chat.page
    chat.open()
    uploads = Uploads(page)
    uploads.refused = "refused.txt"

    pick(page, ("huge.txt", "text/plain", b"x" * 6000), ("all.zip", "application/zip", b"PK\3\4"))
    expect(page.locator("#toasts")).to_contain_text("“huge.txt” is too large: at most 5 kB.")
    expect(chips(page)).to_have_text(["all.zip Models cannot read this kind of file."])
    pick(page, ("refused.txt", "text/plain", b"words"))
    refused = chips(page).filter(has_text="refused.txt")
    expect(refused).to_contain_text("Your files have reached the limit.")
    chat.write("Read it.")
    expect(page.locator("#toasts")).to_contain_text("was not uploaded")
    assert violations(page) == []

    page.get_by_role("button", name="Remove all.zip").click()
    uploads.refused = ""
    page.get_by_role("button", name="Upload refused.txt again").click()
    expect(refused).to_contain_text("0.1 kB")
    pick(page, *((f"{number}.txt", "text/plain", b"words") for number in range(20)))
    expect(page.locator("#toasts")).to_contain_text("at most 20 files")
    expect(chips(page)).to_have_count(20)


def test_a_model_without_vision_is_named_at_once_and_the_files_stay_with_their_chat(chat, provider, alice):
    ChatModel.objects.filter(public_id="m1").update(vision=False)
    page = chat.page
    chat.ask("Hello")
    chat.pick("m1")
    pick(page, ("red.png", "image/png", PICTURE))
    expect(page.get_by_text("This model cannot see pictures.")).to_be_visible()

    page.get_by_role("link", name="New chat").first.click()
    expect(page.locator("#welcome")).to_be_visible()
    expect(chips(page)).to_have_count(0)
    page.go_back()
    expect(chips(page)).to_have_count(1)

    chat.field.press("Enter")  # a picture alone is a message
    expect(chat.questions.last.get_by_role("img", name="red.png")).to_be_visible()
    chat.settled()
    expect(chat.answers.last.get_by_text("This model cannot see pictures.")).to_be_visible()


def test_what_waits_in_one_chat_stays_there_when_another_one_begins(chat, provider):
    page, held = chat.page, []
    chat.ask("Hello")
    page.get_by_role("link", name="New chat").first.click()
    expect(page.locator("#welcome")).to_be_visible()
    page.route("**/api/v1/chats/", lambda route: held.append(route))
    with page.expect_request("**/api/v1/chats/"):
        chat.field.fill("Something else")
        chat.field.press("Enter")
    page.go_back()
    expect(chat.questions).to_contain_text(["Hello"])
    pick(page, ("red.png", "image/png", PICTURE))
    expect(chips(page)).to_have_count(1)

    held[0].continue_()

    expect(page.get_by_role("button", name="Send")).to_be_enabled()  # the other question has been sent
    expect(chips(page)).to_have_count(1)


def test_in_a_temporary_chat_files_reach_the_model_and_have_an_end(open_page, provider, upstream, alice):
    chat = ChatPage(open_page(alice)).open("/?temporary=1")
    pick(chat.page, ("red.png", "image/png", PICTURE), ("sky.txt", "text/plain", b"Blue."))
    expect(chat.page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    chat.field.fill("What is it?")
    chat.field.press("Enter")
    expect(chat.answer).to_have_text("Said.")
    expect(chat.questions.first.get_by_role("img", name="red.png")).to_be_visible()
    expect(chat.questions.first.get_by_role("link", name="sky.txt")).to_be_visible()
    chat.ask("Sure?")

    first, _answer, _second = upstream.chats[-1].json["messages"]
    assert first["content"][0]["text"] == '<file name="sky.txt">\nBlue.\n</file>\n\nWhat is it?'
    assert first["content"][1]["type"] == "image_url"
    assert not File.objects.filter(expires_at=None).exists()
    assert chat.page.evaluate("Object.keys(sessionStorage).filter((name) => name.includes('files:'))") == []


def test_taking_files_back_leaves_the_thread_at_its_end(chat, provider):
    provider.says("At length", "line\n\n" * 40)
    chat.ask("At length")
    notes = [{"name": f"notes-{n}.txt", "mimeType": "text/plain", "buffer": b"Notes"} for n in range(5)]
    strange = {"name": "strange.bin", "mimeType": "application/octet-stream", "buffer": bytes(range(256))}
    chat.page.locator("#attach-files").set_input_files([*notes[:3], strange, *notes[3:]])
    expect(chat.page.locator(".attachment[data-state='done']")).to_have_count(5)
    chat.page.get_by_role("button", name="Remove strange.bin").click()
    expect(chat.page.locator(".attachment")).to_have_count(5)
    chat.page.wait_for_function(
        "() => { const box = document.getElementById('content'); "
        "return box.scrollHeight - box.scrollTop - box.clientHeight < 2; }"
    )
    expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_hidden()
