"""Your data in the browser: an export of another chat comes in, everything goes out, and away."""

import re

from playwright.sync_api import expect

from chat.models import Chat, File
from tests import people
from tests.browser.test_access import violations
from tests.chat.imports import exports


def test_chats_come_in_and_everything_goes_out(open_page, alice):
    page = open_page(alice, viewport={"width": 390, "height": 800})
    page.goto("/settings/data")
    assert violations(page) == []
    upload = {"name": "export.zip", "mimeType": "application/zip", "buffer": exports.chatgpt_zip()}
    page.get_by_label("The file, as it was downloaded").set_input_files(upload)
    page.get_by_role("button", name="Look through it").click()
    bring = page.get_by_role("button", name="Bring in 3 chats")
    expect(bring).to_be_visible()  # drawn anew by the event, without a reload
    assert not Chat.objects.exists()
    page.get_by_text("Every chat").click()
    expect(page.get_by_role("row", name=re.compile("Corrupted"))).to_contain_text("no messages of this chat")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    bring.click()
    expect(page.locator("#data-state").get_by_text("The chats are in your list.")).to_be_visible()
    page.get_by_role("button", name="Make an archive").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith("export.zip")
    page.goto("/")
    page.get_by_role("button", name="Show the chats").click()
    page.get_by_role("link", name=re.compile("Chat 1")).click()
    expect(page.get_by_text("Answer 1", exact=True)).to_be_visible()
    page.goto(f"/c/{Chat.objects.get(title='Green and blue').pk}")  # in the archive, as it was there
    expect(page.get_by_text("Here it is.")).to_be_visible()
    expect(page.locator("figure.picture img")).to_have_js_property("naturalWidth", 5)


def test_a_deletion_in_chinese_by_keys_asks_for_the_password(open_page, alice):
    chat = Chat.objects.create(user=alice, title="Kites")
    page = open_page(alice, locale="zh-CN", color_scheme="dark")
    page.goto("/settings/data")
    page.get_by_role("link", name="删除全部内容……").press("Enter")
    expect(page.get_by_role("checkbox").first).to_be_checked()
    assert violations(page) == []
    page.get_by_label("你的密码").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("这不是你的密码。")).to_be_visible()
    assert Chat.objects.filter(pk=chat.pk).exists()
    page.goto("/settings/data/delete")
    page.get_by_label("你的密码").fill(people.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#data-state").get_by_text("你选择的内容已删除。")).to_be_visible()
    assert violations(page) == []
    assert not Chat.objects.exists()
    assert not File.objects.exists()
