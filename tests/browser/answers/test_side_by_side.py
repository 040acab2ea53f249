"""Several models answer side by side: chosen in the picker, live in columns, one picked, all merged."""

import pytest
from playwright.sync_api import expect

from chat.models import Chat, ComparedAnswer, Comparison, Message
from tests import people
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream import Gate, openai

MODELS = ["m1", "m2", "m3"]


@pytest.fixture
def models(provider, upstream):
    people.make_connection(upstream.url, *MODELS[1:], name="Second", position=1)


def answers(provider, question, gates=None, count=3):
    """Each model says its own name to a question; one with a gate waits behind its second word."""

    def answer(received):
        model = received.json["model"]
        gate = (gates or {}).get(model)
        return openai.chat(f"{model} says **so**.", after={2: gate} if gate else None)(received)

    for _ in range(count):
        provider.does(question, answer)


def compared(alice, *, count=3):
    """A chat whose question several models have answered; nothing is picked."""
    chat = Chat.objects.create(user=alice, title="Blue", model="m1")
    question = Message.objects.create(chat=chat, role="user", content="Why is the sky blue?")
    comparison = Comparison.objects.create(user=alice, chat=chat, question=question)
    for model in MODELS[:count]:
        words = f"{model} knows: `{'scatter ' * 40}`\n\n" + "A paragraph of some length.\n\n" * 20
        answer = Message.objects.create(chat=chat, parent=question, role="assistant", content=words, model=model)
        ComparedAnswer.objects.create(comparison=comparison, answer=answer, model=model)
    chat.leaf = question.children.first()
    chat.save()
    return chat


def column(page, model):
    return page.locator(".compared").filter(has=page.get_by_role("heading", name=model, exact=True))


def asked_of(upstream, model):
    return [str(received.json["messages"]) for received in upstream.chats if received.json["model"] == model]


def test_two_answer_live_in_columns_one_is_picked_and_goes_on(open_page, models, provider, alice, upstream):
    chat = ChatPage(open_page(alice)).open()
    page = chat.page
    gates = {model: Gate() for model in MODELS}
    answers(provider, "Why?", gates, 2)
    page.get_by_role("button", name="Model:").click()
    page.get_by_role("button", name="Ask several models").click()
    page.get_by_role("option", name="m2").click()
    expect(page.locator("#picker-foot")).to_contain_text("Chosen: 2 of 4")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Model: 2 models")).to_be_visible()
    chat.write("Why?")
    for model in ("m1", "m2"):
        gates[model].wait()
        expect(column(page, model).locator("[data-part='body']")).to_have_text(f"{model} says")

    other = page.context.new_page()
    other.goto(page.url)
    column(page, "m1").get_by_role("button", name="Stop").click()
    expect(column(page, "m1")).to_contain_text("Stopped.")
    page.reload()
    expect(column(page, "m2").locator("[data-part='body']")).to_have_text("m2 says")
    expect(page.locator("#several")).to_contain_text("m2")
    gates["m2"].open()
    gates["m1"].open()
    for tab in (page, other):
        expect(column(tab, "m2").locator("strong")).to_have_text("so")
    answers(provider, "Why?", count=1)
    column(page, "m1").get_by_role("button", name="Answer again").click()
    expect(column(page, "m1").locator("strong")).to_have_text("so")

    page.get_by_role("button", name="Merge …").click()
    dialog = page.get_by_role("dialog", name="Merge the answers")
    dialog.get_by_label("Which model merges them?").select_option("m3")
    dialog.get_by_role("button", name="Merge", exact=True).click()
    expect(column(page, "m3")).to_contain_text("Merged")
    expect(column(page, "m3").get_by_role("button", name="Pick this answer: m3")).to_be_visible()
    assert any("m1 says **so**." in asked for asked in asked_of(upstream, "m3"))
    column(page, "m2").get_by_role("button", name="Pick this answer: m2").click()
    for tab in (page, other):
        expect(tab.locator(".compared-note")).to_contain_text("Picked from 3 answers.")
        expect(tab.locator(".comparison")).to_have_count(0)
        expect(tab.locator(".message.assistant")).to_have_count(1)

    page.get_by_role("button", name="Only one model").click()
    expect(page.get_by_role("button", name="Model: m2")).to_be_visible()
    chat.ask("And then?")
    assert any("m2 says **so**." in asked and "And then?" in asked for asked in asked_of(upstream, "m2"))
    page.get_by_role("button", name="Show side by side again").click()
    expect(page.get_by_text("What was written below is there again")).to_be_visible()
    for tab in (page, other):
        expect(tab.locator(".compared")).to_have_count(3)
    assert not ComparedAnswer.objects.filter(is_picked=True).exists()


def test_a_phone_shows_one_at_a_time_with_tabs(open_page, models, alice):
    page = open_page(alice, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    ChatPage(page).open(f"/c/{compared(alice).pk}")
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_text(MODELS)
    expect(page.get_by_role("tabpanel", name="m1")).to_contain_text("m1 knows")
    expect(page.locator(".compared:visible")).to_have_count(1)
    tabs.nth(2).tap()
    expect(page.get_by_role("tabpanel", name="m3")).to_be_visible()
    tabs.nth(2).press("ArrowRight")
    expect(tabs.nth(0)).to_be_focused()
    expect(page.get_by_role("tabpanel", name="m1")).to_be_visible()
    tabs.nth(0).press("End")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert not violations(page)
    assert page.evaluate("document.getElementById('content').scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1200, "height": 800})
    expect(page.locator(".compared:visible")).to_have_count(3)
    expect(page.get_by_role("tab")).to_have_count(0)
    assert not violations(page)


def test_the_keyboard_does_all_of_it_in_chinese(open_page, models, provider, alice):
    page = open_page(alice, locale="zh-CN")
    answers(provider, "为什么？", count=2)
    page.goto("/")
    keys = page.keyboard
    page.get_by_role("button", name="模型：").press("Enter")
    expect(page.get_by_role("option")).to_have_count(3)
    keys.press("Tab")
    keys.press("Space")
    expect(page.get_by_role("button", name="询问多个模型")).to_have_attribute("aria-pressed", "true")
    keys.press("Shift+Tab")
    for key in ("ArrowDown", "Enter", "Escape"):
        keys.press(key)
    expect(page.get_by_role("button", name="模型： 2 个模型")).to_be_focused()
    chips = page.get_by_role("list", name="并排回答的模型")
    expect(chips.get_by_role("button", name="不问 m2")).to_be_visible()
    assert not violations(page)
    page.get_by_role("textbox", name="消息").fill("为什么？")
    keys.press("Enter")
    expect(column(page, "m1").locator("strong")).to_have_text("so")
    column(page, "m2").get_by_role("button", name="选用这个回答").press("Enter")
    expect(page.locator(".compared-note")).to_contain_text("从 2 个回答中选用。")
    expect(page.get_by_role("textbox", name="消息")).to_be_focused()
    page.get_by_role("button", name="重新并排显示").press("Enter")
    expect(page.get_by_role("region", name="并排的回答")).to_be_focused()
    chips.get_by_role("button", name="不问 m1").press("Enter")
    expect(page.get_by_role("button", name="模型： m2")).to_be_visible()
    assert Chat.objects.get().leaf.model == "m2"
