"""What people have: an archive of everything that comes in again, a deletion that asks twice, and a complete table."""

import contextlib
import io
import json
import zipfile

import pytest
import requests
from django.apps import apps
from django.contrib.auth import get_user_model

from chat import files
from chat.belongings import services, table
from chat.files import FileContext
from chat.models import Chat, Comparison, File, Folder, Memory, Message, Share, ToolGrant, ToolServer, Transfer
from imagegen.models import ImageJob, PictureStar
from providers.errors import BadRequest, Forbidden, RateLimited
from tests import people
from tests.chat.files.test_rows import png
from tests.chat.imports.test_formats import branch, bring
from tests.chat.transfers.run import ended, look_through

pytestmark = pytest.mark.django_db(transaction=True)

# Rows of people that no archive and no deletion is about, each with the reason.
OTHERS = {
    "providers.": "keys, limits, budgets and usage are of the account and of who pays",
    "webui.": "the account itself, which stays",
    "admin.": "who changed what",
    "account.": "how one signs in",
    "socialaccount.": "how one signs in",
    "auth.": "how one signs in",
    "chat.ToolGrant": "a secret for a tool server, which is taken back there",
    "chat.PushDevice": "browsers that are told; each is switched off by itself",
    "chat.SearchEntry": "an index of chats, which goes with them",
}


def rows_of(user):
    """A chat with two branches and a picture in a folder, one in the trash, a picture of no chat, a memory, a job, a
    link.
    """
    folder = Folder.objects.create(user=user, name="Flying things", prompt="Fly.")
    chat = Chat.objects.create(
        user=user, title="Kites / 风筝", title_is_own=True, model="m1", folder=folder, rules={"temperature": 0.5}
    )
    question = Message.objects.create(chat=chat, role="user", content="What flies?")
    row = files.accept(user, png(6, 6), name="kite.png", context=FileContext(chat=chat, message=question))
    question.files = [files.file_json(row)]
    question.content = f"What flies? ![]({row.url})"
    question.save()
    for words in ("Birds.", "Kites."):
        answer = Message.objects.create(
            chat=chat, parent=question, role="assistant", content=words, reasoning="Hm", model="m1", duration_ms=5
        )
    chat.leaf = answer
    chat.save()
    Share.objects.create(chat=chat, leaf=answer)
    Comparison.objects.create(user=user, chat=chat, question=question)
    trashed = Chat.objects.create(user=user, title="Old", deleted_at=chat.created)
    Message.objects.create(chat=trashed, role="user", content="Gone")
    drawn = files.accept(
        user, png(4, 4, "blue"), name="drawn.png", context=FileContext(provenance={"prompt": "A square"})
    )
    PictureStar.objects.create(user=user, file=drawn)
    Memory.objects.create(user=user, text="Likes kites")
    tools, _new = ToolServer.objects.get_or_create(name="Desk", url="http://desk.invalid/mcp", auth="grant")
    ToolGrant.objects.create(user=user, server=tools, values="{}")
    ImageJob.objects.create(user=user, prompt="A square", state="succeeded")
    return chat


def test_everything_goes_out_and_comes_in_again(site, alice, bob):
    chat = rows_of(alice)
    headers = {"Authorization": f"Bearer {people.make_key(alice)}"}
    strangers = {"Authorization": f"Bearer {people.make_key(bob)}"}
    answer = requests.post(f"{site.url}/api/v1/exports/", headers=headers, timeout=10)
    assert answer.status_code == 202, answer.text
    made = ended(site, headers, f"exports/{answer.json()['id']}")
    assert made["state"] == "done", made
    address = f"{site.url}/api/v1/exports/{made['id']}/content"
    assert requests.get(address, headers=strangers, timeout=10).status_code == 404
    content = requests.get(address, headers=headers, timeout=10).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        folder = f"chats/{chat.created:%Y-%m-%d} kites-风筝/"
        assert {f"{folder}chat.json", f"{folder}chat.md", f"{folder}files/kite.png", "files/drawn.png"} <= names
        assert {
            "files.json",
            "folders.json",
            "memories.json",
            "tool_servers.json",
            "picture-jobs.json",
            "picture-stars.json",
            "profile.json",
            "links.json",
        } <= names
        assert json.loads(archive.read("memories.json"))[0]["text"] == "Likes kites"
        assert "Gone" not in str(archive.read(f"{folder}chat.json"))
    # Here it is known, as it is what is here; at somebody else's it comes whole, with its picture.
    assert look_through(site, headers, content, "export.zip")["report"]["chats"] == {"known": 1}
    _look, report = bring(site, strangers, content, "export.zip")
    assert (report["chats"], report["messages"], report["files"]) == ({"new": 1}, 3, 1)
    copy = Chat.objects.get(user=bob)
    picture = File.objects.get(owner=bob)
    assert branch(copy) == [f"What flies? ![]({picture.url})", "Kites."]
    assert (copy.messages.count(), picture.message_id) == (3, copy.messages.get(role="user").pk)
    assert copy.messages.filter(reasoning="Hm", duration_ms=5, model="m1").count() == 2
    folder = Folder.objects.get(user=bob)
    assert (folder.name, folder.prompt, copy.folder, copy.rules) == ("Flying things", "Fly.", folder, chat.rules)
    # Once more after a deletion: a folder of this name is there already.
    copy.delete()
    bring(site, strangers, content, "export.zip")
    assert Chat.objects.get(user=bob).folder == Folder.objects.get(user=bob)
    # A second archive takes the place of the first one.
    second = requests.post(f"{site.url}/api/v1/exports/", headers=headers, timeout=10).json()
    assert ended(site, headers, f"exports/{second['id']}")["state"] == "done"
    assert requests.get(address, headers=headers, timeout=10).status_code == 404


def test_a_deletion_asks_twice_and_leaves_the_account(site, alice, bob, client):
    rows_of(alice)
    rows_of(bob)
    headers = {"Authorization": f"Bearer {people.make_key(alice)}"}
    address = f"{site.url}/api/v1/erasures/"
    refused = requests.post(address, headers=headers, json={"password": "guess"}, timeout=10)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_confirmed")
    refused = requests.post(address, headers=headers, json={"sections": ["x"], "password": people.PASSWORD}, timeout=10)
    assert refused.status_code == 400
    refused = requests.post(address, headers=headers, json={"sections": [], "password": people.PASSWORD}, timeout=10)
    assert (refused.status_code, Transfer.objects.count()) == (400, 0)
    with pytest.raises(BadRequest):
        services.begin_erasure(alice, [], password=people.PASSWORD)
    some = {"sections": ["memories"], "password": people.PASSWORD}
    made = requests.post(address, headers=headers, json=some, timeout=10).json()
    assert ended(site, headers, f"erasures/{made['id']}")["report"]["counts"] == {"memories": 1}
    assert Chat.objects.filter(user=alice).count() == 2
    # The page: a list of what there is, and the password.
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/settings/data/delete")
    assert [thing.name for thing, _n in page.context["things"]] == table.names()
    form = {"sections": table.names(), "password": people.PASSWORD}
    assert client.post("/settings/data/delete/now", form).status_code == 302
    row = Transfer.objects.filter(kind="erasure").latest("created")
    done = ended(site, headers, f"erasures/{row.pk}")
    assert done["state"] == "done", done
    assert done["report"]["counts"]["chats"] == 2
    for thing in table.all_of():
        assert thing.count(alice.pk) == 0, thing.name
    assert get_user_model().objects.filter(pk=alice.pk, is_active=True).exists()
    won = Comparison.objects.order_by("pk")  # counted on, without the person
    assert [(row.user, row.chat_id is None) for row in won] == [(None, True), (bob, False)]
    assert (Chat.objects.filter(user=bob).count(), File.objects.filter(owner=bob).count()) == (2, 2)
    for _attempt in range(6):
        refused = requests.post(address, headers=headers, json={"password": "guess"}, timeout=10)
    assert refused.status_code == 429


def test_guesses_of_a_password_at_the_same_time_all_count(alice):
    looked = []

    def check(password):
        looked.append(password)
        with contextlib.suppress(Forbidden, RateLimited):  # before this one is known to be wrong
            services.begin_erasure(alice, None, password=f"{password}+")
        return False

    alice.check_password = check
    with pytest.raises(Forbidden):
        services.begin_erasure(alice, None, password="guess")
    assert len(looked) == services.TRIES


def test_every_row_of_a_person_is_among_their_things():
    user = get_user_model()
    answered = {label for thing in table.all_of() for label in thing.models}
    for model in apps.get_models():
        label = model._meta.label
        points = {field.related_model for field in model._meta.get_fields() if getattr(field, "many_to_one", False)}
        if user in points and not label.startswith(tuple(OTHERS)) and not hasattr(model, "history_date"):
            assert label in answered, f"{label}: name it in a Belonging, see docs/adding.md"
    labels = {model._meta.label for model in apps.get_models()}
    assert answered <= labels
    assert len(set(table.names())) == len(table.names())
