"""Parameters of a model's own, chosen on the pictures page and in the menu of the chat's chip."""

import re

import pytest
from playwright.sync_api import expect

from chat import files
from tests.browser.conftest import provider  # noqa: F401
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.imagegen.conftest import make_engine, store
from tests.upstream.openai import chat
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

__all__ = ["make_engine", "store"]
pytestmark = pytest.mark.usefixtures("store", "jobs_end")
GENERATE = "/images/generations"
PHONE = {"width": 390, "height": 800}


@pytest.fixture
def engine(make_engine, upstream):
    upstream.always(drawn(png(8, 8)), path=GENERATE)
    return make_engine(url=upstream.url, model="gpt-image-1")


@pytest.mark.parametrize(
    ("options", "more", "quality", "high"),
    [
        ({}, "More options", "Quality", "High"),
        ({"locale": "zh-CN", "color_scheme": "dark", "viewport": PHONE}, "更多选项", "质量", "高"),
    ],
    ids=["wide", "phone-zh"],
)
def test_what_a_model_takes_is_chosen_sent_and_remembered(
    open_page, alice, engine, upstream, options, more, quality, high
):
    page = open_page(alice, **options)
    page.goto("/images")
    page.get_by_text(more).click()
    page.get_by_label(quality, exact=True).select_option(label=high)
    compression = page.locator("#parameter-output_compression")
    expect(compression).to_be_hidden()  # means nothing without a format that is packed
    page.locator("#parameter-output_format").select_option("webp")
    compression.fill("80")
    expect(page.locator("#more-options summary")).to_contain_text(f"{high} · WebP")
    expect(page.locator("#parameter-input_fidelity")).to_be_hidden()  # for edits
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#prompt").fill("A red kite")
    page.locator("#prompt").press("Enter")
    expect(page.locator(".tile")).to_have_count(1)
    sent = upstream.asked(GENERATE)[0].json
    assert {name: sent.get(name) for name in ("quality", "output_format", "output_compression", "background")} == {
        "quality": "high",
        "output_format": "webp",
        "output_compression": 80,
        "background": None,
    }
    page.reload()
    expect(page.locator("#more-options summary")).to_contain_text(f"{high} · WebP")  # what one chose last


def test_the_chip_offers_shape_count_and_parameters(open_page, provider, alice, engine, upstream):  # noqa: F811
    page = open_page(alice, viewport=PHONE)
    ChatPage(page).open()
    page.get_by_role("button", name="Picture", exact=True).click()
    page.get_by_role("button", name="Options: Picture").click()
    menu = page.locator("#options-image_generation")
    menu.get_by_role("radio", name="Wide", exact=True).check()
    menu.get_by_role("radio", name="2", exact=True).check()
    menu.get_by_label("Background").select_option("transparent")
    chosen = page.locator("[data-options='image_generation'] .chip-chosen")
    expect(chosen).to_have_text("Wide · 2 · Transparent")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    page.reload()
    expect(chosen).to_have_text("Wide · 2 · Transparent")  # of the tab
    page.locator("#message").fill("A red kite")
    page.locator("#message").press("Enter")
    expect(page.locator("#thread .picture img")).to_have_count(1)
    sent = upstream.asked(GENERATE)[0].json
    assert (sent["size"], sent["n"], sent["background"]) == ("1536x1024", 2, "transparent")


def test_a_picture_is_described_and_the_words_stand_in_the_form(open_page, connection, alice, engine, upstream):
    upstream.always(chat("A red kite over dunes"), path="/chat/completions")
    picture = files.accept(alice, png(8, 8), name="kite.png")
    page = open_page(alice)
    page.goto(f"/images/{picture.pk}")
    page.get_by_role("button", name="Describe this picture").click()
    expect(page.locator("#prompt")).to_have_value("A red kite over dunes")
    expect(page).to_have_url(re.compile("/images$"))
    page.keyboard.press("Control+z")
    expect(page.locator("#prompt")).to_have_value("")
