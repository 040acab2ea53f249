"""Assistants over the API: made, changed, shared, called in chats and by programs, and what they never open."""

import io
import uuid

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache

from chat import files
from chat.assistants import services
from chat.models import Assistant, Chat, ChatSettings, File, Message
from providers.models import Budget, ChatModel, UsageRecord
from providers.relay.usage import writer
from tests import people
from tests.chat.talk import Talker
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/api/v1/assistants/"


@pytest.fixture
def make(site, alice, connection):
    """`make(name="Pirate", …)`: an assistant of Alice's over `m1`, as JSON."""
    talker = Talker(site, alice)

    def make_one(status=201, **values):
        return talker.send("POST", LIST, {"name": "Pirate", "base": "m1", **values}, status=status)

    make_one.talker = talker
    return make_one


def sent(upstream):
    return [received.json for received in upstream.chats if received.json["stream"]]


def listed(talker):
    return {row["name"]: row for row in talker.send("GET", LIST)["results"]}


def test_it_is_made_changed_copied_and_deleted(make, alice, upstream, settings):
    talker = make.talker
    upload = files.accept(alice, b"The ship is called Kite.", name="ship.txt", context=files.upload_context())
    values = {"description": "Talks at sea", "system_prompt": "Talk as a pirate to {{USER_NAME}}.", "temperature": 0.3}
    made = make(**values, max_tokens=50, tools=[], starters=["Ahoy?"], files=[{"id": str(upload.pk)}])
    assert made["model"] == "assistants/pirate"
    assert (made["own"], made["available"], made["access"], made["tools"]) == (True, True, "private", [])
    assert [file["name"] for file in made["files"]] == ["ship.txt"]
    assert File.objects.get().expires_at is None

    address = f"{LIST}{made['id']}"
    changed = talker.send("PATCH", address, {"temperature": None, "reasoning_effort": "low", "name": "Captain"})
    assert [changed[name] for name in ("temperature", "reasoning_effort", "max_tokens")] == [None, "low", 50]
    assert (changed["name"], changed["model"], changed["starters"]) == ("Captain", "assistants/pirate", ["Ahoy?"])
    picture = talker.session.put(
        f"{talker.site.url}{address}/picture", files={"file": ("p.png", io.BytesIO(png(600, 300)), "image/png")}
    ).json()["picture"]
    shown = talker.session.get(f"{talker.site.url}{picture}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    copy = talker.send("POST", f"{address}/duplicate", status=201)
    assert (copy["name"], copy["model"]) == ("Captain 2", "assistants/captain-2")
    assert copy["picture"].endswith(picture.partition("?")[2])
    assert [file["name"] for file in copy["files"]] == ["ship.txt"]
    assert copy["files"][0]["id"] != changed["files"][0]["id"]

    talker.send("DELETE", address, status=204)
    talker.send("GET", address, status=404)
    assert list(listed(talker)) == ["Captain 2"]
    assert File.objects.count() == 1


def test_a_chat_with_it_has_its_prompt_files_tools_and_parameters(make, alice, upstream, settings):
    settings.CHAT_TOOLS = [f"tests.chat.spare_tools.{name}" for name in ("Weather", "AlicesOwn")]
    ChatModel.objects.update(tools=True)
    talker = make.talker
    upload = files.accept(alice, b"The ship is called Kite.", name="ship.txt", context=files.upload_context())
    made = make(
        system_prompt="For {{USER_NAME}}.", temperature=0.3, tools=["alices_own"], files=[{"id": str(upload.pk)}]
    )
    rules = {"system_prompt": "Briefly.", "tools": ["alices_own", "get_weather"]}
    started = talker.start("Hi", model=made["model"], rules=rules)
    talker.until_over(started["chat"]["id"], started["message"]["id"])
    body = sent(upstream)[0]
    assert (body["model"], body["temperature"]) == ("m1", 0.3)
    assert body["messages"][0]["content"] == "For Alice.\n\nBriefly."
    tasks = [received.json for received in upstream.chats if not received.json.get("stream")]
    assert all("For Alice." not in str(task) for task in tasks)
    assert "The ship is called Kite." in body["messages"][1]["content"]
    assert body["messages"][1]["content"].endswith("Hi")
    assert [tool["function"]["name"] for tool in body["tools"]] == ["alices_own"]

    Message.objects.filter(pk=started["message"]["id"]).update(is_incomplete=True)
    went_on = f"/api/v1/chats/{started['chat']['id']}/messages/{started['message']['id']}/continue"
    talker.until_over(started["chat"]["id"], talker.send("POST", went_on, {}, status=202)["message"]["id"])
    body = sent(upstream)[-1]
    assert "The ship is called Kite." in body["messages"][1]["content"]
    assert [tool["function"]["name"] for tool in body["tools"]] == ["alices_own"]

    once = talker.start("Plain", model="m1")
    chat_id = once["chat"]["id"]
    talker.until_over(chat_id, once["message"]["id"])
    said = talker.say(chat_id, "And you?", model=made["model"], once=True)
    assert talker.until_over(chat_id, said["message"]["id"])["model"] == made["model"]
    assert Chat.objects.get(pk=chat_id).model == "m1"
    alice.refresh_from_db()
    assert alice.preferences["model"] == "m1"


def test_sharing_is_a_right_and_opens_no_model(make, site, alice, bob, admin, connection, upstream):
    talker, other = make.talker, Talker(site, bob)
    sailors, cooks = Group.objects.create(name="Sailors"), Group.objects.create(name="Cooks")
    alice.groups.add(sailors)
    made = make(access="groups", groups=[sailors.pk], system_prompt="Secret.")
    address = f"{LIST}{made['id']}"
    assert make(status=400, access="groups")["code"] == "no_group"
    assert make(status=400, access="groups", groups=[cooks.pk])["code"] == "not_own_group"
    assert make(status=403, access="public")["code"] == "sharing_not_permitted"
    other.send("GET", address, status=404)
    bob.groups.add(sailors)
    shared = listed(other)["Pirate"]
    assert (shared["own"], shared["owner"], shared["available"]) == (False, "Alice", True)
    assert "system_prompt" not in shared
    for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/duplicate"), ("DELETE", "/picture")):
        other.send(method, f"{address}{path}", {"name": "Mine"}, status=404)
    started = other.start("Hi", model=made["model"])
    assert other.until_over(started["chat"]["id"], started["message"]["id"])["status"] == "done"

    connection.access = "groups"  # of which Alice is in one, and Bob in none
    connection.save()
    connection.groups.add(cooks)
    alice.groups.add(cooks)
    other.send("POST", "/api/v1/chats/", {"content": "Hi", "model": made["model"]}, status=404)
    assert listed(other) == {}
    assert listed(talker)["Pirate"]["available"] is True
    alice.groups.remove(cooks)
    assert listed(talker)["Pirate"]["available"] is False
    key = people.make_key(alice)
    answer = site.session(key=key).post(f"{site.url}/v1/chat/completions", json=asked(made["model"]), timeout=15)
    assert answer.status_code == 404

    right = Permission.objects.get(codename="share_with_all")
    Group.objects.get(name="Sailors").permissions.add(right)
    talker.send("PATCH", address, {"access": "public"})
    row = ChatSettings.load()
    row.share_with_groups, row.assistants = False, False
    row.save()
    assert talker.send("PATCH", address, {"name": "X"}, status=403)["code"] == "assistants_off"
    assert listed(Talker(site, admin))["Pirate"]["system_prompt"] == "Secret."


def asked(model):
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}]}


def test_its_calls_count_as_calls_of_its_base(make, site, alice, upstream):
    made = make(system_prompt="Talk as a pirate.", id="Sea.dog-1")
    assert made["model"] == "assistants/Sea.dog-1"
    assert make(status=409, id="Sea.dog-1")["code"] == "id_taken"
    session = site.session(key=people.make_key(alice))

    def call():
        return session.post(f"{site.url}/v1/chat/completions", json=asked(made["model"]), timeout=15)

    assert call().status_code == 200
    assert upstream.last.json["messages"][0] == {"role": "system", "content": "Talk as a pirate."}
    while not (record := UsageRecord.objects.filter(user=alice, kind="chat").first()):  # written behind the response
        writer.flush()
    assert record.model == "m1"
    assert made["model"] in {row["id"] for row in session.get(f"{site.url}/v1/models").json()["data"]}
    Budget.objects.create(everybody=True, pattern="m1", unit="tokens", amount=1, period="day")
    assert [call().status_code, call().status_code][-1] == 429
    limited = site.session(key=people.make_key(alice, name="Only this", models=made["model"]))
    Budget.objects.all().delete()
    assert limited.post(f"{site.url}/v1/chat/completions", json=asked(made["model"]), timeout=15).status_code == 200
    assert limited.post(f"{site.url}/v1/chat/completions", json=asked("m1"), timeout=15).status_code == 404


def test_what_is_private_is_in_no_list_of_others(make, site, admin, bob, settings, upstream):
    made = make(system_prompt="Talk as a pirate.")
    assert listed(Talker(site, admin)) == {}
    started = Talker(site, admin).start("Hi", model=made["model"])  # by its id they may, as everything
    Talker(site, admin).until_over(started["chat"]["id"], started["message"]["id"])
    settings.BYPASS_MODEL_ACCESS_CONTROL = True
    Talker(site, bob).send("POST", "/api/v1/chats/", {"content": "Hi", "model": made["model"]}, status=404)
    started = make.talker.send("POST", "/api/v1/chats/", {"content": "Hi"}, status=201)
    assert started["message"]["model"] == "m1"  # an assistant is nobody's default


def test_it_outlives_its_base_and_goes_with_its_owner(make, site, alice, bob, upstream):
    talker = make.talker
    made, shared = make(), make(name="Shared", id="shared")
    ChatModel.objects.filter(public_id=shared["model"]).update(access="public")
    base = ChatModel.objects.get(public_id="m1")
    preset = ChatModel.objects.create(public_id="preset", base=base)
    over = talker.send("PATCH", f"{LIST}{made['id']}", {"base": "preset"})
    assert (over["base"], over["available"]) == ("preset", True)
    again = talker.send("PATCH", f"{LIST}{made['id']}", {"base": shared["model"]}, status=400)
    assert again["code"] == "base_is_assistant"
    base.enabled = False
    base.save()
    assert not any(row["available"] for row in listed(talker).values())
    base.enabled = True
    base.save()
    base.delete()
    assert not ChatModel.objects.filter(pk=preset.pk).exists()
    assert {row["base"] for row in listed(talker).values()} == {None}
    assert talker.send("POST", f"{LIST}{made['id']}/duplicate", status=400)["code"] == "no_base"

    alice.delete()
    assert [row.model.public_id for row in Assistant.objects.all()] == [shared["model"]]
    assert Assistant.objects.get().model.owner is None


@pytest.mark.parametrize(
    "values",
    [
        {"name": ""},
        {"name": "x" * 100},
        {"base": "unknown"},
        {"base": "\ud800"},
        {"id": "a/b"},
        {"id": "a b"},
        {"temperature": "nan"},
        {"starters": ["x"] * 7},
        {"starters": [""]},
        {"files": [{"id": "nobodys"}]},
        {"files": "x"},
        {"groups": [10**30]},
        {"access": "inherit"},
        {"system_prompt": "x" * 20_001},
        {"tools": "all"},
    ],
)
def test_what_is_wrong_is_refused_with_a_reason(make, values):
    answer = make.talker.session.post(
        f"{make.talker.site.url}{LIST}", json={"name": "Pirate", "base": "m1", **values}, timeout=15
    )
    assert 400 <= answer.status_code < 500
    assert answer.json()["detail"]
    assert not Assistant.objects.exists()


def test_numbers_and_changes_have_bounds(make, monkeypatch):
    monkeypatch.setattr(services, "MAX_OWN", 2)
    assert [make()["model"] for _ in range(2)] == ["assistants/pirate", "assistants/pirate-2"]
    assert make(status=409)["code"] == "assistants_full"
    cache.clear()
    monkeypatch.setattr(services, "MAX_CHANGES", 1)
    address = f"{LIST}{Assistant.objects.first().pk}"
    make.talker.send("PATCH", address, {"name": "A"})
    refused = make.talker.session.patch(f"{make.talker.site.url}{address}", json={"name": "B"}, timeout=15)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    make.talker.send("GET", f"{LIST}{uuid.uuid4()}", status=404)


def test_a_provider_cannot_list_a_model_in_its_place(make, connection):
    from providers.catalogue import discovery
    from providers.upstream import model_lists

    made = make()
    discovery.store(connection.pk, model_lists.static_list(["m1", made["model"]]))
    assert ChatModel.objects.get(public_id=made["model"]).sources.count() == 0
    assert ChatModel.objects.get(public_id=f"models/{made['model']}").sources.count() == 1
