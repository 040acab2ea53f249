"""Connections in the admin: the form with its write-only key, the list, the buttons."""

import pytest
from django.contrib.admin import site as staff_site
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from django.utils import timezone

from providers import auth, runtime
from providers.admin.forms import OPTION, ConnectionForm
from providers.auth.entra import Tokens
from providers.catalogue import discovery
from providers.models import Connection
from providers.upstream import model_lists
from tests.people import make_connection, make_user
from tests.queries import assert_queries_do_not_grow
from tests.upstream import in_json

KEY = "sk-upstream-0123456789"
LIST = "/admin/providers/connection/"


@pytest.fixture
def root(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def save(root, django_capture_on_commit_callbacks):
    """Fills in the form and saves it; what is said afterwards is on the page that comes back."""

    def save(row=None, **values):
        form = ConnectionForm(instance=row)
        shown = {name: form[name].value() for name in form.fields}
        data = {name: value for name, value in shown.items() if value or value == 0}
        data = {name: value for name, value in data.items() if value is not False}
        if row is None:
            data |= {"name": "Provider", "base_url": "http://up.invalid/v1"}
        data |= values
        url = f"{LIST}add/" if row is None else f"{LIST}{row.pk}/change/"
        with django_capture_on_commit_callbacks(execute=True):
            return root.post(url, {name: value for name, value in data.items() if value is not None}, follow=True)

    return save


def said(page):
    return [str(message) for message in page.context["messages"]]


# --- the form ---


def test_a_new_connection_is_saved_and_its_models_are_there(transactional_db, save, upstream):
    page = save(name="Up", base_url=upstream.url, new_key=KEY, headers="X-Team: blue", tags="fast\n in-house ")

    row = Connection.objects.get()
    assert (row.secret, row.headers, row.tags) == (KEY, {"X-Team": "blue"}, ["fast", "in-house"])
    assert "Up: 1 model, 1 new." in said(page)
    assert (upstream.last.key, upstream.last.headers["X-Team"]) == (KEY, "blue")


def test_a_connection_that_does_not_answer_is_saved_and_the_page_says_why(transactional_db, save, upstream):
    upstream.always(in_json({"error": {"message": "Incorrect API key provided"}}, 401), path="/models")
    page = save(name="Up", base_url=upstream.url, new_key="wrong")
    assert Connection.objects.get().failures == 1
    assert any("Incorrect API key provided" in words for words in said(page))


def test_the_key_is_in_no_page_of_the_admin(root, save):
    row = Connection.objects.create(name="Up", base_url="http://up.invalid/v1", secret=KEY, listed_at=timezone.now())
    save(row, name="Renamed", enabled=None)
    history = row.history.first().pk

    for path in ("", f"{row.pk}/change/", f"{row.pk}/history/", f"{row.pk}/history/{history}/", f"{row.pk}/delete/"):
        page = root.get(LIST + path)
        assert page.status_code == 200
        assert "0123456789" not in page.content.decode()
    assert "••••6789" in root.get(f"{LIST}{row.pk}/change/").content.decode()
    refused = save(row, base_url="nowhere", new_key="sk-typed-just-now")
    assert "sk-typed-just-now" not in refused.content.decode()


def test_an_empty_field_keeps_the_key_and_the_box_removes_it(save):
    row = Connection.objects.create(name="Up", base_url="http://up.invalid/v1", secret=KEY, enabled=False)

    save(row, name="Renamed", enabled=None)
    row.refresh_from_db()
    assert (row.name, row.secret) == ("Renamed", KEY)
    save(row, enabled=None, new_key="sk-another-key-0000")
    row.refresh_from_db()
    assert row.secret == "sk-another-key-0000"
    assert row.history.first().history_change_reason == "API key changed"
    save(row, enabled=None, remove_key="on")
    row.refresh_from_db()
    assert row.secret == ""
    assert row.history.first().history_change_reason == "API key removed"


def test_a_new_key_and_the_box_together_are_refused(save):
    row = Connection.objects.create(name="Up", base_url="http://up.invalid/v1", secret=KEY)
    page = save(row, new_key="x", remove_key="on")
    assert page.context["adminform"].form.errors["remove_key"]
    row.refresh_from_db()
    assert row.secret == KEY


def test_a_key_that_cannot_be_decrypted_is_asked_for_again(root, settings):
    from cryptography.fernet import Fernet

    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    row = Connection.objects.create(name="Up", base_url="http://up.invalid/v1", secret=KEY)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert "cannot be decrypted" in root.get(f"{LIST}{row.pk}/change/").content.decode()


def test_what_an_auth_type_declares_is_a_field_and_only_the_chosen_types_values_are_kept(save):
    save(auth_type="azure_ad", enabled=None, **{OPTION + "scope": "https://ai.azure.com/.default"})
    row = Connection.objects.get()
    assert row.auth_options == {"scope": "https://ai.azure.com/.default"}

    save(row, auth_type="none", enabled=None, **{OPTION + "scope": "left over"})

    row.refresh_from_db()
    assert row.auth_options == {}


def test_every_declared_value_of_every_auth_type_has_its_field_and_its_condition(root):
    from providers.admin import ConnectionAdmin

    page = root.get(f"{LIST}add/").content.decode()
    for auth_type in auth.AUTH_TYPES.values():
        assert f'value="{auth_type.name}"' in page
        for field in auth_type.fields:
            name = "new_key" if field.name == "secret" else OPTION + field.name
            assert f'name="{name}"' in page
            assert auth_type.name in ConnectionAdmin.conditional_fields[name]


def test_the_kind_sets_what_follows_from_it(save):
    save(
        name="A",
        kind="azure",
        base_url="https://r.openai.azure.com/",
        api_version="2024-10-21",
        model_ids="gpt",
        enabled=None,
    )
    save(name="O", kind="ollama", base_url="http://ollama:11434", enabled=None)
    azure, ollama = Connection.objects.order_by("name")
    assert (azure.kind, azure.base_url) == ("azure", "https://r.openai.azure.com")
    assert (ollama.kind, ollama.base_url) == ("ollama", "http://ollama:11434/v1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "nowhere"),
        ("base_url", "ftp://a.example"),
        ("base_url", "https://user:pass@a.example"),
        ("base_url", "https://a.example/v1?key=x"),
        ("headers", "no colon"),
        ("headers", "Bad Name: x"),
        ("headers", "Host: x"),
        ("prefix_id", "a b"),
        ("connect_timeout", "0"),
        ("auth_type", "magic"),
        ("groups", []),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(save, field, value):
    page = save(**{field: value, **({"access": "groups"} if field == "groups" else {})})
    assert field in page.context["adminform"].form.errors
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("name", "address", "words"),
    [
        ("provider", "http://up.invalid/v1", "another entry with the name and address"),
        ("Provider", "http://other.invalid/v1", "another entry called"),
        ("Another", "http://up.invalid/v1", None),
    ],
)
def test_a_second_entry_of_the_same_name_is_told(save, name, address, words):
    Connection.objects.create(name=name, base_url=address, listed_at=timezone.now())
    told = [line for line in said(save(enabled=None)) if "another entry" in line]
    assert len(told) == (words is not None)
    assert all(words in line for line in told)


def test_other_edits_do_not_ask_the_provider(save, upstream):
    row = Connection.objects.create(name="Up", base_url=upstream.url, listed_at=timezone.now())
    save(row, tags="fast")
    assert not upstream.history


def test_the_history_says_who_changed_what_and_no_values_of_headers(root, save, admin):
    row = Connection.objects.create(name="Up", base_url="http://up.invalid/v1", enabled=False)
    save(row, name="Renamed", headers="X-Secret: hidden-value", enabled=None)
    page = root.get(f"{LIST}{row.pk}/history/").content.decode()
    assert "Renamed" in page
    assert "X-Secret" in page
    assert "hidden-value" not in page
    assert str(admin) in page


def test_reverting_keeps_the_key(root, save):
    row = Connection.objects.create(name="First", base_url="http://up.invalid/v1", secret=KEY, enabled=False)
    save(row, name="Second", enabled=None)
    first = row.history.last()
    assert first.instance.secret == KEY
    assert root.get(f"{LIST}{row.pk}/history/{first.pk}/").status_code == 200


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"new_key": "sk-another-0123456789"}, True),
        ({"remove_key": "on"}, True),
        ({"headers": "X-Team: red"}, True),
        ({"verify_tls": None}, True),
        ({"auth_type": "azure_ad", OPTION + "scope": "https://ai.azure.com/.default"}, True),
        ({"name": "Renamed", "tags": "fast", "position": "7", "access": "private"}, False),
    ],
)
def test_an_edit_that_may_change_the_list_has_it_asked_for_again(
    transactional_db, save, upstream, monkeypatch, changes, asked
):
    monkeypatch.setattr(runtime.state(Tokens), "token", lambda scope: "entra-token")
    row = Connection.objects.create(name="Up", base_url=upstream.url, secret=KEY, listed_at=timezone.now())
    save(row, **changes)
    assert bool(upstream.asked("/models")) is asked


# --- the list ---


def test_the_list_shows_health_in_words(root):
    now = timezone.now()
    facts = {"base_url": "http://up.invalid/v1"}
    Connection.objects.create(name="Good", last_ok=now, last_duration_ms=12, **facts)
    Connection.objects.create(name="Bad", last_error="The key was refused.", failures=3, **facts)
    Connection.objects.create(name="New", **facts)
    Connection.objects.create(name="Off", enabled=False, **facts)
    page = root.get(LIST).content.decode()
    for words in (
        "answers in 12 ms",
        "failing, 3 times in a row",
        "The key was refused.",
        "not tried yet",
        "switched off",
    ):
        assert words in page
    for value, names in (("ok", {"Good"}), ("failing", {"Bad"}), ("unknown", {"New", "Off"})):
        found = root.get(f"{LIST}?health={value}").context["cl"].queryset
        assert {row.name for row in found} == names


def test_the_list_does_not_query_more_when_it_grows(root):
    def grow():
        for number in range(10):
            row = Connection.objects.create(
                name=f"c{number}", base_url="http://up.invalid/v1", listed_at=timezone.now()
            )
            discovery.store(row.pk, model_lists.static_list([f"{number}-a", f"{number}-b"]))

    grow()
    assert_queries_do_not_grow(lambda: root.get(LIST), grow)


def test_the_change_page_does_not_query_more_with_more_models(root):
    row = Connection.objects.create(name="c", base_url="http://up.invalid/v1", listed_at=timezone.now())

    def grow():
        discovery.store(row.pk, model_lists.static_list([f"m{number}" for number in range(50)]))

    assert_queries_do_not_grow(lambda: root.get(f"{LIST}{row.pk}/change/"), grow)


# --- the buttons ---


@pytest.mark.parametrize("name", ["test_now", "test_row"])
def test_the_test_button_takes_the_real_path_and_answers_in_words(root, connection, upstream, name):
    page = root.get(reverse(f"admin:providers_connection_{name}", args=[connection.pk]), follow=True)
    assert page.status_code == 200
    assert "lists 1 model" in said(page)[0]
    assert upstream.last.key == "upstream-key"
    connection.refresh_from_db()
    assert connection.last_ok


@pytest.mark.parametrize("name", ["refresh_now", "refresh_row"])
def test_the_refresh_button_says_what_is_new_and_what_is_gone(root, connection, upstream, name):
    upstream.openai.models = ["m2", "m3"]
    page = root.get(reverse(f"admin:providers_connection_{name}", args=[connection.pk]), follow=True)
    assert said(page) == ["Scripted: 2 models, 2 new, 1 no longer offered."]


def test_models_that_others_offer_already_are_not_new(root, connection, upstream):
    second = make_connection(upstream.url, name="Second", position=1)
    upstream.openai.models = ["m1", "m2"]
    page = root.get(reverse("admin:providers_connection_refresh_now", args=[second.pk]), follow=True)
    assert "Second: 2 models, 1 new." in said(page)


def test_a_failed_test_shows_the_providers_words(root, connection, upstream):
    upstream.always(in_json({"error": {"message": "You have no credit"}}, 402), path="/models")
    page = root.get(reverse("admin:providers_connection_test_now", args=[connection.pk]), follow=True)
    assert "You have no credit" in said(page)[0]


def test_openrouters_list_answers_everyone_so_the_key_is_tried_elsewhere(root, upstream):
    upstream.script(in_json({"error": {"message": "No auth"}}, 401), path="/key")
    row = Connection.objects.create(name="OR", kind="openrouter", base_url=f"{upstream.origin}/api/v1")
    page = root.get(reverse("admin:providers_connection_test_now", args=[row.pk]), follow=True)
    assert "No auth" in said(page)[0]


def test_chosen_connections_are_switched_on_and_off_with_a_line_in_their_history(root, connection):
    action = {"_selected_action": [connection.pk]}
    root.post(LIST, {"action": "disable", **action})
    connection.refresh_from_db()
    assert not connection.enabled
    assert connection.history.first().enabled is False
    root.post(LIST, {"action": "enable", **action})
    connection.refresh_from_db()
    assert connection.enabled


# --- who may ---


@pytest.mark.parametrize("name", ["test_now", "refresh_now", "test_row", "refresh_row"])
def test_the_buttons_are_for_those_who_may_change_connections(client, connection, upstream, name):
    helper = make_user("Helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_connection"))
    client.force_login(helper)
    assert client.get(LIST).status_code == 200
    assert client.get(reverse(f"admin:providers_connection_{name}", args=[connection.pk])).status_code == 403
    assert not upstream.history


def test_connections_for_groups_are_saved_with_their_groups(save):
    red = Group.objects.create(name="red")
    save(access="groups", groups=[red.pk], enabled=None)
    assert list(Connection.objects.get().groups.all()) == [red]


def test_every_column_that_people_may_edit_stands_in_the_form_once(rf, admin):
    request = rf.get("/")
    request.user = admin
    shown = flatten_fieldsets(staff_site.get_model_admin(Connection).get_fieldsets(request))
    columns = {field.name for field in Connection._meta.get_fields() if getattr(field, "editable", False)}
    columns -= {"id", "secret", "auth_options"}  # the key and the options of an auth type have fields of their own
    assert columns <= set(shown)
    assert len(set(shown)) == len(shown)


def test_a_new_connection_stands_last_in_the_form(root):
    assert root.get(f"{LIST}add/").context["adminform"].form["position"].value() == 0
    Connection.objects.create(name="A", base_url="http://a.invalid/v1", position=4)
    assert root.get(f"{LIST}add/").context["adminform"].form["position"].value() == 5


# --- models that others offer too ---


def test_shared_models_are_told_when_saving_and_on_the_page(transactional_db, save, root, upstream):
    make_connection("http://first.invalid/v1", "m1", name="First", access="private")
    words = "1 model is offered by other connections too (First): m1."

    page = save(name="Second", base_url=upstream.url, access="public")

    second = Connection.objects.get(name="Second")
    assert any(words in line and "strictest" in line for line in said(page))
    assert words in root.get(f"{LIST}{second.pk}/change/").content.decode()
    assert "offered by other" not in "".join(said(save(second, name="Another name")))
    assert not any("offered by other" in line for line in said(save(second, prefix_id="two")))
    assert "offered by other" not in root.get(f"{LIST}{second.pk}/change/").content.decode()
    assert any(words in line for line in said(save(second, prefix_id="")))
    assert "offered by other" not in "".join(said(save(second, enabled=False)))


def test_the_choice_of_the_rule_is_saved_and_is_in_the_history(save, connection):
    save(connection, shared_access="own")
    connection.refresh_from_db()
    assert connection.shared_access == connection.history.first().shared_access == "own"
