"""The default model: administrators are warned, on saving and among the findings, if some people may not use it."""

import pytest

from providers import catalogue
from providers.catalogue import defaults
from providers.models import ChatModel, GatewaySettings
from tests.people import make_connection, make_user
from webui import checks

FORM = {"enable_openai_api": "on", "default_model": "m", "currency": "USD", "currency_rate": "1"}
SETTINGS = "/admin/providers/gatewaysettings/1/change/"


def choose(public_id):
    GatewaySettings.objects.update_or_create(pk=1, defaults={"default_model": public_id})


def doubt():
    return defaults.default_doubt(catalogue.snapshot_blocking())


def test_a_default_for_everybody_and_none_at_all_are_no_doubt(alice):
    make_connection("http://up.invalid/v1", "m")
    assert doubt() == ""
    choose("m")
    assert doubt() == ""


def test_who_may_not_use_the_default_is_counted(alice, bob, admin):
    red = make_user("Rita", groups=("red",)).groups.get()
    row = make_connection("http://up.invalid/v1", "m", access="groups")
    row.groups.add(red)
    choose("m")
    assert doubt() == "2 people may not use the model for new chats, “m”, and get another one."
    for person in (alice, bob):
        person.groups.add(red)
    assert doubt() == ""


@pytest.mark.parametrize("public_id", ["gone", "off"])
def test_a_default_that_is_not_offered_is_told(db, public_id):
    make_connection("http://up.invalid/v1", "off")
    ChatModel.objects.filter(public_id="off").update(enabled=False)
    choose(public_id)
    assert "not offered any more" in doubt()


def test_the_administrator_is_told_when_saving_and_by_the_checks(client, admin, alice):
    make_connection("http://up.invalid/v1", "m", access="private")
    choose("")
    client.force_login(admin)
    page = client.post(SETTINGS, FORM, follow=True)
    assert any("1 person may not use" in str(message) for message in page.context["messages"])
    assert [one.id for one in checks.check_default_model(databases=["default"])] == ["webui.W006"]
    assert list(checks.check_default_model()) == []
