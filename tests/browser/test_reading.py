"""Reading a thread: thoughts, footnotes and tasks, long questions, many pictures."""

import pytest
from playwright.sync_api import expect

from chat.models import Chat, Message
from tests.browser.chat_page import ChatPage
from tests.upstream import Gate

FOOTNOTES = "It boils at 100 °C[^1], later with salt[^2].\n\n[^1]: At sea level.\n[^2]: By half a degree.\n"
THOUGHTS = [
    "**Reading the question**\n\nIt asks for *one* thing.\n\n",
    "**Comparing**\n\nLine before.\nThe newest line",
]


@pytest.fixture
def page(open_page, provider, alice):
    return open_page(alice)


def saved(user, *answers, **fields):
    """A chat with these answers."""
    chat = Chat.objects.create(user=user, title="Saved")
    last = None
    for content in answers:
        question = Message.objects.create(chat=chat, parent=last, role="user", content="Question")
        last = Message.objects.create(chat=chat, parent=question, role="assistant", content=content, **fields)
    chat.leaf = last
    chat.save()
    return f"/c/{chat.pk}"


def markup(locator):
    """The HTML without white space, which differs between blocks."""
    return "".join(locator.inner_html().split())


def test_thoughts_are_drawn_in_steps_and_show_their_newest_line(page, provider):
    chat, gate = ChatPage(page).open(), Gate()
    provider.says("Think", "Done.", reasoning=THOUGHTS, after={0: gate})
    chat.write("Think")
    gate.wait()
    thoughts = chat.answers.last.locator("[data-part='reasoning']")
    expect(thoughts.get_by_text("The newest line")).to_have_count(2)
    expect(thoughts.locator("summary").get_by_text("The newest line")).to_be_visible()
    thoughts.locator("summary").click()
    expect(thoughts.locator(".step")).to_have_text(["Reading the question", "Comparing"])
    expect(thoughts.locator("em")).to_have_text("one")
    expect(thoughts).not_to_contain_text("**")
    drawn = markup(thoughts.get_by_role("group", name="Thoughts"))
    gate.open()
    chat.settled()
    expect(thoughts.get_by_role("group", name="Thoughts")).to_be_visible()
    assert markup(thoughts.get_by_role("group", name="Thoughts")) == drawn
    expect(thoughts.locator("summary").get_by_text("The newest line")).to_have_count(0)


def test_long_thoughts_scroll_in_a_third_of_the_window(page, alice):
    page.goto(saved(alice, "Short.", reasoning="A thought.\n\n" * 200))
    page.get_by_text("Thoughts", exact=True).click()
    box = page.get_by_role("group", name="Thoughts")
    box.focus()
    page.keyboard.press("End")
    page.wait_for_function("document.querySelector('.reasoning-text').scrollTop > 0")
    assert box.bounding_box()["height"] <= page.viewport_size["height"] / 3 + 1


def test_thoughts_that_are_read_from_their_head_stay_where_they_are(page, provider):
    chat, second = ChatPage(page).open(), Gate()
    provider.says("Think", "Done.", reasoning=["a\n\n" * 100, "b\n\n" * 100], after={0: second})
    chat.write("Think")
    second.wait()
    thoughts = chat.answers.last.locator("[data-part='reasoning-text']")
    chat.answers.last.locator("summary").click()
    thoughts.evaluate("(box) => { box.scrollTop = 10; }")
    second.open()
    chat.settled()
    assert thoughts.evaluate("(box) => box.scrollTop") == 10


def test_a_footnote_of_each_answer_leads_to_its_own_note_and_back(page, alice):
    address = saved(alice, FOOTNOTES, FOOTNOTES)
    page.goto(address)
    last = page.locator(".message.assistant").last
    reference = last.locator("sup a").nth(1)
    reference.focus()
    page.keyboard.press("Enter")
    expect(last.locator(".footnotes li").nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    expect(last.get_by_role("link", name="Back to the text").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(reference).to_be_focused()
    assert page.url.endswith(address)


def test_footnotes_that_stream_end_as_the_saved_ones(page, provider):
    chat = ChatPage(page).open()
    provider.says("Boil", FOOTNOTES)
    chat.ask("Boil")
    streamed = markup(chat.answer)
    page.reload()
    expect(chat.answer.locator(".footnotes li")).to_have_count(2)
    assert markup(chat.answer) == streamed


def test_tasks_are_boxes_that_a_screen_reader_knows(page, alice):
    page.goto(saved(alice, "- [x] Fill the kettle\n- [ ] Switch it on"))
    filled, switched = page.get_by_role("checkbox", name="Fill the kettle"), page.get_by_role("checkbox").nth(1)
    expect(filled).to_be_checked()
    expect(switched).not_to_be_checked()
    expect(switched).to_be_disabled()
