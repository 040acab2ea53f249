"""The settings pages in the browser: their sections, and the search with the keyboard."""

from playwright.sync_api import expect


def test_a_setting_is_found_and_reached_by_keys(open_page, alice):
    page = open_page(alice)
    page.goto("/settings/usage")
    search = page.get_by_role("searchbox", name="Search settings")
    search.press_sequentially("dark")
    found = page.locator("#settings-found")
    expect(found.get_by_role("link")).to_have_count(1)
    search.press("ArrowDown")
    expect(found.get_by_role("link", name="Appearance")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings#id_theme_0")
    expect(page.get_by_role("navigation", name="Settings").locator("[aria-current]")).to_have_text("Profile")


def test_a_search_that_finds_nothing_says_so_and_escape_ends_it(open_page, alice):
    page = open_page(alice)
    page.goto("/settings")
    search = page.get_by_role("searchbox", name="Search settings")
    search.press_sequentially("xyz")
    expect(page.get_by_text("Nothing fits.")).to_be_visible()
    search.press("Escape")
    expect(page.locator("#settings-found")).to_be_hidden()
    expect(search).to_have_value("")


def test_an_accent_of_the_administrator_is_on_buttons_and_readable(open_page, alice, transactional_db):
    from webui.models import SiteSettings

    SiteSettings.objects.create(pk=1, name="Harbour", accent="#ffd400")
    page = open_page(alice)
    page.goto("/settings")
    button = page.get_by_role("button", name="Save")
    colours = button.evaluate("(b) => [getComputedStyle(b).backgroundColor, getComputedStyle(b).color]")
    assert colours == ["rgb(245, 204, 0)", "rgb(0, 0, 0)"]
    expect(page).to_have_title("Profile · Settings · Harbour")


def test_administrators_see_name_accent_and_logo_before_they_save(open_page, admin):
    from tests.upstream.pictures import png
    from webui.models import SiteSettings

    page = open_page(admin)
    page.goto("/admin/webui/sitesettings/")
    preview = page.locator("#look-preview")
    expect(preview.locator(".look-theme")).to_have_count(2)
    page.fill("[name=name]", "Harbour")
    page.fill("[name=accent]", "#ffd400")
    expect(preview).to_contain_text("Harbour")
    button = preview.locator(".look-light .look-button")
    expect(button).to_have_css("color", "rgb(0, 0, 0)")
    upload = {"name": "logo.png", "mimeType": "image/png", "buffer": png(32, 32)}
    page.set_input_files("[name=new_logo]", upload)
    expect(preview.locator(".look-light img[src^='blob:']")).to_have_count(1)
    assert SiteSettings.load().accent == ""
    page.locator("[name=_save]").click()
    page.wait_for_url("**/admin/**")
    row = SiteSettings.load()
    assert (row.name, row.accent, bool(row.logo)) == ("Harbour", "#ffd400", True)
