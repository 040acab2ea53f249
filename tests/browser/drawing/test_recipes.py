"""The way of a recipe: with a picture out of the site, back by a drop, and into the form."""

import pytest
from playwright.sync_api import expect

from chat import services
from tests.browser.test_access import violations
from tests.browser.test_images import ImagesPage, demo
from tests.imagegen.conftest import make_engine, store

__all__ = ["demo", "make_engine", "store"]
pytestmark = pytest.mark.usefixtures("store", "jobs_end")
DROP = """async (bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "back.png", { type: "image/png" }));
  const place = document.getElementById("draw");
  place.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def test_a_dropped_picture_shows_its_recipe_which_fills_the_form(open_page, alice, bob, demo):
    images = ImagesPage(open_page(alice)).open()
    images.drawn("A lighthouse at dawn")
    row = alice.files.get()
    content = images.page.request.get(f"{row.url}?download=1").body()
    assert b"parameters\0A lighthouse at dawn" in content

    other = ImagesPage(open_page(bob, viewport={"width": 390, "height": 800}, color_scheme="dark")).open()
    other.page.evaluate(DROP, list(content))
    other.press("Show the recipe")
    expect(other.view).to_contain_text("Drawn on this site: the signature of its recipe is valid.")
    expect(other.view.locator(".facts")).to_contain_text("A lighthouse at dawn")
    expect(other.view.locator(".facts")).to_contain_text(str(row.provenance["seed"]))
    assert violations(other.page) == []
    assert other.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    other.page.get_by_role("button", name="Use this recipe").press("Enter")
    expect(other.view).to_be_hidden()
    expect(other.prompt).to_have_value("A lighthouse at dawn")
    expect(other.page.locator("#seed")).to_have_value(str(row.provenance["seed"]))
    expect(other.page.locator(".input-tile")).to_have_count(0)

    page = images.page
    page.goto("/settings")
    page.get_by_role("checkbox", name="My pictures leave without their recipe").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert services.preferences_of(alice.pk)["recipes"] is False
    assert b"lighthouse" not in page.request.get(f"{row.url}?download=1").body()
