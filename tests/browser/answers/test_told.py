"""Being told in the browser: the title of the tab, notifications, what is shared, and a page without a network."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream import Gate

WHOLE_BROWSER = True
SHARE = """async () => {
  const form = new FormData();
  form.set("title", "Look");
  form.set("text", "Read this");
  form.set("url", "https://example.com/a");
  form.append("files", new File(["some notes"], "notes.txt", { type: "text/plain" }));
  await fetch("/share", { method: "POST", body: form });
}"""
UNTIL_SHOWN = """async () => {
  const worker = await navigator.serviceWorker.ready;
  for (let round = 0; round < 200; round++) {
    const shown = await worker.getNotifications();
    if (shown.length) return shown.map(({ title, body, data }) => [title, body, data.url]);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""


@pytest.fixture
def page(open_page, provider, alice):
    page = open_page(alice)
    page.context.grant_permissions(["notifications"])
    return page


def test_the_tab_says_that_an_answer_is_ready_elsewhere(page, provider):
    gate = Gate()
    provider.says("Think long", ["It ", "is done."], after={1: gate})
    provider.title = "Thinking"
    chat = ChatPage(page).open()
    chat.write("Think long")
    gate.wait()
    expect(chat.questions).to_have_count(1)
    page.locator("a.new-chat").click()
    expect(page.locator("#welcome")).to_be_visible()
    gate.open()
    page.wait_for_function("() => document.title.startsWith('(1) ')")
    chat.chats.first.get_by_role("link").click()
    expect(chat.answer).to_have_text("It is done.")
    page.wait_for_function("() => !/^\\(/.test(document.title)")


def test_a_browser_is_told_takes_what_is_shared_and_knows_no_network(page, provider, alice, site, problems):
    page.goto("/settings/notices")
    assert violations(page) == []
    page.get_by_role("button", name="Tell me in this browser").click()
    # This browser has no push service: the page itself tells it.
    expect(page.locator("#device-state")).to_have_text("This browser tells you while a page of this site is open.")
    page.wait_for_function("() => navigator.serviceWorker.controller")

    # What a push service would bring.
    session = page.context.new_cdp_session(page)
    registrations = []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda event: registrations.extend(event["registrations"]))
    session.send("ServiceWorker.enable")
    page.wait_for_function("() => navigator.serviceWorker.controller")
    notice = {"title": "Your answer is ready", "body": "", "url": "/c/1", "tag": "1"}
    about = {"origin": site.url, "registrationId": registrations[0]["registrationId"], "data": json.dumps(notice)}
    session.send("ServiceWorker.deliverPushMessage", about)
    # `wait_for_function` would take the promise for the answer.
    assert page.evaluate(UNTIL_SHOWN) == [["Your answer is ready", "", "/c/1"]]

    chat = ChatPage(page).open()
    page.evaluate(SHARE)
    chat.open("/?shared=1")
    expect(chat.field).to_have_value("Look\nRead this\nhttps://example.com/a")
    expect(page.locator(".attachment")).to_contain_text("notes.txt")
    assert page.url.endswith("/")

    manifest = page.evaluate("fetch(document.querySelector('[rel=manifest]').href).then((answer) => answer.json())")
    assert manifest["share_target"]["action"] == "/share"
    for icon in manifest["icons"]:
        assert page.request.get(icon["src"]).ok

    problems.expect("Push API in incognito mode")
    problems.expect("ERR_INTERNET_DISCONNECTED")
    problems.expect("WebSocket")
    page.context.set_offline(True)
    page.goto("/settings")
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(chat.field).to_be_visible()

    page.goto("/settings/notices")
    page.get_by_role("button", name="No longer tell me here").click()
    expect(page.locator("#device-state")).to_have_text("This browser tells you nothing.")
