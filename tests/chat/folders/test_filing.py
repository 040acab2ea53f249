"""Where chats are, over the site: folders, pins, archive, trash, unread marks, and actions on many."""

import uuid

import pytest

from chat import filing
from chat.files import folders
from chat.filing import changes
from chat.folders import services
from chat.models import Chat, File, Folder, Message
from providers.errors import Conflict
from tests.chat.talk import Talker
from tests.upstream import openai


@pytest.fixture
def talker(site, alice):
    return Talker(site, alice)


@pytest.fixture
def chats(alice):
    return [Chat.objects.create(user=alice, title=f"Chat {number}") for number in range(4)]


def listed(talker, query=""):
    return {chat["title"] for chat in talker.send("GET", f"/api/v1/chats/{query}")["results"]}


def bulk(talker, action, chats, status=200, **more):
    body = {"action": action, "ids": [str(chat.pk) for chat in chats], **more}
    return talker.send("POST", "/api/v1/chats/bulk", body, status=status)


def test_a_folder_has_a_name_a_prompt_and_files(talker, alice):
    upload = talker.session.post(f"{talker.site.url}/api/v1/files/", files={"file": ("a.txt", b"Notes")}).json()
    made = talker.send(
        "POST", "/api/v1/folders/", {"name": " Whales ", "prompt": "Be brief.", "files": [{"id": upload["id"]}]}
    )
    address = f"/api/v1/folders/{made['id']}"
    assert (made["name"], made["prompt"], made["files"][0]["name"]) == ("Whales", "Be brief.", "a.txt")
    assert File.objects.get(pk=upload["id"]).expires_at is None
    assert talker.send("GET", "/api/v1/folders/")["results"] == [talker.send("GET", address)]

    changed = talker.send("PATCH", address, {"name": "Sea"})
    assert (changed["name"], changed["prompt"], len(changed["files"])) == ("Sea", "Be brief.", 1)
    assert talker.send("PATCH", address, {"files": []})["files"] == []
    assert not File.objects.filter(pk=upload["id"]).exists()

    bad = [{}, {"name": ""}, {"name": "x" * 101}, {"name": ["x"]}, {"name": "\0"}, {"name": "x", "files": "no"}]
    for body in (*bad, {"name": "x", "prompt": "x" * 20_001}):
        assert talker.send("POST", "/api/v1/folders/", body, status=400)["code"], body
    missing = {"name": "x", "files": [{"id": str(uuid.uuid4())}]}
    assert talker.send("POST", "/api/v1/folders/", missing, status=404)["code"] == "file_not_found"
    assert Folder.objects.count() == 1  # all or nothing


def test_a_deleted_folder_leaves_its_chats_or_trashes_them(talker, alice, chats):
    for word, left in (("keep", 4), ("delete", 2)):
        folder = talker.send("POST", "/api/v1/folders/", {"name": word})
        bulk(talker, "move", chats[:2], folder=folder["id"])
        assert listed(talker, f"?folder={folder['id']}") == {"Chat 0", "Chat 1"}
        assert listed(talker, "?folder=none") == {"Chat 2", "Chat 3"}
        talker.send("DELETE", f"/api/v1/folders/{folder['id']}?chats={word}", status=204)
        assert len(listed(talker)) == left
    assert listed(talker, "?deleted=true") == {"Chat 0", "Chat 1"}
    assert not Folder.objects.exists()


def test_every_action_on_many_chats_can_be_undone(talker, alice, chats):
    folder = Folder.objects.create(user=alice, name="Sea")
    Chat.objects.filter(pk=chats[0].pk).update(folder=Folder.objects.create(user=alice, name="Land"))
    columns = ("pk", "folder", "deleted_at", "unread")

    def state():
        rows = Chat.objects.order_by("pk").values(*columns, "pinned_at", "archived_at")
        return [{name: bool(v) if name.endswith("_at") else v for name, v in row.items()} for row in rows]

    for action in filing.NAMES:
        if action == filing.ERASE:
            continue
        bulk(talker, "delete", chats[3:])
        of_deleted = action == "restore"
        before = state()
        done = bulk(talker, action, chats[3:] if of_deleted else chats[:2], folder=str(folder.pk))
        assert done["changed"] == (1 if of_deleted else 2)
        assert (state() != before) == (action not in ("unpin", "unarchive", "read")), action
        for change in done["undo"]:
            talker.send("POST", "/api/v1/chats/bulk", change)
        assert state() == before, action
        bulk(talker, "restore", chats[3:])


def test_an_action_is_on_all_chats_or_on_none(talker, alice, bob, chats, monkeypatch):
    theirs = Chat.objects.create(user=bob, title="Another person's")
    assert bulk(talker, "archive", [*chats, theirs], status=404)["code"] == "chat_not_found"
    assert bulk(talker, "move", chats, status=404, folder=str(uuid.uuid4()))["code"] == "folder_not_found"
    assert bulk(talker, "erase", chats, status=404)["code"] == "chat_not_found"  # only from the trash
    assert bulk(talker, "fly", chats, status=400)
    for ids in ([], ["no"], [str(uuid.uuid4())] * (filing.MOST_CHATS + 1), "no"):
        assert talker.send("POST", "/api/v1/chats/bulk", {"action": "pin", "ids": ids}, status=400)
    assert listed(talker) == {chat.title for chat in chats}
    monkeypatch.setattr(changes, "MOST_PINNED", 3)
    assert bulk(talker, "pin", chats, status=409)["code"] == "pins_full"
    assert not Chat.objects.filter(pinned_at__isnull=False).exists()


def test_the_trash_can_be_emptied_and_single_chats_erased(talker, chats, bob):
    Chat.objects.create(user=bob, deleted_at="2026-01-01T00:00Z")
    bulk(talker, "delete", chats[:3])
    bulk(talker, "erase", chats[:1])
    assert listed(talker, "?deleted=true") == {"Chat 1", "Chat 2"}
    assert talker.send("DELETE", "/api/v1/chats/trash") == {"erased": 2}
    assert Chat.objects.count() == 2


def test_one_chat_is_pinned_archived_and_moved_by_its_members(talker, alice, chats):
    folder = Folder.objects.create(user=alice, name="Sea")
    address = f"/api/v1/chats/{chats[0].pk}"
    values = {"title": "New", "folder": str(folder.pk), "pinned": True, "archived": True, "unread": True}
    shown = talker.send("PATCH", address, values)
    assert {name: shown[name] for name in values} == values
    assert listed(talker) == {"Chat 1", "Chat 2", "Chat 3"}
    assert listed(talker, "?archived=true") == listed(talker, "?pinned=1&archived=all") == {"New"}
    off = {"folder": None, "pinned": False, "archived": False, "unread": False}
    shown = talker.send("PATCH", address, off)
    assert {name: shown[name] for name in off} == off
    for query in ("?folder=x", "?since=2026-02-31", "?archived=perhaps", "?until=99999-01-01"):
        assert talker.send("GET", f"/api/v1/chats/{query}", status=400)["code"], query


def test_folders_belong_to_one_person(site, alice, bob, chats):
    folder = Folder.objects.create(user=alice, name="Sea")
    stranger = Talker(site, bob)
    address = f"/api/v1/folders/{folder.pk}"
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert stranger.send(method, address, body, status=404)["code"] == "folder_not_found"
    assert stranger.send("POST", "/api/v1/chats/", {"folder": str(folder.pk)}, status=404)["code"] == "folder_not_found"
    assert stranger.send("GET", "/api/v1/folders/")["results"] == []


def test_an_answer_is_unread_until_somebody_looks(talker, upstream, connection, alice):
    upstream.always(openai.chat("Blue."), path="/chat/completions")
    tab = talker.listen()
    chat = talker.start()
    tab.until_done(chat["message"]["id"])
    address = f"/api/v1/chats/{chat['chat']['id']}"
    assert talker.send("GET", address)["unread"]
    talker.session.get(f"{talker.site.url}{chat['chat']['url']}")  # the page
    assert tab.wait_for(lambda event: event["data"]["type"] == "chat:read")["data"]["data"] == {"unread": False}
    assert not talker.send("GET", address)["unread"]


def test_who_goes_on_with_an_archived_chat_has_it_in_the_list(talker, upstream, connection, chats):
    upstream.always(openai.chat("Blue."), path="/chat/completions")
    bulk(talker, "archive", chats)
    talker.until_over(chats[0].pk, talker.say(chats[0].pk, "Hello", model="m1")["message"]["id"])
    assert len(listed(talker)) == 1  # whose title the task model may have changed
    assert Message.objects.filter(chat=chats[0]).count() == 2


def test_folders_and_their_files_have_bounds(alice, monkeypatch):
    monkeypatch.setattr(folders, "MOST_FOLDERS", 1)
    services.create(alice, services.FolderValues("One"))
    with pytest.raises(Conflict):
        services.create(alice, services.FolderValues("Two"))


def test_a_model_is_told_what_the_folder_says_with_each_question(talker, upstream, connection, alice):
    """In this order: the model's own prompt (the relay's), the folder's, the chat's; files with the first question."""
    upstream.always(openai.chat("Blue."), path="/chat/completions")
    upload = talker.session.post(f"{talker.site.url}/api/v1/files/", files={"file": ("a.txt", b"Whales sing.")}).json()
    folder = talker.send(
        "POST", "/api/v1/folders/", {"name": "Sea", "prompt": "Of the folder.", "files": [{"id": upload["id"]}]}
    )
    chat = talker.start(folder=folder["id"], rules={"system_prompt": "Of the chat."})["chat"]
    talker.until_over(chat["id"], talker.chat(chat["id"])["messages"][-1]["id"])
    talker.until_over(chat["id"], talker.say(chat["id"], "And the sea?")["message"]["id"])
    asked = [call.json["messages"] for call in upstream.asked("/chat/completions") if call.json.get("stream")]
    assert len(asked) == 2
    for messages in asked:
        assert messages[0] == {"role": "system", "content": "Of the folder.\n\nOf the chat."}
        assert messages[1]["content"].startswith('<file name="a.txt"')
        assert "Whales sing." in messages[1]["content"]
    assert asked[0] == asked[1][: len(asked[0])]  # the beginning stays, for prompt caches
    assert asked[1][-1] == {"role": "user", "content": "And the sea?"}
    assert talker.chat(chat["id"])["messages"][0]["files"] == []  # they belong to the folder
