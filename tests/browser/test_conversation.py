"""Pictures in a conversation: requests, progress, editing with a brush, cancelling; every tab shows the same.

The engine is AUTOMATIC1111's scripted server, whose gates hold a run at a step.
"""

import base64
import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from chat import files
from chat.models import Chat, Message
from imagegen.jobs import dispatcher
from imagegen.models import ImageJob, ImageSettings
from providers.models import ChatModel
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.imagegen.conftest import make_engine, store  # noqa: F401
from tests.upstream import Gate
from tests.upstream.pictures import png

pytestmark = pytest.mark.usefixtures("store", "jobs_end")  # both outlive the pages
PHONE = {"width": 390, "height": 800}
STEPS = 8


@pytest.fixture
def easel(make_engine, upstream):  # noqa: F811
    ImageSettings.objects.update(prompt_generation=False)
    return make_engine(name="Easel", kind="automatic1111", url=upstream.origin, model="", secret="", steps=STEPS)


@pytest.fixture
def studio(make_engine, upstream):  # noqa: F811
    return make_engine(name="Studio", url=upstream.url)


class PicturesChat(ChatPage):
    """A chat page with the Picture chip."""

    @property
    def chip(self):
        return self.page.get_by_role("button", name="Picture", exact=True)

    @property
    def options(self):
        return self.page.get_by_role("button", name="Options: Picture")

    @property
    def pictures(self):
        return self.page.locator(".picture")

    @property
    def bar(self):
        return self.page.get_by_role("progressbar")

    @property
    def edited(self):
        return self.page.get_by_role("group", name="Editing this picture")

    @property
    def chosen(self):
        return self.options.locator("[data-part='chosen']")

    def choose(self, name):
        self.options.click()
        self.page.get_by_role("radio", name=name).check()
        self.page.keyboard.press("Enter")

    def edit(self, number):
        self.pictures.nth(number).hover()
        self.pictures.nth(number).get_by_role("button", name="Edit this").click()
        expect(self.edited).to_be_visible()

    def paint(self):
        """Draw a brush stroke across the middle of the picture."""
        self.edited.get_by_role("button", name="Brush what changes").click()
        canvas = self.page.locator("#mask-canvas")
        expect(canvas).to_be_focused()
        box = canvas.bounding_box()
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + box["width"] * 0.3, y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=5)
        self.page.mouse.up()
        self.page.get_by_role("button", name="Use this mask").click()
        expect(self.edited.get_by_role("button", name="Change the mask")).to_be_visible()

    def shown(self):
        """The pictures of the thread and the text below them, as the page shows them."""
        words = "[one.querySelector('img').getAttribute('src'), one.querySelector('figcaption')?.innerText]"
        return self.pictures.evaluate_all(f"all => all.map((one) => {words})")


@pytest.fixture
def chat(open_page, provider, easel, alice):
    return PicturesChat(open_page(alice)).open()


@pytest.fixture
def shown_before(alice, connection, store):  # noqa: F811
    """A chat with a picture by Alice and a picture in the answer."""
    chat = Chat.objects.create(user=alice, title="A boat")
    context = files.FileContext(chat=chat)
    mine, drawn = (files.accept(alice, png(64, 48, shade=shade), name="boat.png", context=context) for shade in (0, 90))
    question = Message.objects.create(chat=chat, role="user", content="This boat", files=[files.file_json(mine)])
    answer = Message(chat=chat, parent=question, role="assistant", content="In blue.", model="m1")
    answer.files = [files.file_json(drawn)]
    answer.save()
    chat.leaf = answer
    chat.save()
    return chat, mine


def picture_in(text):
    return Image.open(io.BytesIO(base64.b64decode(text.rpartition(",")[2])))


def test_a_picture_is_watched_and_commented_and_every_tab_and_a_reload_show_the_same(
    chat, provider, upstream, easel, alice
):
    ImageSettings.objects.update(prompt_generation=True)
    early, late, spoken = Gate(), Gate(), Gate()
    upstream.automatic1111.gates = {3: early, 7: late}
    upstream.answer('{"prompt": "A scarlet kite at dawn"}')
    provider.says("A red kite", "Here is your kite.", after={1: spoken})
    chat.chip.click()
    chat.write("A red kite")
    early.wait()
    expect(chat.page.get_by_text("Creating image · step 3 of 8")).to_be_visible()
    expect(chat.bar).to_have_attribute("value", "25")
    other = PicturesChat(chat.page.context.new_page()).open(chat.page.url)
    expect(other.bar).to_have_attribute("value", "25")
    early.open()
    late.wait()
    for tab in (chat, other):
        expect(tab.bar).to_have_attribute("value", "75")
    late.open()
    spoken.wait()
    for tab in (chat, other):
        expect(tab.pictures).to_have_count(1)
        expect(tab.bar).to_have_count(0)
        expect(tab.pictures.locator("figcaption")).to_contain_text("Drawn as: A scarlet kite at dawn")
    live = chat.shown()
    assert other.shown() == live
    assert live[0][1].split("\n")[-1] == "Easel · base · seed 1234"
    spoken.open()
    for tab in (chat, other):
        expect(tab.answer).to_have_text("Here is your kite.")
        tab.settled()
        assert tab.shown() == live
    chat.page.reload()
    expect(chat.answer).to_have_text("Here is your kite.")
    assert chat.shown() == live
    [told] = [one.json["messages"] for one in upstream.chats if one.json.get("stream")]
    assert "A scarlet kite at dawn" in told[0]["content"]


def test_a_capable_model_draws_when_asked_without_the_chip(chat, upstream):
    ImageSettings.objects.update(prompt_generation=False)
    ChatModel.objects.update(tools=True)
    early = Gate()
    upstream.automatic1111.gates = {3: early}
    upstream.answer("Let me draw that.", tool_calls=[{"name": "generate_image", "arguments": {"prompt": "a red kite"}}])
    upstream.answer("Here is your kite.")
    expect(chat.chip).to_have_attribute("aria-pressed", "false")
    chat.write("Draw me a kite, please")
    early.wait()
    expect(chat.page.get_by_text("Creating image · step 3 of 8")).to_be_visible()
    expect(chat.bar).to_have_attribute("value", "25")
    expect(chat.answer).to_have_text("Let me draw that.")
    early.open()
    expect(chat.pictures).to_have_count(1)
    expect(chat.answer.locator("p")).to_have_text(["Let me draw that.", "Here is your kite."])
    chat.settled()
    expect(chat.pictures.locator("figcaption")).to_contain_text("Drawn as: a red kite")
    live = chat.shown()
    chat.page.get_by_text("How this was made").click()
    expect(chat.page.get_by_role("listitem").filter(has_text="Image created")).to_be_visible()
    assert violations(chat.page) == []
    chat.page.reload()
    expect(chat.answer.locator("p")).to_have_text(["Let me draw that.", "Here is your kite."])
    assert chat.shown() == live


def test_edit_this_sends_that_picture_and_a_mask_that_is_white_where_one_painted(
    open_page, provider, easel, upstream, shown_before, alice
):
    conversation, mine = shown_before
    chat = PicturesChat(open_page(alice)).open(f"/c/{conversation.pk}")
    chat.edit(1)
    chat.page.keyboard.press("Escape")
    expect(chat.edited).to_have_count(0)
    expect(chat.chip).to_have_attribute("aria-pressed", "false")

    chat.edit(0)
    expect(chat.field).to_have_attribute("placeholder", "Describe what should change")
    chat.paint()
    chat.ask("A sail")
    expect(chat.edited).to_have_count(0)
    expect(chat.pictures).to_have_count(3)
    [run] = upstream.automatic1111.runs
    mask = picture_in(run.asked["mask"]).convert("L")
    assert (run.kind, mask.size) == ("img2img", (64, 48))
    assert (mask.getpixel((32, 24)), mask.getpixel((2, 2))) == (255, 0)
    job = ImageJob.objects.get()
    assert job.input_order == [str(mine.pk)]
    chat.pictures.nth(2).get_by_role("link").click()
    before = chat.page.get_by_role("dialog").get_by_role("link", name="boat.png")
    expect(before).to_have_attribute("href", f"/images/{mine.pk}")
    chat.page.keyboard.press("Escape")

    expect(chat.chip).to_have_attribute("aria-pressed", "false")
    chat.settled()
    chat.ask("Thank you")
    expect(chat.answers).to_have_count(3)
    expect(chat.answer).to_have_text("Said.")
    assert len(upstream.automatic1111.runs) == 1


def test_a_picture_opens_in_a_full_view_with_how_it_was_made_and_keys_lead_through_the_thread(
    open_page, connection, easel, shown_before, alice
):
    conversation, mine = shown_before
    drawn = conversation.leaf.files[0]
    made = {
        "prompt": "A blue boat at sea",
        "original_prompt": "In blue",
        "engine": "Easel",
        "model": "base",
        "seed": 2**60,
    }
    alice.files.filter(pk=drawn["id"]).update(provenance=made)
    chat = PicturesChat(open_page(alice)).open(f"/c/{conversation.pk}")
    view = chat.page.get_by_role("dialog")
    chat.pictures.nth(1).get_by_role("link").press("Enter")
    for words in ("A blue boat at sea", "In blue", "Easel", "base", str(2**60), "64 × 48"):
        expect(view.locator(".facts")).to_contain_text(words)
    expect(view.get_by_role("link", name="Download")).to_have_attribute("href", f"{drawn['url']}?download=1")
    expect(view.get_by_role("button", name="Next picture")).to_be_disabled()
    chat.page.keyboard.press("ArrowLeft")
    expect(view.get_by_role("heading", name="boat.png")).to_be_visible()
    chat.page.keyboard.press("Escape")
    expect(view).to_be_hidden()
    expect(chat.pictures.nth(0).get_by_role("link")).to_be_focused()
    chat.page.keyboard.press("Enter")
    view.get_by_role("button", name="Edit this").click()
    expect(chat.edited.locator("img")).to_have_attribute("src", f"{mine.url}?w=128")
    expect(chat.field).to_be_focused()


def test_the_mode_is_chosen_beside_the_chip_and_stays_for_the_tab(
    open_page, provider, easel, studio, upstream, shown_before, alice
):
    chat = PicturesChat(open_page(alice)).open(f"/c/{shown_before[0].pk}")
    expect(chat.options).to_be_hidden()
    chat.chip.click()
    expect(chat.chosen).to_have_text("Auto")
    chat.choose("New picture")
    chat.choose("Easel")
    expect(chat.chosen).to_have_text("New picture · Easel")
    chat.page.reload()
    expect(chat.chosen).to_have_text("New picture · Easel")
    chat.ask("A boat")
    expect(chat.pictures).to_have_count(3)
    assert [run.kind for run in upstream.automatic1111.runs] == ["txt2img"]
    chat.choose("Edit Changes")
    chat.settled()
    chat.ask("A sail")
    expect(chat.pictures).to_have_count(4)
    assert [run.kind for run in upstream.automatic1111.runs] == ["txt2img", "img2img"]
    assert len(upstream.automatic1111.runs[1].asked["init_images"]) == 1, (
        "of the newest two sets, what the engine takes"
    )


def test_an_engine_that_fails_shows_its_reason_and_the_model_still_answers(chat, provider, upstream):
    gate = Gate()
    upstream.automatic1111.fail(("OutOfMemoryError", "CUDA out of memory."))
    provider.says("A red kite", "I am sorry.", after={1: gate})
    chat.chip.click()
    chat.write("A red kite")
    gate.wait()
    reason = chat.answers.last.locator("[data-part='status']")
    expect(reason).to_contain_text("CUDA out of memory.")
    gate.open()
    expect(chat.answer).to_have_text("I am sorry.")
    chat.settled()
    expect(reason).to_contain_text("CUDA out of memory.")
    chat.page.reload()
    expect(reason.get_by_text("CUDA out of memory.")).to_be_visible()
    expect(chat.pictures).to_have_count(0)


def test_stop_during_a_picture_stops_the_engine(chat, provider, upstream):
    gate = Gate()
    upstream.automatic1111.gates = {3: gate}
    chat.chip.click()
    chat.write("A red kite")
    gate.wait()
    expect(chat.bar).to_have_attribute("value", "25")
    chat.stop_button.click()
    upstream.wait_for("/sdapi/v1/interrupt")
    gate.open()
    expect(chat.answers.last).to_contain_text("Stopped.")
    expect(chat.pictures).to_have_count(0)
    dispatcher.settle(20)
    assert ImageJob.objects.get().state == "cancelled"
    assert upstream.automatic1111.runs[0].state == "interrupted"
    assert [one for one in upstream.chats if one.json.get("stream")] == []


def test_no_button_hides_the_small_pictures_on_a_phone(open_page, provider, easel, studio, alice):
    chat = Chat.objects.create(user=alice, title="Boats")
    rows = [files.accept(alice, png(64, 48, shade=number), name=f"{number}.png") for number in range(6)]
    question = Message.objects.create(chat=chat, role="user", content="Look", files=[*map(files.file_json, rows)])
    files.attach(rows, question)
    chat.leaf = Message.objects.create(chat=chat, parent=question, role="assistant", content="Boats.", model="m1")
    chat.save()
    page = PicturesChat(open_page(alice, viewport=PHONE, has_touch=True, is_mobile=True)).open(f"/c/{chat.pk}")
    expect(page.pictures).to_have_count(6)
    expect(page.pictures.get_by_role("button", name="Edit this")).to_have_count(0)
    page.pictures.first.get_by_role("link").tap()
    page.page.locator("#view").get_by_role("button", name="Edit this").tap()
    expect(page.edited).to_be_visible()


def states(chat):
    """The states of pictures in a conversation, by name."""
    yield "pictures"
    chat.chip.click()
    chat.options.click()
    expect(chat.page.get_by_role("radio", name="New picture")).to_be_visible()
    yield "options"
    chat.page.keyboard.press("Escape")
    chat.edit(1)
    yield "editing"
    chat.edited.get_by_role("button", name="Brush what changes").click()
    expect(chat.page.get_by_role("dialog", name="Paint over")).to_be_visible()
    yield "brush"
    chat.page.keyboard.press("Escape")
    chat.pictures.nth(1).get_by_role("link").press("Enter")
    expect(chat.page.locator("#view .facts")).to_be_visible()
    yield "full view"


@pytest.mark.parametrize(("scheme", "viewport"), [("light", PHONE), ("dark", {"width": 1280, "height": 800})])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    open_page, easel, studio, shown_before, alice, scheme, viewport
):
    page = open_page(alice, color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    found = {}
    for name in states(PicturesChat(page).open(f"/c/{shown_before[0].pk}")):
        found[name] = violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate("(b => b.scrollWidth <= b.clientWidth)(document.getElementById('composer'))"), name
    assert {name: lines for name, lines in found.items() if lines} == {}
