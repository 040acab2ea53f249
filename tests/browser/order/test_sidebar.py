"""The sidebar in the browser: search, rename, delete and undo, keyboard, theme and language."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chat import files
from chat.models import Chat, Message
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream.pictures import png


@pytest.fixture
def make_chat(alice):
    def make(title, words="Some words", *, turns=1, age=0):
        moment = timezone.now() - datetime.timedelta(days=age)
        chat = Chat.objects.create(user=alice, title=title, updated=moment)
        for number in range(turns):
            asked = Message.objects.create(chat=chat, parent=chat.leaf, role="user", content=f"Question {number}")
            chat.leaf = Message.objects.create(chat=chat, parent=asked, role="assistant", content=words, model="m1")
        chat.save()
        return chat

    return make


@pytest.fixture
def chat(open_page, connection, alice, make_chat):
    make_chat("Bread", "The sourdough rose")
    make_chat("Trains", age=1)
    make_chat("Old letters", age=60)
    return ChatPage(open_page(alice)).open()


def menu(chat, title, name):
    row = chat.chats.filter(has_text=title)
    row.hover()
    row.get_by_role("button").click()
    chat.page.get_by_role("menuitem", name=name).click()


def test_chats_are_grouped_and_open_without_a_new_page(chat):
    expect(chat.page.locator("#chat-list h2")).to_have_text(["Today", "Yesterday", "Older"])
    chat.page.evaluate("window.still = true")
    chat.page.get_by_role("link", name="Trains").click()
    expect(chat.questions).to_have_count(1)
    expect(chat.page).to_have_title("Trains · WebUI")
    expect(chat.page.get_by_role("link", name="Trains")).to_have_attribute("aria-current", "page")
    chat.page.get_by_role("link", name="Bread", exact=True).click()
    expect(chat.answer).to_have_text("The sourdough rose")
    expect(chat.field).to_be_focused()
    chat.page.go_back()
    expect(chat.page).to_have_title("Trains · WebUI")
    assert chat.page.evaluate("window.still")


def test_a_search_by_keys_alone_finds_words_and_opens_the_chat(chat):
    chat.page.keyboard.press("Control+k")
    chat.page.keyboard.type("sourdough")
    expect(chat.chats).to_have_count(1)
    expect(chat.chats.first).to_contain_text("The sourdough rose")
    chat.page.keyboard.press("ArrowDown")
    chat.page.keyboard.press("Enter")
    expect(chat.answer).to_have_text("The sourdough rose")


def test_a_rename_shows_everywhere_at_once(chat, make_chat):
    chat.page.get_by_role("link", name="Bread", exact=True).click()
    other = ChatPage(chat.page.context.new_page()).open()
    menu(chat, "Bread", "Rename")
    name = chat.page.get_by_role("textbox", name="New name")
    expect(name).to_have_value("Bread")
    name.fill("Bread & butter <b>")
    name.press("Enter")
    expect(chat.page.get_by_role("heading", level=1)).to_have_text("Bread & butter <b>")
    expect(chat.page).to_have_title("Bread & butter <b> · WebUI")
    expect(other.page.get_by_role("link", name="Bread & butter <b>")).to_be_visible()
    assert Chat.objects.filter(title="Bread & butter <b>", title_is_own=True).exists()


def test_escape_leaves_the_name_alone(chat):
    menu(chat, "Bread", "Rename")
    name = chat.page.get_by_role("textbox", name="New name")
    name.fill("Other")
    name.press("Escape")
    expect(name).to_have_count(0)
    expect(chat.page.get_by_role("link", name="Bread", exact=True)).to_be_focused()
    assert Chat.objects.filter(title="Bread").exists()


def test_a_deletion_can_be_undone(chat):
    chat.page.get_by_role("link", name="Bread", exact=True).click()
    expect(chat.answer).to_have_text("The sourdough rose")
    other = ChatPage(chat.page.context.new_page()).open()
    menu(chat, "Bread", "Delete")
    expect(chat.page.locator("#welcome")).to_be_visible()  # the open chat is gone
    expect(chat.page.get_by_role("link", name="Bread", exact=True)).to_have_count(0)
    expect(other.page.get_by_role("link", name="Bread", exact=True)).to_have_count(0)
    chat.page.get_by_role("button", name="Undo").click()
    expect(chat.page.get_by_role("link", name="Bread", exact=True)).to_be_visible()
    expect(other.page.get_by_role("link", name="Bread", exact=True)).to_be_visible()


def test_earlier_messages_come_as_one_scrolls_up_and_nothing_jumps(chat, make_chat):
    make_chat("Long", turns=35)
    chat.page.reload()
    chat.page.get_by_role("link", name="Long", exact=True).click()
    expect(chat.questions.last).to_contain_text("Question 34")
    expect(chat.questions).to_have_count(10)
    top = chat.questions.first
    expect(top).to_contain_text("Question 25")
    chat.page.locator("#content").hover()
    chat.page.mouse.wheel(0, -10_000)
    expect(chat.questions).to_have_count(20)
    seen = chat.questions.filter(has_text="Question 25").bounding_box()["y"]
    assert 0 <= seen <= 400
    while chat.page.locator(".earlier").count():
        chat.page.mouse.wheel(0, -10_000)
        chat.page.wait_for_load_state("networkidle")
    expect(chat.questions.first).to_contain_text("Question 0")


def test_of_a_long_chat_a_part_is_shown_and_the_rest_comes_back(chat, make_chat):
    make_chat("Long", turns=45)
    questions = chat.page.locator(".message.user .bubble")
    chat.page.reload()
    chat.page.get_by_role("link", name="Long", exact=True).click()
    expect(questions.last).to_contain_text("Question 44")
    chat.page.locator("#content").hover()
    for first in (25, 15, 5, 0):
        chat.page.mouse.wheel(0, -20_000)
        expect(questions.first).to_have_text(f"Question {first}")
    expect(chat.page.locator(".later")).to_have_count(1)
    assert 18 <= questions.count() <= 22
    expect(questions.last).not_to_contain_text("44")
    seen = questions.filter(has_text="Question 5").bounding_box()["y"]
    assert 0 <= seen <= 400
    while chat.page.locator(".later").count():
        chat.page.mouse.wheel(0, 20_000)
        chat.page.wait_for_load_state("networkidle")
    expect(questions.last).to_have_text("Question 44")
    assert 18 <= questions.count() <= 22
    shown = [int(text.split()[-1]) for text in questions.all_inner_texts()]
    assert shown == list(range(shown[0], 45))
    chat.ask("And now?")
    expect(questions.nth(-2)).to_have_text("Question 44")


def test_the_button_leads_from_far_above_to_the_end_at_once(chat, make_chat):
    make_chat("Long", turns=45)
    questions = chat.page.locator(".message.user .bubble")
    chat.page.reload()
    chat.page.get_by_role("link", name="Long", exact=True).click()
    expect(questions.last).to_have_text("Question 44")
    chat.page.locator("#content").hover()
    for first in (25, 15, 5):
        chat.page.mouse.wheel(0, -20_000)
        expect(questions.first).to_have_text(f"Question {first}")
    chat.page.get_by_role("button", name="Jump to latest").click()
    expect(questions.last).to_have_text("Question 44")
    expect(chat.page.locator(".later")).to_have_count(0)
    chat.page.locator("#content").hover()
    chat.page.mouse.wheel(0, -20_000)
    expect(questions.first).to_have_text("Question 25")


def test_earlier_messages_come_after_one_has_asked_something(chat, make_chat):
    make_chat("Long", turns=15)
    chat.page.reload()
    chat.page.get_by_role("link", name="Long", exact=True).click()
    expect(chat.questions).to_have_count(10)
    chat.ask("And now?")
    expect(chat.questions).to_have_count(11)
    chat.page.locator("#content").hover()
    chat.page.mouse.wheel(0, -10_000)
    expect(chat.questions).to_have_count(16)
    expect(chat.questions.first).to_contain_text("Question 0")


def test_keys_open_a_new_chat_and_the_list_of_keys(chat):
    chat.page.get_by_role("link", name="Trains").click()
    expect(chat.questions).to_have_count(1)
    chat.page.keyboard.press("Control+Shift+o")
    expect(chat.page.locator("#welcome")).to_be_visible()
    chat.field.press("?")
    expect(chat.field).to_have_value("?")
    chat.page.locator("#content").click(position={"x": 5, "y": 5})
    chat.page.keyboard.press("?")
    expect(chat.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


def test_the_theme_follows_the_system_until_one_chooses_and_is_remembered(chat, alice):
    page = chat.page
    background = "getComputedStyle(document.documentElement).backgroundColor"
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background)
    page.emulate_media(color_scheme="light")
    assert page.evaluate(background) != dark
    page.get_by_role("button", name="Alice").click()
    with page.expect_response("**/api/v1/preferences"):
        page.get_by_role("radio", name="Dark").check(force=True)
    assert page.evaluate(background) == dark
    page.reload()
    assert page.evaluate(background) == dark
    alice.refresh_from_db()
    assert alice.preferences["theme"] == "dark"


def test_the_language_can_be_switched(chat):
    chat.page.get_by_role("button", name="Alice").click()
    chat.page.get_by_role("button", name="简体中文").click()
    expect(chat.page.locator("html")).to_have_attribute("lang", "zh-hans")
    chat.page.get_by_role("button", name="Alice").click()
    chat.page.get_by_role("button", name="English").click()
    expect(chat.page.locator("html")).to_have_attribute("lang", "en")


def test_a_closed_sidebar_stays_closed(chat):
    chat.page.get_by_role("button", name="Hide the chats").click()
    expect(chat.page.get_by_role("link", name="Trains")).to_be_hidden()
    chat.page.reload()
    expect(chat.page.get_by_role("link", name="Trains")).to_be_hidden()
    chat.page.keyboard.press("Control+k")
    expect(chat.page.get_by_role("searchbox")).to_be_focused()


def test_on_a_phone_the_sidebar_is_a_drawer_that_a_choice_closes(open_page, chat, alice):
    phone = ChatPage(open_page(alice, viewport={"width": 390, "height": 800}, has_touch=True)).open()
    expect(phone.page.get_by_role("link", name="Trains")).to_be_hidden()
    phone.page.get_by_role("button", name="Show the chats").tap()
    phone.page.get_by_role("link", name="Trains").tap()
    expect(phone.questions).to_have_count(1)
    expect(phone.page.get_by_role("link", name="Trains")).to_be_hidden()


def test_signing_out_elsewhere_brings_the_login_page(chat, problems):
    problems.expect("status of 401")
    other = chat.page.context.new_page()
    other.goto("/")
    other.get_by_role("button", name="Alice").click()
    other.get_by_role("button", name="Sign out").click()
    expect(chat.page.get_by_label("Password")).to_be_visible()


def test_a_link_to_a_chat_that_is_gone_shows_the_page_that_says_so(chat, problems):
    problems.expect("404")
    Chat.objects.filter(title="Trains").delete()
    chat.page.get_by_role("link", name="Trains").click()
    expect(chat.page).to_have_title("There is nothing here · WebUI")


def test_chats_of_the_same_title_are_told_apart(chat, alice):
    moment = timezone.now().replace(hour=12, minute=0)
    for minutes in (0, 5, 5):
        Chat.objects.create(user=alice, title="Minutes", created=moment - datetime.timedelta(minutes=minutes))
    Chat.objects.create(user=alice, title="Another")
    chat.page.reload()
    same = chat.chats.filter(has_text="Minutes")
    expect(same).to_have_count(3)
    assert len(set(same.locator("a").all_inner_texts())) == 3
    assert len({button.get_attribute("aria-label") for button in same.get_by_role("button").all()}) == 3
    expect(chat.chats.filter(has_text="Another").locator(".chat-apart")).to_have_count(0)


def test_a_chat_with_pictures_has_a_sign_of_them(chat, alice):
    with_one = Chat.objects.create(user=alice, title="Drawn")
    files.accept(alice, png(30, 20), name="a.png", context=files.FileContext(chat=with_one))
    Chat.objects.create(user=alice, title="Written")
    chat.page.reload()
    expect(chat.chats.filter(has_text="Drawn").get_by_title("With pictures")).to_be_visible()
    expect(chat.page.get_by_role("link", name="With pictures: Drawn")).to_be_visible()
    expect(chat.chats.filter(has_text="Written").get_by_title("With pictures")).to_have_count(0)


def test_a_second_line_with_model_and_time_is_a_choice_that_is_kept(chat, provider):
    chat.page.set_viewport_size({"width": 1440, "height": 900})
    chat.ask("Hello")
    line = chat.chats.first.locator(".chat-more")
    expect(line).to_be_hidden()
    chat.page.locator(".account-button").click()
    chat.page.get_by_role("checkbox", name="Model and time in the list of chats").check()
    expect(line).to_contain_text("m1")
    with chat.page.expect_response("**/api/v1/preferences"):
        chat.page.get_by_role("checkbox", name="Model and time in the list of chats").press("Space")
    expect(line).to_be_hidden()
    with chat.page.expect_response("**/api/v1/preferences"):
        chat.page.get_by_role("checkbox", name="Model and time in the list of chats").press("Space")
    chat.page.reload()
    expect(line).to_be_visible()
    assert violations(chat.page) == []
