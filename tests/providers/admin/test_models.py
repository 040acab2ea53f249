"""Models, presets, keys, settings and usage in the admin, and the page that shows access."""

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from providers import callers, catalogue, services
from providers.catalogue import discovery
from providers.models import ChatModel, ClientKey, Connection, GatewaySettings, UsageRecord
from providers.upstream import model_lists
from tests.people import make_user
from tests.queries import assert_queries_do_not_grow

MODELS = "/admin/providers/chatmodel/"
KEYS = "/admin/providers/clientkey/"


@pytest.fixture
def root(client, admin):
    client.force_login(admin)
    return client


def connection(name="Up", *ids, **fields):
    row = Connection.objects.create(name=name, base_url="http://up.invalid/v1", listed_at=timezone.now(), **fields)
    discovery.store(row.pk, model_lists.static_list(ids))
    return row


def act(root, name, *rows):
    return root.post(MODELS, {"action": name, "_selected_action": [row.pk for row in rows]}, follow=True)


# --- models ---


def test_the_list_says_who_offers_a_model_and_who_may_use_it(root):
    one, two = connection("One", "shared", "gone"), connection("Two", "shared", enabled=False)
    discovery.store(one.pk, model_lists.static_list(["shared"]))
    ChatModel.objects.create(public_id="preset", name="Helper", base=ChatModel.objects.get(public_id="shared"))
    page = root.get(MODELS).content.decode()
    assert "One, Two (switched off)" in page
    assert "no longer offered" in page
    assert re.search(r"preset of</span>\s*shared", page)
    found = root.get(f"{MODELS}?connection={two.pk}").context["cl"].queryset
    assert [row.public_id for row in found] == ["shared"]
    for value, ids in (("offered", {"shared"}), ("preset", {"preset"}), ("gone", {"gone"})):
        assert {row.public_id for row in root.get(f"{MODELS}?origin={value}").context["cl"].queryset} == ids


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("make_public", "access", "public"),
        ("make_private", "access", "private"),
        ("make_inherit", "access", "inherit"),
        ("disable", "enabled", False),
        ("enable", "enabled", True),
    ],
)
def test_many_models_are_changed_at_once_with_a_line_in_the_history_of_each(root, admin, name, field, value):
    connection("Up", "a", "b", "c")
    ChatModel.objects.update(access="groups", enabled=not value if field == "enabled" else True)
    a, b, c = ChatModel.objects.all()
    before = catalogue.snapshot_loader.load_version()

    page = act(root, name, a, b)

    assert [str(m) for m in page.context["messages"]] == ["2 models were changed."]
    assert [getattr(row, field) == value for row in ChatModel.objects.all()] == [True, True, False]
    assert (a.history.count(), a.history.first().history_user, c.history.count()) == (1, admin, 0)
    assert catalogue.snapshot_loader.load_version() > before


def test_a_thousand_models_are_changed_in_few_queries(root, django_assert_max_num_queries):
    connection("Up", *(f"m{number}" for number in range(1000)))
    with django_assert_max_num_queries(60):
        root.post(
            MODELS, {"action": "make_public", "_selected_action": [ChatModel.objects.first().pk], "select_across": "1"}
        )
    assert ChatModel.objects.filter(access="public").count() == 1000


def preset_form(**values):
    inline = {f"sources-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}
    return {"public_id": "writer", "enabled": "on", "vision": "unknown", "access": "inherit", **inline, **values}


def test_a_preset_is_made_from_its_base(root):
    connection("Up", "base")
    base = ChatModel.objects.get()
    form = preset_form(base=base.pk, name="Writer", params='{"temperature": 0.2}', system_prompt="Edit.", tags="text")
    root.post(f"{MODELS}add/", form)
    route = catalogue.snapshot_blocking().routes["writer"]
    assert (route.name, route.base_id, dict(route.params), route.system_prompt) == (
        "Writer", "base", {"temperature": 0.2}, "Edit.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"base": ""}, "base"),
        ({"public_id": "base"}, "public_id"),
        ({"public_id": "two words"}, "public_id"),
        ({"access": "groups"}, "groups"),
        ({"params": "[1]"}, "params"),
        ({"params": "{"}, "params"),
    ],
)
def test_a_preset_that_cannot_be_is_refused_at_its_field(root, values, field):
    connection("Up", "base")
    page = root.post(f"{MODELS}add/", preset_form(**{"base": ChatModel.objects.get().pk, **values}))
    assert field in page.context["adminform"].form.errors


def test_presets_cannot_stand_on_themselves(root):
    connection("Up", "base")
    one = ChatModel.objects.create(public_id="one", base=ChatModel.objects.get())
    two = ChatModel.objects.create(public_id="two", base=one)
    for base in (one, two):
        page = root.post(f"{MODELS}{one.pk}/change/", preset_form(base=base.pk))
        assert "cannot be based on itself" in str(page.context["adminform"].form.errors["base"])


def test_a_discovered_model_gets_a_name_and_a_rule_and_keeps_its_id(root):
    connection("Up", "m")
    row, red = ChatModel.objects.get(), Group.objects.create(name="red")
    root.post(
        f"{MODELS}{row.pk}/change/", preset_form(public_id="other", name="Mine", access="groups", groups=[red.pk])
    )
    row.refresh_from_db()
    assert (row.public_id, row.name, row.access, list(row.groups.all())) == ("m", "Mine", "groups", [red])
    assert "Up" in root.get(f"{MODELS}{row.pk}/change/").content.decode()
    assert root.get(f"{MODELS}{row.pk}/history/").status_code == 200


def test_the_model_list_does_not_query_more_when_it_grows(root):
    red = Group.objects.create(name="red")

    def grow():
        start = ChatModel.objects.count()
        row = connection(f"c{start}", *(f"m{start + number}" for number in range(20)))
        preset = ChatModel.objects.create(public_id=f"p{start}", base=row.sources.first().model, access="groups")
        preset.groups.add(red)
        preset.users.add(make_user(f"U{start}"))

    grow()
    assert_queries_do_not_grow(lambda: root.get(MODELS), grow)


# --- who may use what ---


def test_the_page_says_what_a_person_may_use_and_why(root):
    red = Group.objects.create(name="Red")
    rita = make_user("Rita", groups=("Red",))
    connection("Open", "open")
    connection("Closed", "closed", access="private")
    connection("Grouped", "grouped", access="groups").groups.add(red)
    ChatModel.objects.create(
        public_id="own", base=ChatModel.objects.get(public_id="closed"), access="private", owner=rita
    )

    page = root.get(f"{MODELS}access/?user={rita.pk}")

    decisions = {decision.public_id: (decision.allowed, decision.why) for decision in page.context["decisions"]}
    assert decisions == {
        "open": (True, "Open: open to everyone"),
        "closed": (False, "Closed: administrators only"),
        "grouped": (True, "Grouped: they belong to Red"),
        "own": (True, "it is their own model"),
    }
    assert "Rita may use 3 of 4 models" in page.content.decode()


def test_the_page_agrees_with_the_rule_for_everyone(root, admin, alice, settings):
    red = Group.objects.create(name="Red")
    for access in ("public", "groups", "private"):
        connection(access, f"c-{access}", access=access)
    base = ChatModel.objects.get(public_id="c-private")
    for access in ("public", "groups", "private", "inherit"):
        ChatModel.objects.create(public_id=f"p-{access}", base=base, access=access).users.add(alice)
    rita = make_user("Rita")
    rita.groups.add(red)
    snapshot = catalogue.snapshot_blocking()
    for person in (admin, alice, rita):
        listed = {route.public_id for route in snapshot.routes_for(callers.caller_for_user(person))}
        decisions = root.get(f"{MODELS}access/?user={person.pk}").context["decisions"]
        assert {decision.public_id for decision in decisions if decision.allowed} == listed


def test_the_page_says_that_the_strictest_rule_holds(root, alice):
    connection("Closed", "m", access="private")
    connection("Open", "m")
    page = root.get(f"{MODELS}access/?user={alice.pk}").content.decode()
    assert "Closed: administrators only; Open: open to everyone; the strictest of these rules holds" in page


def test_the_page_does_not_query_more_with_more_models(root, alice):
    def grow():
        start = ChatModel.objects.count()
        connection(f"c{start}", *(f"m{start + number}" for number in range(20)))

    grow()
    assert_queries_do_not_grow(lambda: root.get(f"{MODELS}access/?user={alice.pk}"), grow)


def test_the_page_is_for_those_who_may_see_models(client, alice):
    helper = make_user("Helper", is_staff=True)
    client.force_login(helper)
    assert client.get(f"{MODELS}access/").status_code == 403
    helper.user_permissions.add(Permission.objects.get(codename="view_chatmodel"))
    assert client.get(f"{MODELS}access/").status_code == 200


# --- keys ---


@pytest.mark.django_db(transaction=True)  # the uses of keys are written in a thread
def test_a_new_key_is_shown_once_and_never_again(root, alice):
    page = root.post(f"{KEYS}add/", {"user": alice.pk, "name": "nightly", "scopes": ["inference"]})

    key = re.search(r"sk-[\w-]{43}", page.content.decode())[0]
    assert "no-store" in page["Cache-Control"]
    assert callers.caller_for_key_blocking(key).scopes == {"inference"}
    row = ClientKey.objects.get()
    for path in (KEYS, f"{KEYS}{row.pk}/change/", f"{KEYS}{row.pk}/history/"):
        assert key not in root.get(path).content.decode()
    assert key not in str(root.cookies)


def test_keys_are_revoked_from_the_list_and_from_their_page(root, alice):
    first, second = (services.issue_key(alice)[0] for _ in range(2))
    root.post(KEYS, {"action": "revoke", "_selected_action": [first.pk]})
    root.post(f"{KEYS}{second.pk}/change/", {"name": "x", "providers_clientkey_revoke_now": "1"})
    assert ClientKey.objects.filter(revoked_at=None).count() == 0
    assert {row.pk for row in root.get(f"{KEYS}?state=revoked").context["cl"].queryset} == {first.pk, second.pk}


def test_nobody_gets_a_key_to_rights_they_do_not_have(client, admin, alice):
    helper = make_user("Helper", is_staff=True)
    helper.user_permissions.add(
        *Permission.objects.filter(codename__in=["add_clientkey", "view_clientkey", "view_user"])
    )
    client.force_login(helper)
    assert client.post(f"{KEYS}add/", {"user": admin.pk, "name": "x"}).status_code == 403
    assert client.post(f"{KEYS}add/", {"user": alice.pk, "name": "x"}).status_code == 200
    assert [row.user for row in ClientKey.objects.all()] == [alice]


def test_the_key_list_does_not_query_more_when_it_grows(root):
    def grow():
        start = ClientKey.objects.count()
        for number in range(10):
            services.issue_key(make_user(f"K{start + number}"), name="k")

    grow()
    assert_queries_do_not_grow(lambda: root.get(KEYS), grow)


# --- switches and usage ---


def test_the_switches_are_one_page_with_models_to_choose_from(root):
    connection("Up", "m")
    GatewaySettings.objects.update_or_create(pk=1, defaults={"task_model": "gone"})
    page = root.get("/admin/providers/gatewaysettings/", follow=True)
    assert page.redirect_chain
    assert page.context["adminform"].form.fields["task_model"].choices == [("", "None"), ("gone", "gone"), ("m", "m")]
    sent = {"enable_openai_api": "on", "default_model": "m", "task_model": "gone"}
    sent |= {"currency": "EUR", "currency_rate": "0.9", "filter_api_calls": "on"}
    assert root.post(page.request["PATH_INFO"], sent).status_code == 302
    row = GatewaySettings.objects.get()
    assert (row.default_model, row.task_model) == ("m", "gone")
    assert (row.currency, str(row.currency_rate), row.filter_api_calls) == ("EUR", "0.90000000", True)
    assert row.history.count() == 2
    assert root.get("/admin/providers/gatewaysettings/add/").status_code == 403


def test_usage_is_there_to_read_and_not_to_write(root, alice):
    row = connection("Up", "m")

    def grow():
        for number in range(20):
            user = make_user(f"U{UsageRecord.objects.count()}")
            UsageRecord.objects.create(user=user, connection=row, kind="chat", model="m", status=200 + number * 20)

    grow()
    assert_queries_do_not_grow(lambda: root.get("/admin/providers/usagerecord/"), grow)
    first = UsageRecord.objects.first()
    assert root.get(f"/admin/providers/usagerecord/{first.pk}/change/").status_code == 200
    for path in ("add/", f"{first.pk}/delete/"):
        assert root.get(f"/admin/providers/usagerecord/{path}").status_code == 403
    for query in ("outcome=failed", "outcome=ok", "outcome=left", f"user__id__exact={alice.pk}", "kind=chat"):
        assert root.get(f"/admin/providers/usagerecord/?{query}").status_code == 200


def test_costs_of_calls_are_shown_in_the_chosen_currency(root, alice):
    GatewaySettings.objects.update_or_create(pk=1, defaults={"currency": "CNY", "currency_rate": "7.25"})
    for cost, words in (("0.000125", "0.0009063 CNY"), ("1200", "8,700.00 CNY"), ("0", "0.00 CNY"), (None, "unknown")):
        row = UsageRecord.objects.create(user=alice, kind="chat", status=200, cost=cost)
        for page in ("", f"{row.pk}/change/"):
            assert words in root.get(f"/admin/providers/usagerecord/{page}").text
        row.delete()


def test_a_persons_page_leads_there(root, alice):
    page = root.get(f"/admin/webui/user/{alice.pk}/may-use/", follow=True)
    assert page.context["person"] == alice
