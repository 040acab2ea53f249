"""The prompt library over the API, and the fields of a prompt."""

import pytest
from django.contrib.auth.models import Group

from chat.models import ChatSettings, Prompt
from chat.prompts import services
from chat.prompts.fields import Field, fields_of
from tests.chat.talk import Talker

LIST = "/api/v1/prompts/"
LETTER = {
    "command": "letter",
    "title": "A letter",
    "text": "Write to {{Who}}:\n{{What:long}}\n{{Tone:choice=warm|brief}}",
}


@pytest.mark.django_db(transaction=True)
def test_prompts_are_saved_shared_changed_and_deleted(site, alice, bob, admin):
    talker, other = Talker(site, alice), Talker(site, bob)
    made = talker.send("POST", LIST, LETTER, status=201)
    assert [field["name"] for field in made["inputs"]] == ["Who", "What", "Tone"]
    assert made["inputs"][2] == {"name": "Tone", "kind": "choice", "default": "warm", "choices": ["warm", "brief"]}
    assert (made["own"], made["access"], made["groups"]) == (True, "private", [])
    assert talker.send("POST", LIST, LETTER, status=409)["code"] == "command_taken"
    other.send("POST", LIST, LETTER, status=201)  # the command is one's own
    Prompt.objects.create(owner=bob, command="a", title="First by name", text="A", access="public")
    assert [row.owner_id for row in services.listed_for(alice)] == [alice.pk, bob.pk]
    Prompt.objects.filter(command="a").delete()
    address = f"{LIST}{made['id']}"
    other.send("GET", address, status=404)

    group = Group.objects.create(name="Writers")
    alice.groups.add(group)
    assert talker.send("PATCH", address, {"access": "public"}, status=403)["code"] == "sharing_not_permitted"
    talker.send("PATCH", address, {"access": "groups", "groups": [group.pk]})
    other.send("GET", address, status=404)
    bob.groups.add(group)
    shared = other.send("GET", address)
    assert (shared["own"], shared["owner"], shared["text"]) == (False, "Alice", LETTER["text"])
    for method in ("PATCH", "DELETE"):
        other.send(method, address, {"title": "Mine"}, status=404)
    assert {row["own"] for row in other.send("GET", LIST)["results"]} == {True, False}
    changed = talker.send("PATCH", address, {"title": "Post", "access": "private"})
    assert (changed["title"], changed["text"], changed["groups"]) == ("Post", LETTER["text"], [])
    other.send("GET", address, status=404)
    Talker(site, admin).send("PATCH", address, {"title": "By an administrator"})
    row = ChatSettings.load()
    row.prompts = False
    row.save()
    assert talker.send("PATCH", address, {"title": "X"}, status=403)["code"] == "prompts_off"
    talker.send("DELETE", address, status=204)
    assert Prompt.objects.filter(owner=alice).count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "values",
    [
        {"command": "a b"},
        {"command": "/letter"},
        {"command": ""},
        {"title": "x" * 101},
        {"text": ""},
        {"text": "x" * (services.MAX_TEXT + 1)},
        {"text": "".join(f"{{{{field {number}}}}}" for number in range(21))},
        {"access": "groups", "groups": [10**30]},
        {"groups": "all"},
    ],
)
def test_what_is_wrong_is_refused_with_a_reason(site, alice, values):
    talker = Talker(site, alice)
    assert talker.send("POST", LIST, {**LETTER, **values}, status=400)["detail"]
    assert not Prompt.objects.exists()


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", []),
        ("{{Name}} and {{ Name }}", [Field("Name")]),
        ("{{Name=Ann B.}}", [Field("Name", "text", "Ann B.")]),
        ("{{Letter:long=a\nb}}", [Field("Letter", "long", "a\nb")]),
        ("{{Tone:choice=warm| brief |warm}}", [Field("Tone", "choice", "warm", ("warm", "brief"))]),
        ("{{Tone:choice}} {{Tone:choice=|}}", [Field("Tone")]),
        ("{{CURRENT_DATE}} {{}} {{a:b}} {{a\nb}} {name} {{" + "x" * 61 + "}}", []),
        ("{" * 50_000, []),
    ],
)
def test_fields_are_read_off_the_text(text, fields):
    assert fields_of(text) == fields
