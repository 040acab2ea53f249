"""The page with the valves of pipelines: shown by their description, saved whole, secrets kept."""

import re

import pytest

from tests import people

pytestmark = pytest.mark.django_db(transaction=True)
SPEC = {
    "title": "Valves",
    "$defs": {"Level": {"title": "Level", "enum": ["low", "high"], "type": "string"}},
    "properties": {
        "pipelines": {"title": "Pipelines", "type": "array", "items": {"type": "string"}, "default": []},
        "priority": {"title": "Priority", "type": "integer", "default": 0},
        "share": {"title": "Share", "anyOf": [{"type": "number"}, {"type": "null"}]},
        "active": {"title": "Active", "type": "boolean"},
        "api_key": {"title": "Api Key", "type": "string", "description": "Of the other service"},
        "level": {"$ref": "#/$defs/Level", "default": "low"},
        "table": {"title": "Table", "type": "object"},
    },
}
VALUES = {
    "pipelines": ["*"], "priority": 0, "share": 0.5, "active": True, "api_key": "sk-of-the-service", "level": "low",
    "table": {"a": 1}, "undescribed": 3,
}  # fmt: skip


@pytest.fixture
def server(pipelines_server, upstream):
    upstream.pipelines.valves["censor"], upstream.pipelines.specs["censor"] = dict(VALUES), SPEC
    return pipelines_server(censor=["*"])


@pytest.fixture
def page(site, admin, server):
    session = site.session(admin)
    url = f"{site.url}/admin/providers/connection/{server.pk}/valves/"

    def send(form=None, **query):
        answer = session.post(url, data=form, params=query) if form else session.get(url, params=query)
        assert answer.status_code == 200, answer.text
        return answer.text

    return send


FORM = {
    "valve_pipelines": "m1\n m2 \n", "valve_priority": "3", "valve_share": "", "valve_api_key": "",
    "valve_level": "high", "valve_table": '{"b": [2]}',
}  # fmt: skip


def test_pipelines_with_valves_are_listed_and_shown_without_their_secrets(page):
    assert "?pipeline=censor" in page()
    assert "?pipeline=plain" not in page()
    shown = page(pipeline="censor")
    assert "Of the other service" in shown
    assert "sk-of-the-service" not in shown


def test_valves_are_saved_whole_and_the_list_is_asked_again(page, upstream):
    assert "The valves are saved." in page(FORM, pipeline="censor")
    assert upstream.pipelines.valves["censor"] == {
        "pipelines": ["m1", "m2"], "priority": 3, "share": None, "active": False, "api_key": "sk-of-the-service",
        "level": "high", "table": {"b": [2]}, "undescribed": 3,
    }  # fmt: skip
    assert upstream.asked("/models", "GET")


def test_the_later_save_shows_what_somebody_else_changed(page, upstream, admin):
    opened = re.search(r'name="_opened_with" value="([^"]+)"', page(pipeline="censor"))[1]
    mine = {**FORM, "valve_pipelines": "*", "valve_priority": "0", "_opened_with": opened}
    page({**FORM, "valve_level": "low", "_opened_with": opened}, pipeline="censor")
    theirs = upstream.pipelines.valves["censor"]

    again = page(mine, pipeline="censor")

    assert upstream.pipelines.valves["censor"] == theirs
    assert f"{admin} changed this on" in again
    assert "now “3”" in again
    fresh = re.search(r'name="_opened_with" value="([^"]+)"', again)[1]
    assert re.search(r'name="valve_priority"[^>]* value="3"|value="3"[^>]* name="valve_priority"', again)
    page({**FORM, "_opened_with": fresh}, pipeline="censor")
    saved = upstream.pipelines.valves["censor"]
    assert (saved["level"], saved["priority"]) == ("high", 3)


@pytest.mark.parametrize(("name", "value"), [("priority", "x"), ("level", "other"), ("table", "{"), ("share", "x")])
def test_what_does_not_fit_is_not_sent(name, value, page, upstream):
    page({**FORM, f"valve_{name}": value}, pipeline="censor")
    assert not upstream.asked("/valves/update")


def test_refusals_of_the_server_are_told(page, upstream):
    upstream.pipelines.specs["censor"] = {"properties": {"priority": {"type": "number"}}}
    assert "Input should be a valid integer" in page({"valve_priority": "1.5"}, pipeline="censor")
    assert "not found" in page(pipeline="other")


def test_the_page_is_for_those_who_may_change_such_a_connection(site, admin, alice, server, upstream):
    other = people.make_connection(upstream.url, "gpt", name="Other")
    path = f"{site.url}/admin/providers/connection/%s/valves/"
    assert site.session(admin).get(path % other.pk).status_code == 404
    assert "login" in site.session(alice).get(path % server.pk).url
    assert "valves-of-pipelines" in site.session(admin).get(f"{path[:-8]}/change/" % server.pk).text
