"""Forged queries, actions and ids at the lists of the administration: a refusal, never a fault."""

import re
from urllib.parse import quote, urlencode

import pytest
from django.contrib.admin import site as staff_site
from django.contrib.contenttypes.models import ContentType
from django.urls import get_resolver

from tests.variants import some
from tests.webui.admin.test_forms import HALF, MODELS, address_of, each_list, post, root  # noqa: F401  fixture
from tests.webui.serving.test_waits import patterns

pytestmark = pytest.mark.django_db
ODD = ["x", "9" * 23, "9" * 5000, "-1", "\N{SUPERSCRIPT TWO}", "a\x00b", "2026-02-31", "[" * 500]
OF_EVERY_LIST = ["o", "q", "pk__in"]  # these ask each list's own columns
OF_DJANGO = ["p", "e", "all", "_popup", "_to_field", "_changelist_filters", "_facets", "pk"]  # alike for all lists


def get(client, address):
    answer = client.get(address)
    return [] if answer.status_code < 500 else [f"{address:.150} {getattr(answer, 'exc_info', None)!a:.300}"]


def parameters(client, model):
    """What the filters of a list read from its address."""
    listed = client.get(address_of(model, "changelist")).context
    if listed is None or "cl" not in listed:  # a page with one row
        return
    changelist = listed["cl"]
    for spec in changelist.filter_specs:
        yield from spec.expected_parameters()
    if changelist.date_hierarchy:
        yield from (f"{changelist.date_hierarchy}__{part}" for part in ("year", "month", "day"))


@each_list
def test_no_odd_query_of_a_list_is_a_fault(root, label):  # noqa: F811
    address = address_of(MODELS[label], "changelist")
    names = [*OF_EVERY_LIST, *parameters(root, MODELS[label]), *(OF_DJANGO if label == "webui.User" else ())]
    faults = [
        fault
        for turn, name in enumerate(names, sorted(MODELS).index(label))
        for value in some(ODD, turn)
        for fault in get(root, f"{address}?{urlencode({name: value})}")
    ]
    assert faults == []


def test_lists_have_filters_and_dates(root):  # noqa: F811
    found = {(label, name) for label, model in MODELS.items() for name in parameters(root, model)}
    known = {("providers.ChatModel", "connection"), ("chat.Chat", "created__year"), ("webui.User", "groups__id__exact")}
    assert known <= found


@each_list
def test_a_list_without_a_query_shows_every_row(root, label):  # noqa: F811
    listed = root.get(address_of(MODELS[label], "changelist")).context
    if listed is not None and "cl" in listed:
        assert listed["cl"].result_count == MODELS[label]._default_manager.count()


@each_list
def test_no_odd_action_of_a_list_is_a_fault(root, rf, admin, label):  # noqa: F811
    model = MODELS[label]
    request = rf.get("/")
    request.user = admin
    address = address_of(model, "changelist")
    rows = {str(row.pk) for row in model._default_manager.all()}
    actions = [*staff_site._registry[model].get_actions(request), "unknown", ""]
    for turn, action in enumerate(actions, sorted(MODELS).index(label)):
        for value in some([*ODD, HALF], turn):
            for sent in ({"_selected_action": [value]}, {"_selected_action": [min(rows), value]}):
                answer = post(root, address, {"action": [action], "index": ["0"], **sent})
                assert answer.status_code in (200, 302, 403), ascii((action, value, getattr(answer, "exc_info", None)))
    for turn, name in enumerate(("index", "select_across"), sorted(MODELS).index(label)):
        for value in some([*ODD, HALF], turn):
            answer = post(root, address, {"action": ["unknown"], "_selected_action": [min(rows)], name: [value]})
            assert answer.status_code in (200, 302, 403), ascii((name, value, getattr(answer, "exc_info", None)))
    assert {str(row.pk) for row in model._default_manager.all()} == rows


def test_no_odd_search_for_a_relation_is_a_fault(root):  # noqa: F811
    known = {"app_label": "providers", "model_name": "chatmodel", "field_name": "base", "term": "m", "page": "1"}
    assert root.get(f"/admin/autocomplete/?{urlencode(known)}").json()["results"]
    sent = [{**known, name: value} for name in known for value in ODD]
    assert [fault for query in sent for fault in get(root, f"/admin/autocomplete/?{urlencode(query)}")] == []


def pages_with_ids():
    """The addresses of the administration that name something, with `{}` for each name."""
    for pattern in patterns(get_resolver()):
        path = re.sub(r"\(\?P<\w+>(?:\([^)]*\)|[^()])*\)|<(?:\w+:)?\w+>|\(\[\^/\]\+\)|\(\.\+\)", "{}", pattern)
        if path.startswith("admin/") and "{}" in path and "logout" not in path:
            yield "/" + path.replace("^", "").replace("$", "").replace("\\", "")


def test_no_odd_id_in_a_path_is_a_fault(root):  # noqa: F811
    pages = sorted(set(pages_with_ids()))
    assert len(pages) > 60
    row = str(MODELS["providers.Connection"].objects.first().pk)
    faults = []
    for page in pages:
        for value in some(ODD, pages.index(page)):
            faults += get(root, page.replace("{}", quote(value, safe="")))
            if page.count("{}") > 1:
                faults += get(root, page.replace("{}", row, 1).replace("{}", quote(value, safe="")))
    assert faults == []


def test_no_odd_id_of_any_kind_of_row_is_a_fault(root):  # noqa: F811
    kinds = ContentType.objects.order_by("pk")
    sent = [f"/admin/r/{kind.pk}/{quote(value, safe='')}/" for kind in kinds for value in some(ODD, kind.pk)]
    assert len(sent) > 80
    assert [fault for address in sent for fault in get(root, address)] == []
