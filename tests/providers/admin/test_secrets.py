"""Secrets in the admin pages of connections and engines: each stays with its server."""

import pytest
from django.contrib.auth.models import Permission

from imagegen.models import ImageEngine
from providers.models import Connection
from tests.people import make_user

KEY = "sk-for-the-first-server"
GATE = "gate-for-the-first-server"
HEADERS = {"X-Gate": GATE, "X-Person": "{{USER_ID}}"}
FIRST, SECOND = "https://first.example/v1", "https://second.example/v1"
CONNECTIONS, ENGINES = "/admin/providers/connection/", "/admin/imagegen/imageengine/"
SHOWN = "X-Gate: ••••rver\nX-Person: {{USER_ID}}"


@pytest.fixture
def root(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def helper(client, db):
    """Signs in somebody of the staff with these rights."""

    def sign_in(*codenames):
        person = make_user("Helper", is_staff=True)
        person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(person)
        return client

    return sign_in


def connection():
    return Connection.objects.create(name="Up", base_url=FIRST, secret=KEY, headers=HEADERS, enabled=False)


def engine():
    return ImageEngine.objects.create(name="Studio", kind="openai", url=FIRST, secret=KEY, headers=HEADERS)


def connection_form(**values):
    return {
        "name": "Up", "kind": "openai", "base_url": FIRST, "auth_type": "bearer", "connection_type": "external",
        "access": "public", "forward_cookies": "auto", "position": "0", "verify_tls": "on", "retries": "1",
        "retry_seconds": "5", "headers": SHOWN, **values,
    }  # fmt: skip


def engine_form(**values):
    return {
        "name": "Studio", "kind": "openai", "purpose": "both", "enabled": "on", "position": "0", "url": FIRST,
        "timeout": "600", "concurrency": "2", "access": "public", "verify_tls": "on", "headers": SHOWN, **values,
    }  # fmt: skip


PAGES = pytest.mark.parametrize(
    ("make", "path", "form", "address"),
    [(connection, CONNECTIONS, connection_form, "base_url"), (engine, ENGINES, engine_form, "url")],
)


def said(page):
    return " ".join(str(message) for message in page.context["messages"])


@PAGES
def test_no_page_shows_the_value_of_a_header(root, make, path, form, address):
    row = make()
    root.post(f"{path}{row.pk}/change/", form(name="Renamed"))
    row.refresh_from_db()
    assert (row.name, row.headers) == ("Renamed", HEADERS)
    version = row.history.first().pk
    for page in ("", f"{row.pk}/change/", f"{row.pk}/history/", f"{row.pk}/history/{version}/", f"{row.pk}/delete/"):
        answer = root.get(path + page)
        assert answer.status_code == 200
        assert GATE not in answer.content.decode()
        assert KEY not in answer.content.decode()
    assert "X-Gate: ••••rver\nX-Person: {{USER_ID}}" in root.get(f"{path}{row.pk}/change/").content.decode()


@PAGES
def test_staff_who_may_only_view_see_no_value_either(helper, make, path, form, address):
    row = make()
    page = helper("view_connection", "view_imageengine").get(f"{path}{row.pk}/change/")
    assert page.status_code == 200
    assert "X-Gate" in page.content.decode()
    assert GATE not in page.content.decode()


@PAGES
def test_headers_are_entered_kept_by_their_mask_and_removed_by_leaving_them_out(root, make, path, form, address):
    row = make()
    root.post(f"{path}{row.pk}/change/", form(headers="X-Gate: ••••rver\nX-Team: design-team-7"))
    row.refresh_from_db()
    assert row.headers == {"X-Gate": GATE, "X-Team": "design-team-7"}
    assert "X-Person, X-Team" in row.history.first().history_change_reason
    refused = root.post(f"{path}{row.pk}/change/", form(headers="X-Other: ••••rver"))
    assert "headers" in refused.context["adminform"].form.errors
    root.post(f"{path}{row.pk}/change/", form(headers='{"X-Json": "value of json"}'))
    row.refresh_from_db()
    assert row.headers == {"X-Json": "value of json"}


@PAGES
def test_an_address_at_another_server_drops_the_secrets_and_the_page_says_so(root, make, path, form, address):
    row = make()
    page = root.post(f"{path}{row.pk}/change/", form(**{address: SECOND}), follow=True)
    row.refresh_from_db()
    assert getattr(row, address) == SECOND
    assert (row.secret, row.headers) == ("", {"X-Person": "{{USER_ID}}"})
    assert "removed: X-Gate" in said(page)


@PAGES
def test_what_is_entered_again_with_the_address_stays(root, make, path, form, address):
    row = make()
    page = root.post(f"{path}{row.pk}/change/", form(**{address: SECOND}, new_key=KEY, headers=f"X-Gate: {GATE}"))
    assert page.status_code == 302
    row.refresh_from_db()
    assert (getattr(row, address), row.secret, row.headers) == (SECOND, KEY, {"X-Gate": GATE})


@PAGES
def test_a_revert_to_another_server_takes_no_secret_along(root, make, path, form, address):
    row = make()
    first = row.history.first().pk
    root.post(f"{path}{row.pk}/change/", form(**{address: SECOND}, new_key="sk-for-the-second-server", headers=""))

    page = root.post(f"{path}{row.pk}/history/{first}/", form(headers=""), follow=True)

    row.refresh_from_db()
    assert (getattr(row, address), row.secret) == (FIRST, "")
    assert "removed" in said(page)


# --- a right of its own -----------------------------------------------------------------------------------------------


@PAGES
def test_without_the_right_nobody_changes_where_calls_lead(helper, make, path, form, address):
    row = make()
    staff = helper("view_connection", "change_connection", "view_imageengine", "change_imageengine")
    page = staff.get(f"{path}{row.pk}/change/").content.decode()
    assert FIRST in page
    assert f'name="{address}"' not in page

    changes = {address: SECOND, "auth_type": "session", "forward_cookies": "others", "name": "Renamed"}
    answer = staff.post(f"{path}{row.pk}/change/", form(**changes))

    assert answer.status_code == 302
    before = {name: getattr(row, name) for name in row.audited}
    row.refresh_from_db()
    assert row.name == "Renamed"
    assert {name: getattr(row, name) for name in row.audited} == before
    assert (row.secret, row.headers) == (KEY, HEADERS)


@PAGES
def test_without_the_right_a_revert_leads_nowhere_else(helper, make, path, form, address):
    row = make()
    first = row.history.first().pk
    setattr(row, address, SECOND)
    row.enter("secret", "sk-for-the-second-server")
    row.save()
    staff = helper("view_connection", "change_connection", "view_imageengine", "change_imageengine")

    staff.post(f"{path}{row.pk}/history/{first}/", form(name="Reverted", headers=""))

    row.refresh_from_db()
    assert (row.name, getattr(row, address), row.secret) == ("Reverted", SECOND, "sk-for-the-second-server")


@PAGES
def test_with_the_right_staff_change_it_and_the_history_says_so(helper, make, path, form, address):
    row = make()
    staff = helper(*(f"{verb}_{row._meta.model_name}" for verb in ("view", "change")),
                   f"change_{row._meta.model_name}_destination")  # fmt: skip
    staff.post(f"{path}{row.pk}/change/", form(**{address: SECOND}))
    row.refresh_from_db()
    assert getattr(row, address) == SECOND
    told = row.history.first()
    assert "changed" in told.history_change_reason
    assert "API key removed" in told.history_change_reason
    assert str(told.history_user) == "Helper"


def test_without_the_right_a_new_connection_sends_nothing_of_its_callers(helper):
    staff = helper("view_connection", "add_connection")
    values = {"auth_type": "session", "forward_cookies": "others", "base_url": SECOND, "headers": ""}
    staff.post(f"{CONNECTIONS}add/", connection_form(**values))
    row = Connection.objects.get()
    assert (row.base_url, row.auth_type, row.forward_cookies) == (SECOND, "bearer", "auto")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/openai/config/update",
            {"OPENAI_API_BASE_URLS": [SECOND], "OPENAI_API_KEYS": [""], "OPENAI_API_CONFIGS": {}},
        ),
        ("/openai/verify", {"url": SECOND, "key": ""}),
        ("/api/v1/images/config/update", {"IMAGES_OPENAI_API_BASE_URL": SECOND}),
        ("/api/v1/images/verify", {"engine": "openai", "url": SECOND}),
    ],
)
def test_flat_forms_are_no_way_around_the_right(helper, path, body):
    row = connection()
    staff = helper("view_connection", "change_connection", "change_imageengine", "change_connection_destination")
    assert staff.post(path, body, content_type="application/json").status_code == 403
    row.refresh_from_db()
    assert (row.base_url, row.secret) == (FIRST, KEY)
