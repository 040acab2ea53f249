"""The administration in a browser: no script error, no page wider than its window, no label over a field."""

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from providers.models import RateLimit, UsageRecord
from tests import people
from tests.variants import IS_WHOLE
from tests.webui.admin import site_rows
from tests.webui.admin.test_every_page import forms_and_lists, one_of_each

WIDTHS = (1280, 1440)
# The labels of a form that lie over the control of another field, as their texts.
OVERLAPPING = """() => {
  const visible = (box) => box.width > 1 && box.height > 1;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const labels = all("#content label, #content legend, #content .help");
  const controls = all("#content input:not([type=hidden]), #content select, #content textarea");
  const found = [];
  for (const label of labels) {
    const range = document.createRange();
    range.selectNodeContents(label);
    const one = range.getBoundingClientRect();
    for (const control of controls) {
      const other = control.getBoundingClientRect();
      if (label.contains(control) || !visible(one) || !visible(other)) continue;
      const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (across > 2 && down > 2) found.push(label.textContent.trim().slice(0, 40) + " / " + control.name);
    }
  }
  return found;
}"""


def administrator():
    return people.make_user("Boss", admin=True)


def viewer():
    """A user with every view permission and no other."""
    staff = people.make_user("Viewer", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return staff


VISITS = {
    "administrator-en": (administrator, "en", one_of_each),
    "administrator-zh": (administrator, "zh-CN", forms_and_lists),
    "viewer-en": (viewer, "en", one_of_each),
}
EACH = 1 if IS_WHOLE else 6  # page of so many: all visits take some minutes


@pytest.mark.parametrize(("turn", "visit"), list(enumerate(VISITS)), ids=VISITS)
def test_pages_run_without_script_errors_and_fit_their_window(open_page, client, alice, turn, visit):
    who, language, pages = VISITS[visit]
    site_rows.fill(owner=alice)
    user = who()
    client.force_login(user)
    addresses = pages(client)
    assert len(addresses) > 20
    addresses = addresses[turn % EACH :: EACH]
    page = open_page(user, locale=language)
    wrong, labels = [], 0
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("load")
        labels += page.locator("#content label").count()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                wrong.append(f"{address}: {wide} pixels in a window of {width}")
            wrong += [f"{address} at {width}: {names}" for names in page.evaluate(OVERLAPPING)]
    assert wrong == []
    assert labels > 0


def test_a_limit_is_tried_on_last_week_with_the_values_of_its_form(open_page, alice):
    for _ in range(3):
        UsageRecord.objects.create(user=alice, model="m1", kind="chat", status=200)
    page = open_page(people.make_user("Boss", admin=True))
    page.goto("/admin/providers/ratelimit/add/")
    shown = page.locator("#limit-trial")
    page.get_by_role("button", name="Try this limit on last week").click()
    expect(shown).to_contain_text("Enter at least one number")
    page.get_by_label("Requests per day").fill("1")
    page.get_by_role("button", name="Try this limit on last week").click()
    expect(shown).to_contain_text("2 of 3 calls would have been stopped")
    expect(shown.get_by_role("row", name="Alice")).to_be_visible()
    assert not RateLimit.objects.exists()
