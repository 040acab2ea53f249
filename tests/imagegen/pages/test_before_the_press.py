"""What the pictures page tells before the press, and the question above the limit."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from imagegen.models import ImageJob, ImageSettings
from providers.models import Budget, Price
from tests.browser.conftest import provider  # noqa: F401
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.imagegen.conftest import make_engine, store  # noqa: F401
from tests.upstream.openai import chat
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

pytestmark = pytest.mark.usefixtures("store", "jobs_end")


@pytest.fixture
def studio(make_engine, upstream, alice):  # noqa: F811
    """An engine whose pictures take 14 seconds, and cost 17 cents in high quality."""
    engine = make_engine(url=upstream.url, params={"quality": "high"})
    upstream.always(drawn(png(8, 8)), path="/images/generations")
    now = timezone.now()
    request = {"prompt": "x", "model": "gpt-image-2", "n": 1}
    times = {"started": now - timedelta(seconds=14), "ended": now}
    ImageJob.objects.create(user=alice, engine=engine, prompt="x", state="succeeded", request=request, **times)
    Price.objects.create(pattern="gpt-image*", picture=1, pictures={"high": 0.17})
    return engine


@pytest.mark.parametrize(
    ("options", "line", "words", "draw"),
    [
        ({}, "3 pictures · high quality · about 40 s · 0.51 USD", "Draw this?", "Draw"),
        (
            {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 390, "height": 800}},
            "3 张图片 · 高质量 · 约 40 秒 · 0.51 USD",
            "要绘制吗？",
            "绘制",
        ),
    ],
    ids=["wide", "phone-zh"],
)
def test_the_numbers_stand_beside_the_button_and_in_the_question(
    open_page, alice, studio, problems, options, line, words, draw
):
    problems.expect("409")
    ImageSettings.objects.update(ask_above_cost=Decimal("0.40"))
    Budget.objects.create(everybody=True, unit="pictures", amount=2, name="Sketches")
    page = open_page(alice, **options)
    page.goto("/images")
    estimate, dialog = page.locator("#draw-estimate"), page.locator("#limit-dialog")
    expect(estimate).to_contain_text("0.17 USD")
    page.locator("[data-count='1']").click(click_count=2)
    expect(estimate).to_contain_text(line)
    expect(estimate).to_contain_text("Sketches")
    Budget.objects.all().delete()
    page.locator("#prompt").fill("A red kite")
    page.locator("#prompt").press("Enter")
    expect(dialog).to_contain_text(words)
    expect(dialog).to_contain_text(line)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    assert not ImageJob.objects.filter(prompt="A red kite").exists()
    page.locator("#draw-button").click()
    dialog.get_by_role("button", name=draw, exact=True).click()
    expect(page.locator(".tile").first).to_be_visible()
    assert ImageJob.objects.get(prompt="A red kite").request["n"] == 3


def test_the_chat_tells_them_below_the_pressed_chip(open_page, provider, alice, studio):  # noqa: F811
    page = open_page(alice, color_scheme="dark", viewport={"width": 390, "height": 800})
    ChatPage(page).open()
    chip, line, usual = page.get_by_role("button", name="Picture", exact=True), "#picture-estimate", "#fine-print"
    height = page.locator("#composer").bounding_box()["y"]
    chip.click()
    expect(page.locator(line)).to_contain_text("1 picture · high quality · about 15 s · 0.17 USD")
    expect(chip).to_have_accessible_description("1 picture · high quality · about 15 s · 0.17 USD")
    expect(page.locator(usual)).not_to_be_visible()
    assert page.locator("#composer").bounding_box()["y"] == height  # nothing moves
    assert violations(page) == []
    chip.click()
    expect(page.locator(usual)).to_be_visible()
    expect(page.locator(line)).not_to_be_visible()


def test_a_chat_asks_once_above_the_limit_for_what_its_chip_has_chosen(open_page, provider, alice, studio, upstream):  # noqa: F811
    ImageSettings.objects.update(ask_above_pictures=1, prompt_generation=False)
    page = open_page(alice, viewport={"width": 390, "height": 800})
    chat_page = ChatPage(page).open()
    page.get_by_role("button", name="Picture", exact=True).click()
    page.get_by_role("button", name="Options: Picture").click()
    page.locator("#options-image_generation").get_by_role("radio", name="2", exact=True).check()
    page.keyboard.press("Escape")
    expect(page.locator("#picture-estimate")).to_contain_text("2 pictures · high quality")
    dialog = page.locator("#limit-dialog")
    page.locator("#message").fill("A red kite")
    page.locator("#message").press("Enter")
    expect(dialog).to_contain_text("2 pictures · high quality")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.locator("#message")).to_have_value("A red kite")
    assert upstream.asked("/images/generations") == []
    page.locator("#message").press("Enter")
    dialog.get_by_role("button", name="Draw", exact=True).click()
    chat_page.settled()
    expect(page.locator("#message")).to_have_value("")
    assert upstream.asked("/images/generations")[0].json["n"] == 2


def test_a_prompt_is_seen_before_it_is_drawn_and_can_be_taken_back(open_page, provider, alice, studio, upstream):  # noqa: F811
    ImageSettings.objects.update(prompt_template="Improve: {{prompt}}")
    upstream.always(chat('{"prompt": "A red kite above the sea"}'), path="/chat/completions")
    page = open_page(alice, viewport={"width": 390, "height": 800})
    page.goto("/images")
    field, first = page.locator("#prompt"), page.locator("#first-look")
    first.click()
    page.reload()
    expect(first).to_have_attribute("aria-pressed", "true")  # remembered
    field.fill("kite")
    field.press("Enter")
    expect(field).to_have_value("A red kite above the sea")
    assert not ImageJob.objects.filter(prompt__contains="kite above").exists()
    assert violations(page) == []
    page.keyboard.press("Control+z")
    expect(field).to_have_value("kite")
    page.keyboard.press("Control+Shift+z")
    expect(field).to_have_value("A red kite above the sea")
    field.press("Enter")
    expect(page.locator(".tile")).to_have_count(1)
    job = ImageJob.objects.get(prompt="A red kite above the sea")
    assert job.request["original_prompt"] == "kite"
    page.locator("#own-words").click()
    expect(field).to_have_value("kite")
