"""The pictures page in the browser: drawing, viewing, editing with a mask, deleting; two tabs, keyboard, phone."""

import io
import re
from dataclasses import replace

import pytest
from PIL import Image
from playwright.sync_api import expect

from chat import files
from chat.models import Chat
from imagegen.models import ImageJob
from tests.browser.test_access import violations
from tests.imagegen.conftest import make_engine, store  # noqa: F401
from tests.upstream import Gate, Reply
from tests.upstream.openai import error
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

pytestmark = pytest.mark.usefixtures("store", "jobs_end")  # both outlive the pages
PHONE = {"width": 390, "height": 800}


@pytest.fixture
def demo(make_engine):  # noqa: F811
    options = {"step_seconds": 0.05}
    return make_engine(name="Easel", kind="placeholder", model="", secret="", options=options, demo=True)


@pytest.fixture
def studio(make_engine, upstream):  # noqa: F811
    """An engine of OpenAI's kind at the scripted upstream."""
    return make_engine(url=upstream.url)


class ImagesPage:
    def __init__(self, page):
        self.page = page

    def open(self, path="/images"):
        self.page.goto(path)
        expect(self.page.locator("#shapes input").first).to_be_checked()
        return self

    @property
    def prompt(self):
        return self.page.get_by_role("textbox", name="Prompt")

    @property
    def tiles(self):
        return self.page.locator(".tile")

    @property
    def jobs(self):
        return self.page.locator(".job")

    @property
    def view(self):
        return self.page.locator("#view")

    def draw(self, words):
        self.prompt.fill(words)
        self.prompt.press("Enter")

    def drawn(self, words):
        """Draw, and wait until the picture appears in the gallery."""
        before = self.tiles.count()
        self.draw(words)
        expect(self.tiles).to_have_count(before + 1)
        expect(self.page.locator(".job-cancel")).to_have_count(0)

    def show(self, number=0):
        self.tiles.nth(number).get_by_role("link").click()
        expect(self.view).to_be_visible()

    def use_model(self, name):
        self.page.locator("#model-pick summary").press("Enter")
        search = self.page.get_by_role("searchbox", name="Model")
        expect(search).to_be_focused()
        search.fill(name)
        search.press("Enter")

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def paint(self):
        """Draw a brush stroke across the middle of the mask's canvas."""
        canvas = self.page.locator("#mask-canvas")
        expect(canvas).to_be_visible()
        box = canvas.bounding_box()
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + box["width"] * 0.3, y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=5)
        self.page.mouse.up()


def picture_bytes(width=64, height=48):
    out = io.BytesIO()
    Image.new("RGB", (width, height), (90, 140, 200)).save(out, "PNG")
    return out.getvalue()


def test_a_picture_is_drawn_before_ones_eyes_looked_at_and_deleted(open_page, alice, demo):
    demo.options = {"step_seconds": 0.3}
    demo.save()
    images = ImagesPage(open_page(alice)).open()
    images.draw("A lighthouse at dawn")
    expect(images.jobs).to_have_count(1)
    expect(images.jobs.locator("[data-part='words']")).to_contain_text("of 8 · ")
    expect(images.jobs.locator(".job-preview")).to_be_visible()
    expect(images.tiles).to_have_count(1)
    expect(images.jobs).to_have_count(0)
    expect(images.page.locator("#announcer")).to_have_text("Your picture is ready: A lighthouse at dawn")

    images.show()
    expect(images.view.locator(".facts")).to_contain_text("A lighthouse at dawn")
    expect(images.view.locator(".facts")).to_contain_text("Seed")
    expect(images.view.get_by_text("Demo", exact=True)).to_be_visible()
    expect(images.page).to_have_url(re.compile(f"/{images.tiles.get_attribute('data-picture')}$"))
    images.page.go_back()
    expect(images.view).to_be_hidden()

    images.show()
    images.page.evaluate("import('/static/js/common/toast.js').then((notes) => notes.toast('Above the dialog'))")
    expect(images.page.locator("#toasts:popover-open")).to_contain_text("Above the dialog")
    images.press("Delete")
    expect(images.view).to_be_hidden()
    expect(images.tiles).to_have_count(0)
    images.press("Undo")
    expect(images.tiles).to_have_count(1)
    images.show()
    images.press("Delete")
    expect(images.tiles).to_have_count(0)
    expect(images.page.get_by_text("Your pictures appear here.")).to_be_visible()
    assert not alice.files.exists()


def test_two_tabs_show_the_same_and_a_reload_takes_up_what_is_under_way(open_page, alice, studio, upstream):
    gate = Gate()
    upstream.script(replace(drawn(png(8, 8)), before=[gate]))
    images = ImagesPage(open_page(alice)).open()
    other = ImagesPage(images.page.context.new_page()).open()
    images.draw("A red kite")
    expect(images.jobs).to_have_count(1)
    upstream.wait_for("/images/generations")
    images.open()
    expect(images.jobs).to_contain_text("A red kite")
    gate.open()
    expect(images.tiles).to_have_count(1)
    expect(other.tiles).to_have_count(1)
    expect(other.jobs).to_have_count(0)
    images.show()
    images.press("Delete")
    expect(other.tiles).to_have_count(0)
    images.press("Undo")
    expect(images.tiles).to_have_count(1)
    expect(other.tiles).to_have_count(1)


def test_a_running_picture_can_be_cancelled(open_page, alice, studio, upstream):
    gate = Gate()
    upstream.script(Reply(before=[gate]))
    images = ImagesPage(open_page(alice)).open()
    images.draw("A red kite")
    received = upstream.wait_for("/images/generations")
    images.press("Cancel")
    expect(images.jobs).to_have_count(0)
    assert received.closed.wait(20)
    gate.open()


def test_a_failure_shows_the_providers_words_and_can_be_tried_again(open_page, alice, studio, upstream):
    upstream.script(error(500, "The painter is ill.", code="server_error"))
    images = ImagesPage(open_page(alice)).open()
    images.draw("A red kite")
    expect(images.jobs).to_contain_text("The painter is ill.")
    images.open()
    expect(images.jobs).to_contain_text("The painter is ill.")
    upstream.always(drawn(png(8, 8)), path="/images/generations")
    images.press("Try again")
    expect(images.tiles).to_have_count(1)
    expect(images.jobs).to_have_count(0)
    images.open()
    expect(images.jobs).to_have_count(0)


def test_a_request_that_cannot_be_expressed_is_refused_in_words(open_page, alice, studio, problems):
    problems.expect("status of 400")
    images = ImagesPage(open_page(alice)).open()
    images.page.get_by_role("radio", name="Own size").check()
    images.page.get_by_label("Width in pixels").fill("64")
    images.page.get_by_label("Height in pixels").fill("64")
    images.draw("A red kite")
    expect(images.page.get_by_role("alert")).to_contain_text("pixels in all")
    assert not ImageJob.objects.exists()


def test_an_edit_sends_the_picture_and_a_mask_that_is_transparent_where_one_painted(open_page, alice, studio, upstream):
    upstream.always(drawn(png(8, 8)), path="/images/edits")
    images = ImagesPage(open_page(alice)).open()
    upload = {"name": "boat.png", "mimeType": "image/png", "buffer": picture_bytes()}
    images.page.locator("#input-file").set_input_files(upload)
    images.press("Paint a mask")
    images.paint()
    images.press("Use this mask")
    expect(images.page.get_by_role("button", name="Change the mask")).to_be_visible()
    images.prompt.fill("A sail")
    images.press("Edit")
    expect(images.tiles).to_have_count(1)

    received = upstream.wait_for("/images/edits")
    parts = {part.name: part for part in received.parts}
    mask = Image.open(io.BytesIO(parts["mask"].data))
    assert mask.size == (64, 48)
    alpha = mask.getchannel("A")
    assert alpha.getpixel((32, 24)) == 0
    assert alpha.getpixel((2, 2)) == 255
    job = ImageJob.objects.get()
    assert (len(job.input_order), job.mask is not None) == (1, True)


def test_the_mask_can_be_painted_undone_inverted_and_cleared_by_keys(open_page, alice, demo):
    images = ImagesPage(open_page(alice)).open()
    upload = {"name": "boat.png", "mimeType": "image/png", "buffer": picture_bytes()}
    images.page.locator("#input-file").set_input_files(upload)
    images.press("Paint a mask")
    canvas = images.page.locator("#mask-canvas")
    expect(canvas).to_be_focused()

    def alpha(x, y):
        return canvas.evaluate(f"(c) => c.getContext('2d').getImageData({x}, {y}, 1, 1).data[3]")

    images.page.keyboard.press("Space")
    assert (alpha(32, 24), alpha(2, 2)) == (255, 0)
    images.press("Invert")
    assert (alpha(32, 24), alpha(2, 2)) == (0, 255)
    images.press("Undo")
    assert (alpha(32, 24), alpha(2, 2)) == (255, 0)
    images.press("Eraser")
    canvas.press("Space")
    assert alpha(32, 24) == 0
    images.press("Undo")
    images.press("Clear")
    assert alpha(32, 24) == 0
    images.press("Undo")
    assert alpha(32, 24) == 255
    images.page.keyboard.press("Escape")
    expect(images.page.get_by_role("button", name="Paint a mask")).to_be_focused()


def test_a_picture_can_be_varied_used_as_input_and_its_settings_used_again(open_page, alice, demo):
    images = ImagesPage(open_page(alice)).open()
    images.page.get_by_role("radio", name="Square").check()
    images.drawn("A lighthouse")
    images.show()
    images.press("Vary")
    expect(images.tiles).to_have_count(2)
    seeds = {row.provenance["seed"] for row in alice.files.all()}
    assert len(seeds) == 2
    images.prompt.fill("")
    images.show()
    images.press("Use settings")
    expect(images.prompt).to_have_value("A lighthouse")
    expect(images.page.get_by_role("radio", name="Square")).to_be_checked()
    images.show()
    images.press("Use as input")
    expect(images.page.locator(".input-tile")).to_have_count(1)
    images.drawn("The same at night")
    images.page.get_by_role("radio", name="Edited").check()
    expect(images.tiles).to_have_count(1)
    assert images.page.url.endswith("/images?kind=edited")


def test_filters_and_keys_lead_through_the_gallery(open_page, alice, demo):
    images = ImagesPage(open_page(alice)).open()
    for words in ("A lighthouse", "A red fox"):
        images.drawn(words)
    images.page.get_by_label("Search prompts").fill("fox")
    expect(images.tiles).to_have_count(1)
    images.page.get_by_label("Search prompts").fill("")
    expect(images.tiles).to_have_count(2)
    images.tiles.first.get_by_role("link").press("Enter")
    facts = images.view.locator(".facts")
    expect(facts).to_contain_text("A red fox")
    held, picture = [], re.compile(r"/images/[0-9a-f-]{36}$")
    images.page.route(picture, lambda route: held.append(route))
    for key in ("ArrowRight", "Escape"):
        images.page.keyboard.press(key)
    expect(images.view).to_be_hidden()
    with images.page.expect_response(picture) as answer:
        held[0].continue_()
    answer.value.finished()
    images.page.evaluate("new Promise((done) => setTimeout(done))")
    expect(images.view).to_be_hidden()  # it came too late
    images.page.unroute(picture)
    images.show()
    expect(facts).to_contain_text("A red fox")
    images.page.keyboard.press("ArrowRight")
    expect(facts).to_contain_text("A lighthouse")
    fitted = images.view.locator(".view-stage img").bounding_box()["width"]
    images.page.keyboard.press("+")
    expect(images.view.locator(".zoom-fit")).to_have_text("150 %")
    assert images.view.locator(".view-stage img").bounding_box()["width"] == pytest.approx(1.5 * fitted, rel=0.02)
    images.page.keyboard.press("Escape")
    expect(images.tiles.nth(1).get_by_role("link")).to_be_focused()
    images.page.wait_for_url("**/images")


def test_pictures_are_pasted_and_dropped_and_other_files_are_named(open_page, alice, demo):
    images = ImagesPage(open_page(alice)).open()
    images.page.evaluate(
        """async (bytes) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "boat.png", { type: "image/png" }));
          data.items.add(new File(["x"], "notes.txt", { type: "text/plain" }));
          const place = document.getElementById("draw");
          place.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        list(picture_bytes()),
    )
    expect(images.page.locator(".input-tile")).to_have_count(1)
    expect(images.page.get_by_text("notes.txt is not a picture")).to_be_visible()
    expect(images.page.get_by_role("button", name="Edit", exact=True)).to_be_visible()
    images.press("Remove boat.png")
    expect(images.page.locator(".input-tile")).to_have_count(0)
    expect(images.page.get_by_role("button", name="Draw", exact=True)).to_be_visible()


def states(images):
    """The states of the page, by name."""
    images.open()
    yield "empty"
    images.page.locator("#more-options summary").click()
    images.drawn("A lighthouse at dawn, long light over the sea")
    yield "one picture"
    images.show()
    yield "full view"
    images.press("Delete")
    expect(images.page.get_by_role("button", name="Undo")).to_be_visible()
    yield "deleted"
    images.press("Undo")
    images.show()
    images.press("Edit with mask")
    expect(images.page.get_by_role("dialog", name="Paint over")).to_be_visible()
    images.paint()
    yield "mask"
    images.press("Use this mask")
    yield "input"


@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [("light", {"width": 1280, "height": 800}), ("dark", {"width": 320, "height": 640})],
    ids=["wide", "narrow"],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(open_page, alice, demo, studio, scheme, viewport):
    page = open_page(alice, color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    error = {"message": "It refused.", "provider": "quota", "blame": "provider"}
    from django.utils import timezone

    ImageJob.objects.create(user=alice, engine=studio, prompt="x", state="failed", ended=timezone.now(), error=error)
    found = {}
    for name in states(ImagesPage(page)):
        found[name] = violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate("(b => b.scrollWidth <= b.clientWidth)(document.getElementById('content'))"), name
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_targets_are_large_enough_for_fingers(open_page, alice, demo):
    page = open_page(alice, viewport=PHONE, has_touch=True, is_mobile=True)
    images = ImagesPage(page).open()
    images.drawn("A lighthouse")
    find_small = """all => all.map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])
                    .filter(([, box]) => box.height < 40 || box.width < 40).map(([html]) => html)"""
    assert page.locator("main button:visible, main summary:visible, .shape:visible").evaluate_all(find_small) == []
    images.show()
    assert page.locator("#view button:visible, #view a:visible").evaluate_all(find_small) == []


def test_without_scripts_the_pictures_can_be_seen_and_a_notice_says_what_is_missing(open_page, alice, demo):
    ImagesPage(open_page(alice)).open().drawn("A lighthouse")
    page = open_page(alice, java_script_enabled=False)
    page.goto("/images")
    expect(page.get_by_text("Drawing needs them")).to_be_visible()
    expect(page.get_by_role("textbox", name="Prompt")).to_be_hidden()
    page.locator(".tile a").click()
    expect(page.locator(".facts")).to_contain_text("A lighthouse")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#view")).to_be_hidden()
    page.get_by_role("radio", name="Uploads").check()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No picture fits.")).to_be_visible()


def test_a_failure_ends_with_the_visit_in_which_it_was_read(open_page, alice, studio, upstream):
    upstream.script(error(500, "The painter is ill.", code="server_error"))
    images = ImagesPage(open_page(alice)).open()
    images.draw("A red kite")
    expect(images.jobs).to_contain_text("The painter is ill.")
    images.page.reload()
    expect(images.jobs).to_contain_text("The painter is ill.")
    images.page.goto("/settings")
    with images.page.expect_response("**/images/jobs"):
        images.open()
    expect(images.jobs).to_have_count(0)
    other = images.page.context.new_page()
    with other.expect_response("**/images/jobs"):
        other.goto("/images")
    expect(other.locator(".job")).to_have_count(0)


def test_the_pictures_of_one_request_stand_together(open_page, alice, demo):
    images = ImagesPage(open_page(alice)).open()
    images.drawn("A lighthouse")
    images.page.get_by_role("spinbutton", name="How many pictures").fill("3")
    images.draw("A red fox")
    expect(images.tiles).to_have_count(4)
    group = images.page.get_by_role("list", name="Pictures of one request")
    expect(group.locator(".tile")).to_have_count(3)
    images.open()
    expect(group.locator(".tile")).to_have_count(3)
    images.show()
    images.press("Delete")
    expect(images.tiles).to_have_count(3)
    expect(images.page.locator(".tile-group .tile")).to_have_count(2)
    images.page.keyboard.press("Escape")


def test_engine_and_model_are_chosen_by_keys_without_lists_of_the_system(
    open_page,
    alice,
    demo,
    studio,
    make_engine,  # noqa: F811
    upstream,
):
    make_engine(name="Nano", kind="gemini", url=upstream.origin, model="gemini-3-pro-image")
    upstream.openai.models = ["gpt-image-1", "gpt-image-2"]
    page = ImagesPage(open_page(alice)).open().page
    expect(page.locator("main select, main datalist")).to_have_count(0)
    page.get_by_role("radio", name="Easel").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Studio")).to_be_checked()
    opener = page.locator("#model-pick summary")
    opener.press("Enter")
    search = page.get_by_role("searchbox", name="Model")
    expect(search).to_be_focused()
    expect(page.locator("#models label")).to_have_count(3)
    search.fill("image-1")
    expect(page.locator("#models label")).to_have_count(1)
    search.press("Enter")
    expect(opener).to_be_focused()
    expect(opener).to_contain_text("gpt-image-1")
    opener.press("Enter")
    expect(search).to_be_focused()
    search.press("Escape")
    expect(page.locator("#model-pick")).not_to_have_attribute("open", "")
    expect(opener).to_be_focused()


def test_enter_takes_a_model_that_exists_and_nothing_changes_it(open_page, alice, studio, upstream):
    upstream.openai.models = ["gpt-image-1-mini", "gpt-image-1", "gpt-image-2"]
    page = ImagesPage(open_page(alice)).open().page
    opener, search = page.locator("#model-pick summary"), page.get_by_role("searchbox", name="Model")
    cases = [
        ("gpt-image", None),  # the first that fits
        ("gpt-image-1", "gpt-image-1"),  # exactly this, though another fits too
        ("", "gpt-image-1"),  # no search changes nothing
        ("of-my-own", "of-my-own"),  # no model fits
    ]
    for words, model in cases:
        opener.press("Enter")
        expect(search).to_be_focused()
        expect(page.locator("#models label")).to_have_count(4)
        search.fill(words)
        model = model or page.locator("#models input").first.get_attribute("value")
        search.press("Enter")
        expect(opener).to_be_focused()
        expect(page.locator("#model")).to_have_value(model)
        expect(opener).to_contain_text(model)


def test_size_and_model_of_an_earlier_picture_are_used_again(open_page, alice, studio, upstream):
    upstream.openai.models = ["dall-e-3", "gpt-image-2"]
    upstream.always(drawn(png(8, 8)), path="/images/generations")
    images = ImagesPage(open_page(alice)).open()
    page = images.page
    shape = page.locator("#shapes input[value='1792x1024']")
    images.use_model("dall-e-3")
    shape.check()
    images.drawn("A red kite")
    images.open()
    images.show()
    images.press("Use settings")
    expect(page.locator("#model")).to_have_value("dall-e-3")
    expect(shape).to_be_checked()
    expect(images.prompt).to_be_focused()


def test_the_form_follows_the_model_that_was_chosen_last(open_page, alice, studio, upstream):
    upstream.openai.models = ["dall-e-3", "gpt-image-2"]
    images = ImagesPage(open_page(alice)).open()
    page, held, abilities = images.page, [], "**/images/abilities?*"
    page.route(abilities, lambda route: held.append(route))
    for model in ("dall-e-3", "gpt-image-2"):
        with page.expect_request(abilities):
            images.use_model(model)
    for route in reversed(held):
        with page.expect_response(abilities) as answer:
            route.continue_()
        answer.value.finished()
        page.evaluate("new Promise((done) => setTimeout(done))")
    expect(page.get_by_role("radio", name="Own size")).to_have_count(1)  # which the first cannot


def test_all_shapes_stand_in_one_row_and_automatic_is_one_of_them(open_page, alice, studio):
    page = ImagesPage(open_page(alice)).open().page
    expect(page.get_by_role("radio", name="Automatic")).to_have_count(1)
    expect(page.get_by_text("Model decides")).to_have_count(0)
    tops = page.locator(".shape").evaluate_all("all => all.map((one) => one.getBoundingClientRect().top)")
    assert len(set(tops)) == 1


def test_the_full_view_enlarges_copies_the_prompt_and_shows_its_keys(open_page, alice, studio, upstream):
    upstream.always(drawn(png(256, 128)), path="/images/generations")
    images = ImagesPage(open_page(alice, permissions=["clipboard-read", "clipboard-write"])).open()
    images.drawn("A red kite")
    images.show()
    assert images.view.locator(".view-stage img").bounding_box()["width"] == pytest.approx(512, abs=2)
    first = images.view.locator(".view-actions > *")
    assert [words.strip() for words in first.all_inner_texts()[:3]] == ["Download", "Edit with mask", "Vary"]
    images.press("Copy the prompt")
    assert images.page.evaluate("navigator.clipboard.readText()") == "A red kite"
    assert keys_of(images.view) == [
        "+ − 0 size",
        "D download",
        "E edit",
        "V vary",
        "S star",
        "C copy the prompt",
        "Esc close",
    ]
    images.page.keyboard.press("v")
    expect(images.view).to_be_hidden()
    expect(images.tiles).to_have_count(2)
    images.show()
    assert keys_of(images.view)[0] == "← → other pictures"


def test_the_prompt_field_grows_smoothly(open_page, alice, studio):
    images = ImagesPage(open_page(alice, reduced_motion="no-preference")).open()
    grown = """(field) => new Promise((resolve) => {
      const part = field.closest(".glides");
      part.addEventListener("transitionrun", () => resolve(part.getAnimations()[0].effect.getTiming().duration));
      field.setRangeText("one\\n".repeat(6));
    })"""
    assert images.prompt.evaluate(grown) == 150
    expect(images.page.locator("#draw .glides")).to_have_css(
        "height", f"{images.page.locator('#draw-top').bounding_box()['height']:g}px"
    )


def keys_of(view):
    """The keys that the full view lists, each with its words."""
    return [" ".join(line.split()) for line in view.locator(".view-keys > :visible").all_inner_texts()]


def test_the_full_view_lists_no_key_that_does_nothing_here(open_page, alice, studio):
    context = files.FileContext(chat=Chat.objects.create(user=alice))
    picture = files.accept(alice, png(64, 48), name="boat.png", context=context)
    page = open_page(alice)
    page.goto(f"/images/{picture.pk}")
    view = page.locator("#view")
    expect(view).to_be_visible()
    assert keys_of(view) == ["+ − 0 size", "D download", "E edit", "S star", "Esc close"]
    page.keyboard.press("e")
    expect(page.locator("#mask-canvas")).to_be_visible()
