"""The map of a chat's branches, and new chats made of them."""

import pytest

from chat import services
from chat.models import Chat, File, Message, ModelInput
from tests.chat.talk import Talker
from tests.queries import assert_queries_do_not_grow
from tests.upstream.pictures import png

pytestmark = pytest.mark.usefixtures("connection")


@pytest.fixture
def chat(alice):
    chat = Chat.objects.create(user=alice, title="Skies", model="m1")
    question = Message.objects.create(chat=chat, role="user", content="Colour?")
    blue = Message.objects.create(chat=chat, parent=question, role="assistant", content="Blue.\n" * 100, model="m1")
    chat.leaf = Message.objects.create(chat=chat, parent=question, role="assistant", content="Grey.", model="m1")
    Message.objects.create(chat=chat, parent=blue, role="user", content="Sure?")
    chat.save()
    return chat


def test_the_map_has_every_branch_and_marks_the_shown_one(site, alice, bob, chat, django_assert_max_num_queries):
    talker = Talker(site, alice)
    tree = talker.send("GET", f"/api/v1/chats/{chat.pk}/tree")
    assert [(row["excerpt"][:7], row["is_shown"]) for row in tree["messages"]] == [
        ("Colour?", True),
        ("Blue. B", False),
        ("Grey.", True),
        ("Sure?", False),
    ]
    assert max(len(row["excerpt"]) for row in tree["messages"]) <= 120
    assert tree["leaf"] == str(chat.leaf_id)
    Talker(site, bob).send("GET", f"/api/v1/chats/{chat.pk}/tree", status=404)


def test_a_fork_has_the_branch_with_its_files_and_outlives_the_original(site, alice, bob, chat):
    talker = Talker(site, alice)
    uploaded = talker.session.post(
        f"{site.url}/api/v1/files/", files={"file": ("kite.png", png(), "image/png")}, timeout=15
    ).json()
    said = talker.say(str(chat.pk), "And this?", files=[{"id": uploaded["id"]}])
    answer = talker.until_over(str(chat.pk), said["message"]["id"])
    Message.objects.filter(pk=answer["id"]).update(content=f"![a kite]({uploaded['url']})")
    ModelInput.objects.create(answer_id=answer["id"], source="memory", content="A fact.")

    path = f"/api/v1/chats/{chat.pk}/messages/{answer['id']}/fork"
    Talker(site, bob).send("POST", path, status=404)
    made = talker.send("POST", path, status=201)["chat"]
    whole = talker.chat(made["id"])

    assert (made["title"], [row["content"][:9] for row in whole["messages"]]) == (
        "Skies",
        ["Colour?", "Grey.", "And this?", "![a kite]"],
    )
    assert whole["leaf"] == whole["messages"][-1]["id"]
    assert [row["parent"] for row in whole["messages"]] == [None, *(row["id"] for row in whole["messages"][:-1])]
    [entry] = whole["messages"][2]["files"]
    assert entry["id"] != uploaded["id"]
    assert entry["url"] in whole["messages"][3]["content"]
    assert File.objects.get(pk=entry["id"]).message_id == Message.objects.get(pk=whole["messages"][2]["id"]).pk
    assert ModelInput.objects.get(answer_id=whole["leaf"]).content == "A fact."
    services.delete_chat(chat)
    services.purge_chats(before=Chat.objects.get(pk=chat.pk).deleted_at.replace(year=2100))
    assert talker.session.get(f"{site.url}{entry['url']}", timeout=15).content == png()


def test_a_fork_takes_the_same_number_of_queries_for_long_branches(site, alice, chat):
    from chat.branches import services as branches

    def longer(number):
        for _index in range(number):
            chat.leaf = Message.objects.create(chat=chat, parent=chat.leaf, role="user", content="More")
        chat.save()

    assert_queries_do_not_grow(lambda: branches.fork(Message.objects.get(pk=chat.leaf_id)), lambda: longer(20))


def test_an_answer_that_is_being_written_is_not_forked(site, alice, chat):
    running = Message.objects.create(chat=chat, parent=chat.leaf, role="assistant", status="streaming")
    made = Talker(site, alice).send("POST", f"/api/v1/chats/{chat.pk}/messages/{running.pk}/fork", status=409)
    assert made["code"] == "reply_running"
