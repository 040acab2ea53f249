"""Accessibility of every page in a browser: axe-core in light and dark, narrow and wide windows, and the keyboard."""

import datetime
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chat.models import Chat, Message
from tests.fixtures.chat_page import EVERYTHING, ChatPage

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
PHONE = {"width": 320, "height": 640}
SOURCES = [{"title": "How high a kite may fly in each country of the world", "url": "https://kites.example/rules"}]
RUN = """
async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const places = (nodes) => nodes.slice(0, 4).map((node) => node.html).join(" | ");
  return violations.map(({ id, impact, nodes }) => `${id} (${impact}): ${places(nodes)}`);
}
"""


SETTLE = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"


def violations(page):
    page.evaluate(AXE.read_text())
    page.evaluate(SETTLE)  # colours that have just changed are drawn
    return page.evaluate(RUN)


@pytest.fixture
def full_chat(alice, connection):
    """A chat with every element: a branch, reasoning, steps, a picture, an error, an interruption."""
    chat = Chat.objects.create(user=alice, title="One of everything")
    last = None
    answers = [
        {"content": EVERYTHING.read_text(), "reasoning": "I think.", "usage": {"prompt_tokens": 3}},
        {"content": "Beside it", "status_history": [{"description": "Creating image", "done": True}]},
        {"content": "Found", "status_history": [{"description": "Found 1 result", "done": True, "sources": SOURCES}]},
        {"content": "Half", "status": "stopped"},
        {"content": "Half", "status": "interrupted"},
        {"status": "failed", "error": {"message": "Refused.", "provider": "quota", "blame": "provider"}},
    ]
    for fields in answers:
        question = Message.objects.create(chat=chat, parent=last, role="user", content="A question\nin two lines")
        last = Message.objects.create(chat=chat, parent=question, role="assistant", model="m1", **fields)
        Message.objects.create(chat=chat, parent=question, role="assistant", content="Another", model="m1")
    chat.leaf = last
    chat.save()
    Chat.objects.create(user=alice, title="Older", updated=timezone.now() - datetime.timedelta(days=9))
    return chat


def signed_in_pages(page, chat):
    """The states of the signed-in pages, by name."""
    page.goto("/")
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_enabled()
    yield "empty page"
    page.goto(f"/c/{chat.pk}")
    page.wait_for_selector(".katex")
    yield "thread"
    page.get_by_role("button", name="Model:").click()
    expect(page.get_by_role("option").first).to_be_visible()
    yield "picker"
    page.keyboard.press("Escape")
    page.locator(".message.user").last.get_by_role("button", name="Edit").click()
    yield "editing"
    page.keyboard.press("Escape")
    page.locator(".message.assistant").last.get_by_role("button", name="Details").click()
    yield "details"
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    yield "keys"
    page.keyboard.press("Escape")
    opener = page.get_by_role("button", name="Show the chats")
    if opener.is_visible():
        opener.click()
    yield "sidebar"
    page.get_by_role("button", name="Alice").click()
    expect(page.get_by_text("Sign out")).to_be_visible()
    yield "account menu"


@pytest.mark.parametrize(
    ("scheme", "viewport"), [("light", {"width": 1280, "height": 800}), ("dark", PHONE)], ids=["wide", "narrow"]
)
def test_axe_finds_nothing_on_the_chat_pages(open_page, full_chat, alice, scheme, viewport):
    page = open_page(alice, color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    found = {name: violations(page) for name in signed_in_pages(page, full_chat)}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere"])
def test_axe_finds_nothing_on_the_pages_for_strangers(open_page, problems, scheme, path):
    problems.expect("status of 404")
    page = open_page(color_scheme=scheme)
    page.goto(path)
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_settings(open_page, alice, scheme):
    page = open_page(alice, color_scheme=scheme)
    page.goto("/settings")
    found = {page.url: violations(page)}
    for address in page.locator("a[href^='/settings']").evaluate_all("links => links.map((link) => link.href)"):
        page.goto(address)
        found[address] = violations(page)
    assert {address: lines for address, lines in found.items() if lines} == {}


@pytest.mark.parametrize("width", [320, 390, 640, 1280])
def test_nothing_is_wider_than_the_screen(open_page, full_chat, alice, width):
    """Also at 320 px, the width of a 1280 px window at a zoom of 400 %."""
    page = open_page(alice, viewport={"width": width, "height": 640})
    for name in signed_in_pages(page, full_chat):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate("(b => b.scrollWidth <= b.clientWidth)(document.getElementById('content'))"), name


def test_targets_are_large_enough_for_fingers(open_page, full_chat, alice):
    page = open_page(alice, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.goto(f"/c/{full_chat.pk}")
    page.wait_for_selector(".code-buttons")
    page.get_by_role("button", name="Show the chats").click()
    small = page.locator("button:visible, .sidebar a:visible, summary:visible").evaluate_all(
        """all => all.filter((one) => one.getBoundingClientRect().height < 40 || one.getBoundingClientRect().width < 40)
                    .map((one) => `${one.outerHTML.slice(0, 90)} ${JSON.stringify(one.getBoundingClientRect())}`)"""
    )
    assert small == []


def test_reduced_motion_stills_everything(open_page, full_chat, alice):
    page = open_page(alice, reduced_motion="reduce")
    page.goto(f"/c/{full_chat.pk}")
    assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0


def test_without_scripts_chats_can_be_read_and_a_notice_says_what_is_missing(open_page, full_chat, alice):
    page = open_page(alice, java_script_enabled=False)
    page.goto("/")
    expect(page.get_by_text("Writing needs them")).to_be_visible()
    page.get_by_role("link", name="One of everything", exact=True).click()
    expect(page.get_by_role("heading", name="Lists and tables")).to_be_visible()
    expect(page.get_by_text(r"\int_0^1")).to_be_visible()
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_hidden()
    page.get_by_role("searchbox").fill("older")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator(".chat-row")).to_have_count(1)


def test_dialogs_give_the_focus_back(open_page, full_chat, alice):
    page = open_page(alice)
    chat = ChatPage(page).open(f"/c/{full_chat.pk}")
    chat.field.focus()
    page.get_by_role("button", name="Model:").press("Enter")
    expect(page.get_by_role("combobox", name="Search models")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Model:")).to_be_focused()
    page.get_by_role("button", name="Alice").press("Enter")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()


def test_the_drawer_takes_the_focus_and_gives_it_back(open_page, full_chat, alice):
    page = open_page(alice, viewport={"width": 390, "height": 800})
    ChatPage(page).open(f"/c/{full_chat.pk}")
    opener = page.get_by_role("button", name="Show the chats")
    opener.click()
    expect(page.get_by_role("button", name="Hide the chats")).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    expect(page.get_by_role("link", name="Older")).to_be_hidden()
