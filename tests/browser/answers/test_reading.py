"""The thread in the browser: reasoning, footnotes, task lists, long questions, many pictures."""

import pytest
from playwright.sync_api import expect

from chat import files
from chat.models import Chat, Message
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream import Gate
from tests.upstream.pictures import png
from webui.demo.answers import text_of

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
    page.wait_for_function("() => document.querySelector('.reasoning-text').scrollTop > 0")
    assert box.bounding_box()["height"] <= page.viewport_size["height"] / 3 + 1


def test_thoughts_that_nobody_watched_are_read_from_their_head(page, provider):
    chat, second = ChatPage(page).open(), Gate()
    provider.says("Think", "Done.", reasoning=["a\n\n" * 100, "b\n\n" * 100], after={0: second})
    chat.write("Think")
    second.wait()
    thoughts = chat.answers.last.locator("[data-part='reasoning-text']")
    expect(thoughts).to_contain_text("b")
    assert thoughts.evaluate("(box) => box.scrollTop") > 0
    second.open()
    chat.settled()
    chat.answers.last.locator("summary").click()
    assert thoughts.evaluate("(box) => box.scrollTop") == 0


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


def test_lines_of_an_answer_have_about_68_characters(page, alice):
    text = " ".join(text_of("en", "sky").translate(str.maketrans("", "", "*-")).split() * 3)
    page.goto(saved(alice, text))
    height = page.locator(".prose p").bounding_box()["height"]
    assert len(text) / (height / 28) == pytest.approx(68, abs=4)


def test_tasks_are_boxes_that_a_screen_reader_knows(page, alice):
    page.goto(saved(alice, "- [x] Fill the kettle\n- [ ] Switch it on"))
    filled, switched = page.get_by_role("checkbox", name="Fill the kettle"), page.get_by_role("checkbox").nth(1)
    expect(filled).to_be_checked()
    expect(switched).not_to_be_checked()
    expect(switched).to_be_disabled()


def asked(user, content, pictures=0, documents=0):
    """A chat with this question and its files."""
    chat = Chat.objects.create(user=user, title="Asked")
    rows = [files.accept(user, png(300, 200, shade=number), name=f"p{number}.png") for number in range(pictures)]
    rows += [
        files.accept(user, f"Text {number}".encode(), name=f"{'long-' * 9}{number}.md") for number in range(documents)
    ]
    listed = [{**files.file_json(row), "expires_at": None} for row in rows]
    question = Message.objects.create(chat=chat, role="user", content=content, files=listed)
    files.attach(rows, question)
    chat.leaf = Message.objects.create(chat=chat, parent=question, role="assistant", content="Answered.", model="m1")
    chat.save()
    return f"/c/{chat.pk}"


def test_a_long_question_is_folded_and_shown_whole_by_keyboard(page, alice):
    page.goto(asked(alice, "A line of the question.\n" * 100))
    bubble = page.locator(".bubble")
    folded = bubble.bounding_box()["height"]
    assert folded < page.viewport_size["height"] / 3
    toggle = page.locator("summary", has_text="Show all")
    toggle.focus()
    page.keyboard.press("Enter")
    expect(page.locator("summary", has_text="Show less")).to_be_focused()
    assert bubble.bounding_box()["height"] > 4 * folded
    page.keyboard.press("Enter")
    expect(toggle).to_be_visible()
    assert bubble.bounding_box()["height"] == folded


def test_a_question_that_is_read_only_in_part_unfolds_to_the_rest(page, alice):
    page.goto(asked(alice, "A line of the question.\n" * 3_000 + "The last line"))
    expect(page.get_by_role("button", name="Show all of it")).to_be_hidden()
    page.locator("summary", has_text="Show all").click()
    page.get_by_role("button", name="Show all of it").click()
    expect(page.get_by_text("The last line")).to_be_visible()
    expect(page.locator("summary", has_text="Show less")).to_be_visible()


def test_a_short_question_is_not_folded(page, alice):
    page.goto(asked(alice, "One line.\n" * 10))
    expect(page.locator(".unfold")).to_have_count(0)


def test_up_to_four_attached_pictures_are_large(page, alice):
    page.goto(asked(alice, "Look", pictures=4))
    expect(page.locator(".attached img")).to_have_count(4)
    for picture in page.locator(".attached img").all():
        assert picture.bounding_box()["height"] > 100


def test_many_attached_pictures_are_small_and_counted(page, alice):
    page.goto(asked(alice, "Look", pictures=18))
    shown = page.locator(".attached img:visible")
    expect(shown).to_have_count(8)
    assert max(picture.bounding_box()["height"] for picture in shown.all()) < 64
    assert page.locator(".attached").bounding_box()["height"] < 130
    page.locator("summary", has_text="Show all 18 pictures").press("Enter")
    expect(shown).to_have_count(18)
    page.locator("summary", has_text="Show fewer pictures").press("Enter")
    expect(shown).to_have_count(8)


def test_a_few_more_than_four_pictures_are_counted_too(page, alice):
    page.goto(asked(alice, "Look", pictures=5))
    expect(page.get_by_text("5 pictures")).to_be_visible()
    expect(page.locator(".attached img:visible")).to_have_count(5)


def test_attached_documents_stand_in_one_line(page, alice):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(asked(alice, "Read", pictures=1, documents=6))
    links = page.locator(".attached-file")
    expect(links).to_have_count(6)
    assert len({link.bounding_box()["y"] for link in links.all()}) == 1
    links.last.focus()
    expect(links.last).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_folded_questions_and_pictures_are_usable_by_everyone(page, alice):
    page.goto(asked(alice, "A line of the question.\n" * 100, pictures=9, documents=2))
    expect(page.locator(".unfold")).to_have_count(2)
    assert violations(page) == []
