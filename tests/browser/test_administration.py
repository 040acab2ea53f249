"""The administration in a browser: no script error, and no page wider than its window, for every role."""

import pytest
from django.contrib.auth.models import Permission

from tests import people
from tests.webui.admin import site_rows
from tests.webui.admin.test_every_page import forms_and_lists

WIDTHS = (1280, 1440)


def administrator():
    return people.make_user("Boss", admin=True)


def viewer():
    """A user with every view permission and no other."""
    staff = people.make_user("Viewer", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return staff


@pytest.mark.parametrize(
    ("who", "language"),
    [(administrator, "en"), (administrator, "zh-CN"), (viewer, "en")],  # a viewer's pages are a part of those
    ids=["administrator-en", "administrator-zh", "viewer-en"],
)
def test_pages_run_without_script_errors_and_fit_their_window(open_page, client, alice, who, language):
    site_rows.fill(owner=alice)
    user = who()
    client.force_login(user)
    addresses = forms_and_lists(client)
    assert len(addresses) > 20
    page = open_page(user, locale=language)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("load")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                wrong.append(f"{address}: {wide} pixels in a window of {width}")
    assert wrong == []
