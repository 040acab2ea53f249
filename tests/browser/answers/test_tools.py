"""Tools in the browser: the question before a call, after a reload and by keyboard; what was called; connect."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chat.models import ToolServer
from providers.models import ChatModel
from tests import people
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream.tools import ToolServerProcess

LISTED = [  # as the server says it
    {"name": name, "title": title, "description": "", "parameters": {"type": "object"}, "request": {}}
    for name, title in (("add", "Add up"), ("draw", "draw"), ("fail", "fail"))
]


@pytest.fixture
def servers(connection):
    people.set_chat()
    ChatModel.objects.update(tools=True)
    desk, guarded = ToolServerProcess().start(), ToolServerProcess(guarded=True).start()
    ToolServer.objects.create(name="Desk", url=desk.url, new_tools="ask", listed=LISTED, listed_at=timezone.now())
    ToolServer.objects.create(name="Vault", url=guarded.url, auth="grant", new_tools="on")
    yield desk, guarded
    desk.stop()
    guarded.stop()


def test_a_person_allows_a_call_after_a_reload_and_sees_what_it_did(servers, open_page, provider, alice):
    calls = [{"name": "desk_add", "arguments": {"a": 2, "b": 3}}, {"name": "desk_draw", "arguments": {}}]
    provider.says("Add and draw", "", tool_calls=calls)
    page = open_page(alice)
    chat = ChatPage(page).open()
    chat.write("Add and draw")
    card = page.locator("[data-part='approval']")
    expect(card).to_contain_text("May “Add up” of Desk be called?")
    expect(card.locator("pre")).to_contain_text('"b": 3')
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.reload()
    expect(card).to_contain_text("May “Add up” of Desk be called?")
    once = card.get_by_role("button", name="Allow once")
    once.focus()
    once.press("Enter")
    expect(card).to_contain_text("May “draw” of Desk be called?")
    expect(page.locator(".status .call summary")).to_have_text("“Add up” of Desk")
    card.get_by_role("button", name="Refuse").click()
    chat.settled()
    expect(card).to_have_count(0)

    page.get_by_text("How this was made").click()
    page.locator(".call summary").first.click()
    expect(page.locator(".call").first).to_contain_text("The sum is 5.")
    expect(page.locator(".call").first).to_contain_text('"b": 3')
    expect(page.locator(".made")).to_contain_text("“draw” of Desk was refused")


def test_a_person_connects_and_disconnects(servers, open_page, alice):
    page = open_page(alice)
    page.goto("/settings/tools")
    page.get_by_role("button", name="Connect Vault").click()
    page.get_by_role("link", name="Continue").click()
    expect(page.get_by_text("Connected.")).to_be_visible()
    expect(page.get_by_text("Add up")).to_have_count(2)
    page.get_by_role("button", name="Disconnect Vault").click()
    expect(page.get_by_role("button", name="Connect Vault")).to_be_visible()
