"""Accessibility (axe-core) of the admin, the API page and the sign-in pages, light and dark."""

import pytest

from tests.browser.test_access import violations
from tests.people import make_connection, make_key
from webui.accounts import setup

ADMIN = [
    "/admin/",
    "/admin/webui/sitesettings/",
    "/admin/webui/user/",
    "/admin/webui/user/add/",
    "/admin/auth/group/add/",
    "/admin/providers/connection/",
    "/admin/providers/connection/add/",
    "/admin/providers/chatmodel/",
    "/admin/providers/clientkey/",
    "/admin/chat/chat/",
    "/admin/chat/chatsettings/",
    "/admin/chat/chatsettings/search/",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_admin(open_page, admin, alice, upstream, scheme):
    make_connection(upstream.url, "m1")
    make_key(alice, name="notebook")
    page = open_page(admin, color_scheme=scheme)
    found = {}
    for path in [*ADMIN, f"/admin/webui/user/{alice.pk}/change/"]:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        found[path] = violations(page)
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_api_page(open_page, alice, scheme):
    page = open_page(alice, color_scheme=scheme)
    page.goto("/api/docs")
    page.locator(".opblock-tag").first.wait_for()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_set_up_page_and_its_mistakes(open_page, transactional_db, scheme):
    page = open_page(color_scheme=scheme)
    page.goto(setup.new_link())
    found = violations(page)
    page.fill("[name=email]", "ada@example.com")
    page.fill("[name=password1]", "12345678")
    page.fill("[name=password2]", "87654321")
    page.get_by_role("button", name="Create my account").click()
    page.get_by_text("not the same").wait_for()
    assert found + violations(page) == []


def test_setting_up_and_copying_a_key_work_in_a_browser(open_page, transactional_db):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(setup.new_link())
    page.fill("[name=email]", "ada@example.com")
    page.fill("[name=password1]", "correct horse battery")
    page.fill("[name=password2]", "correct horse battery")
    page.get_by_role("button", name="Create my account").click()
    page.wait_for_url("**/")
    page.goto("/settings/keys")
    page.fill("[name=name]", "notebook")
    page.get_by_role("button", name="Make a key").click()
    page.locator("[data-copy=new-key]").click()
    shown = page.locator("#new-key").input_value()
    assert shown.startswith("sk-")
    assert page.evaluate("navigator.clipboard.readText()") == shown
