"""Many pictures at once: starred, deleted and brought back, as one archive; and by mouse and keys on the page."""

import io
import uuid
import zipfile

import pytest
import requests
from playwright.sync_api import expect

from chat import files
from chat.files import FileContext
from chat.models import File
from imagegen.gallery import services
from imagegen.models import PictureStar
from tests import people
from tests.browser.test_access import violations
from tests.chat.files.test_rows import png
from tests.imagegen.pages.test_views import make_picture

PICTURES = "/api/v1/images/pictures"


@pytest.mark.django_db
def test_an_action_is_done_on_all_pictures_or_on_none_and_can_be_undone(client, alice, bob):
    headers = {"Authorization": f"Bearer {people.make_key(alice)}"}
    rows = [make_picture(alice, f"number {number}") for number in range(3)]
    ids = [str(row.pk) for row in rows]
    services.star(rows[0].owner, rows[0].pk, is_good=True)

    def act(action, ids):
        body = {"action": action, "ids": ids}
        return client.post(f"{PICTURES}/bulk", body, content_type="application/json", headers=headers)

    done = act("star", ids).json()
    assert (done["changed"], sorted(done["undo"][0]["ids"])) == (2, sorted(ids[1:]))
    assert act(**done["undo"][0]).status_code == 200
    assert list(PictureStar.objects.values_list("file_id", flat=True)) == [rows[0].pk]
    hers = str(make_picture(bob, "not hers").pk)
    for wrong in ([*ids, hers], [*ids, str(uuid.uuid4())]):
        assert act("delete", wrong).json()["code"] == "picture_not_found"
        assert (
            client.post(f"{PICTURES}/archive", {"ids": wrong}, "application/json", headers=headers).status_code == 404
        )
    assert act("erase", ids).status_code == act("star", []).status_code == 400
    assert act("star", ids * 200).status_code == 400
    undo = act("delete", ids).json()["undo"]
    assert File.objects.filter(owner=alice).count() == 0
    assert act("star", ids).status_code == 404
    assert act(**undo[0]).json()["changed"] == 3
    assert (File.objects.filter(owner=alice).count(), PictureStar.objects.count()) == (3, 1)


@pytest.mark.django_db(transaction=True)
def test_chosen_pictures_are_downloaded_as_one_archive(site, alice, store, settings):
    made = [files.accept(alice, png(4, size), name="kite.png", context=FileContext()) for size in (4, 5)]
    headers = {"Authorization": f"Bearer {people.make_key(alice)}"}
    address, body = f"{site.url}{PICTURES}/archive", {"ids": [str(row.pk) for row in made]}
    answer = requests.post(address, headers=headers, json=body, timeout=10)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="pictures.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert (sorted(archive.namelist()), archive.testzip()) == (["kite-2.png", "kite.png"], None)
    page = {"cookies": site.cookies_of(alice), "headers": {"Accept": "text/html"}, "timeout": 10}
    refused = requests.post(address, data=body, **page)
    assert refused.status_code == 403, refused.text  # a form of another site's
    settings.EXPORT_MAX_BYTES = 10
    assert requests.post(address, headers=headers, json=body, timeout=10).status_code == 413


@pytest.mark.django_db(transaction=True)
def test_pictures_are_chosen_by_keys_and_mouse_then_starred_and_deleted(open_page, alice, make_engine, store):
    make_engine(name="Easel", kind="placeholder", model="", secret="")
    for number in range(5):
        made = {"engine": "Easel", "prompt": f"number {number}"}
        files.accept(alice, png(90, 60), name=f"{number}.png", context=FileContext(provenance=made))
    page = open_page(alice)
    page.goto("/images")
    tiles, count = page.locator(".tile"), page.locator("#selection-count")
    expect(tiles).to_have_count(5)
    tiles.first.get_by_role("link").focus()
    page.keyboard.press("s")
    expect(page.locator('.tile-star[aria-pressed="true"]')).to_have_count(1)
    page.keyboard.press("Space")
    expect(count).to_have_text("Chosen: 1")
    page.keyboard.press("Shift+ArrowRight")
    expect(count).to_have_text("Chosen: 2")
    assert violations(page) == []
    page.keyboard.press("Control+a")
    expect(count).to_have_text("Chosen: 5")
    page.keyboard.press("Escape")
    expect(page.locator("#selection")).to_be_hidden()
    page.get_by_role("button", name="Select", exact=True).click()
    tiles.nth(1).locator(".tile-choose").click()
    tiles.nth(3).locator(".tile-choose").click(modifiers=["Shift"])
    expect(count).to_have_text("Chosen: 3")
    bar = page.locator("#selection")
    bar.get_by_role("button", name="Star").click()
    expect(page.locator('.tile-star[aria-pressed="true"]')).to_have_count(4)
    with page.expect_download() as download:
        bar.get_by_role("button", name="Download").click()
    assert len(zipfile.ZipFile(download.value.path()).namelist()) == 3
    tiles.nth(3).locator(".tile-choose").focus()
    page.keyboard.press("Delete")
    expect(tiles).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(tiles).to_have_count(5)
    page.get_by_role("checkbox", name="Starred").check()
    expect(tiles).to_have_count(4)
    expect(page).to_have_url("/images?starred=true")
