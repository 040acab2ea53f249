"""Web search in a chat and the memories page, in the browser."""

import re

import pytest
from playwright.sync_api import expect

from chat.models import Memory
from tests import people
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream import Gate


@pytest.fixture
def everything_on(db, upstream):
    upstream.search.finds = [
        ("How high kites may fly", "https://www.kites.example/rules", "In most places 120 metres."),
        ("Kite", "https://encyclopedia.example/Kite_(toy)", "A kite is a tethered craft."),
    ]
    return people.set_chat(memory=True, web_search=True, web_search_url=upstream.search.url)


def test_an_answer_from_the_web_names_its_sources_while_it_grows_and_after_a_reload(
    open_page, alice, everything_on, provider, upstream
):
    Memory.objects.create(user=alice, text="I fly a kite at the sea")
    gate = Gate()
    provider.says(
        "How high may my kite fly?", "Up to 120 metres [1](https://www.kites.example/rules).", after={1: gate}
    )
    chat = ChatPage(open_page(alice)).open()
    web = chat.page.get_by_role("button", name="Web", exact=True)
    web.click()
    expect(web).to_have_attribute("aria-pressed", "true")

    chat.write("How high may my kite fly?")

    sources = chat.answers.last.locator(".sources").get_by_role("link")
    expect(sources).to_have_count(2)
    expect(chat.answers.last).to_have_attribute("data-status", re.compile("pending|streaming"))
    live = [one.inner_text() for one in sources.all()]
    gate.open()
    chat.settled()
    assert upstream.search.queries == ["How high may my kite fly?"]
    asked = next(one.json["messages"] for one in upstream.chats if one.json.get("stream"))
    assert "I fly a kite at the sea" in asked[0]["content"]
    for _ in range(2):
        expect(sources).to_have_count(2)
        assert [one.inner_text() for one in sources.all()] == live
        expect(sources.first).to_have_attribute("href", "https://www.kites.example/rules")
        expect(sources.first).to_have_attribute("rel", re.compile("noopener"))
        made = chat.answers.last.locator(".made")
        expect(made).to_contain_text("Found 2 results")
        expect(made).to_contain_text("Remembered 1 fact about you")
        assert violations(chat.page) == []
        chat.page.reload()
    expect(web).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_memories_are_kept_changed_and_had_back(open_page, alice, everything_on, scheme):
    page = open_page(alice, color_scheme=scheme, viewport={"width": 390, "height": 800})
    page.goto("/settings")
    page.get_by_role("link", name="Memories").click()
    for fact in ("I live in Oslo", "My dog is called Rex"):
        page.get_by_label("Something to remember").fill(fact)
        page.get_by_role("button", name="Remember").click()
    rows = page.locator(".facts li")
    expect(rows).to_have_count(2)

    rows.first.locator("summary").click()
    page.get_by_role("textbox", name="Memory", exact=True).first.fill("My dog is called Bella")
    page.get_by_role("button", name="Save").first.click()
    expect(rows.first).to_contain_text("Bella")

    page.get_by_role("button", name="Delete: My dog is called Bella").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(2)
    page.get_by_text("Delete all …").click()
    assert violations(page) == []
    page.get_by_role("button", name="Delete all 2 memories").click()
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
