"""Shared chats: who may read what, what stays private, and what a copy contains."""

import uuid

import pytest
from django.test import Client
from django.utils import timezone

from chat import files, sharing
from chat.files import FileContext, stores
from chat.models import Chat, ChatSettings, File, Message, Share
from tests import people
from tests.chat.files.test_rows import body, png
from tests.queries import assert_queries_do_not_grow
from webui.models import SiteAddress

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}},
    }


SOURCE = {"url": "https://example.com/whales", "title": "All about whales"}


def client_of(user):
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


class Scene:
    """Alice's chat: a question with a picture, two answers of which the second is shown, one more turn below it.

    Shared are the first question and its second answer: `question`, `second`. `first` is the other version, `later`
    and `latest` came afterwards. Each message has a picture of its own in `pictures`.
    """

    def __init__(self, owner):
        self.owner = owner
        self.chat = Chat.objects.create(user=owner, title="Whales & <b>", model="m1")
        self.pictures = {}
        self.question = self.add("user", "What sings?", None)
        self.first = self.add("assistant", "Birds sing.", self.question, model="m1")
        self.second = self.add(
            "assistant",
            "Whales **sing**.",
            self.question,
            model="m1",
            connection="Secret connection",
            reasoning="The owner said something private",
            usage={"prompt_tokens": 4321},
            status_history=[
                {"description": "Remembered: lives in Turin", "done": True},
                {"description": "Looked it up", "done": True, "sources": [SOURCE]},
            ],
        )
        self.show(self.second)
        self.share, _is_new = sharing.share_chat(self.chat)
        self.later = self.add("user", "And later?", self.second)
        self.latest = self.add("assistant", "Much later.", self.later, model="m1")
        self.show(self.latest)
        self.page = f"/s/{self.share.pk}"

    def add(self, role, content, parent, **fields):
        message = Message.objects.create(chat=self.chat, parent=parent, role=role, content=content, **fields)
        colour = len(self.pictures)
        context = FileContext(chat=self.chat, message=message, provenance={"engine": "Secret engine", "prompt": "p"})
        row = files.accept(self.owner, png(8, 8 + colour), name=f"{content[:5]}.png", context=context)
        message.files = [files.file_json(row)]
        message.save()
        self.pictures[message.pk] = row
        return message

    def show(self, leaf):
        self.chat.leaf = leaf
        self.chat.save()

    def picture(self, message):
        return self.pictures[message.pk].url


@pytest.fixture
def scene(alice):
    return Scene(alice)


def switch_off():
    row = ChatSettings.load()
    row.sharing = False
    row.save()


# --- The owner's side -------------------------------------------------------------------------------------------------


def test_a_chat_is_shared_updated_and_withdrawn_over_the_api(alice):
    chat = Chat.objects.create(user=alice)
    address = f"/api/v1/chats/{chat.pk}/share"
    owner = client_of(alice)

    assert owner.post(address).json()["code"] == "nothing_to_share"
    chat.leaf = Message.objects.create(chat=chat, role="user", content="One")
    chat.save()
    assert owner.get(address).status_code == 404
    made = owner.post(address)
    assert made.status_code == 201
    terms = {"public": False, "shows_name": True, "expires_at": None, "has_ended": False, "up_to_date": True}
    assert made.json().items() >= terms.items()
    assert set(made.json()) == {*terms, "id", "url", "created", "updated"}
    assert made.json()["url"] == f"http://testserver/s/{made.json()['id']}"
    assert owner.get(address).json() == made.json()

    chat.leaf = Message.objects.create(chat=chat, parent=chat.leaf, role="user", content="Two")
    chat.save()
    assert owner.get(address).json()["up_to_date"] is False
    updated = owner.post(address)
    assert updated.status_code == 200
    assert {**updated.json(), "updated": None} == {**made.json(), "updated": None}
    assert updated.json()["updated"] > made.json()["updated"]

    assert owner.delete(address).status_code == 204
    assert owner.delete(address).status_code == 204
    assert owner.get(address).status_code == 404


def test_the_link_is_below_the_sites_own_address(alice, scene, settings):
    settings.SITE_URL = "https://chat.example.com"
    shared = client_of(alice).get(f"/api/v1/chats/{scene.chat.pk}/share").json()
    assert shared["url"] == f"https://chat.example.com{scene.page}"


def test_what_is_still_being_written_is_not_shared(alice):
    chat = Chat.objects.create(user=alice)
    asked = Message.objects.create(chat=chat, role="user", content="Asked")
    chat.leaf = Message.objects.create(chat=chat, parent=asked, role="assistant", content="Half", status="streaming")
    chat.save()
    share, _is_new = sharing.share_chat(chat)
    assert share.leaf == asked


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_only_the_owner_shares(scene, bob, admin, method):
    address = f"/api/v1/chats/{scene.chat.pk}/share"
    for person in (bob, admin):
        assert getattr(client_of(person), method)(address).status_code == 404
    assert getattr(Client(), method)(address).status_code == 401
    assert client_of(bob).get(f"/c/{scene.chat.pk}/share").status_code == 404
    assert Share.objects.filter(pk=scene.share.pk, leaf=scene.second).exists()


def test_while_sharing_is_switched_off_nothing_is_shared_and_no_button_offers_it(alice, bob, scene):
    owner = client_of(alice)
    assert 'data-action="share-this"' in owner.get(f"/c/{scene.chat.pk}").content.decode()
    assert "chat-mark" in owner.get("/sidebar").content.decode()
    switch_off()
    assert owner.post(f"/api/v1/chats/{scene.chat.pk}/share").status_code == 403
    assert owner.get(f"/api/v1/chats/{scene.chat.pk}/share").status_code == 404
    assert client_of(bob).get(scene.page).status_code == 404
    html = owner.get(f"/c/{scene.chat.pk}").content.decode()
    assert 'data-action="share' not in html
    assert "chat-mark" not in html


# --- The reader's side ------------------------------------------------------------------------------------------------


def test_a_reader_sees_the_branch_down_to_its_shared_end_and_nothing_else(scene, bob):
    html = client_of(bob).get(scene.page).content.decode()
    for shown in (
        "What sings?",
        "Whales <strong>sing</strong>.",
        "Shared by Alice",
        "Whales &amp; &lt;b&gt;",
        ">m1<",
        SOURCE["url"],
    ):
        assert shown in html
    for hidden in (
        *(
            "Birds sing",
            "And later?",
            "Much later",
            "Secret connection",
            "private",
            "4321",
            "Turin",
            "Looked",
            "Secret engine",
        ),
        *("alice@example.com", 'id="composer"'),
    ):
        assert hidden not in html
    assert scene.picture(scene.question) in html
    assert scene.picture(scene.latest) not in html


def test_the_api_tells_a_reader_the_same(scene, bob):
    shared = client_of(bob).get(f"/api/v1/shared/{scene.share.pk}").json()
    assert (shared["title"], shared["shared_by"]) == ("Whales & <b>", "Alice")
    assert [message["content"] for message in shared["messages"]] == ["What sings?", "Whales **sing**."]
    assert set(shared["messages"][0]) == {"id", "role", "content", "model", "status", "files", "created"}
    assert "provenance" not in shared["messages"][0]["files"][0]


def test_a_stranger_signs_in_first_and_comes_back(scene):
    answer = Client().get(scene.page)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={scene.page}")
    assert Client().post(f"{scene.page}/continue").status_code == 302
    assert Client().get(f"/api/v1/shared/{scene.share.pk}").status_code == 401
    assert Client().get(scene.picture(scene.question)).status_code == 401


def withdraw(scene):
    sharing.unshare(scene.chat)


def delete(scene):
    Chat.objects.filter(pk=scene.chat.pk).update(deleted_at=timezone.now())


def deactivate(scene):
    scene.owner.is_active = False
    scene.owner.save()


@pytest.mark.parametrize("end", [withdraw, delete, deactivate, lambda scene: switch_off()])
def test_when_sharing_ends_the_link_and_its_pictures_are_not_there(scene, bob, end):
    reader = client_of(bob)
    assert reader.get(scene.page).status_code == 200
    assert reader.get(scene.picture(scene.question)).status_code == 200
    end(scene)
    assert reader.get(scene.page).status_code == 404
    assert reader.post(f"{scene.page}/continue").status_code == 404
    assert reader.get(f"/api/v1/shared/{scene.share.pk}").status_code == 404
    assert reader.post(f"/api/v1/shared/{scene.share.pk}/continue").status_code == 404
    assert reader.get(scene.picture(scene.question)).status_code == 404
    assert reader.get("/api/v1/shared/nonsense").status_code == 404
    assert reader.get(f"/s/{uuid.uuid4()}").status_code == 404


def test_a_chat_that_comes_back_from_deletion_is_shared_again(scene, alice, bob):
    owner = client_of(alice)
    owner.delete(f"/api/v1/chats/{scene.chat.pk}")
    assert client_of(bob).get(scene.page).status_code == 404
    owner.post(f"/api/v1/chats/{scene.chat.pk}/restore")
    assert client_of(bob).get(scene.page).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_key_made_for_pictures_reads_no_shared_chat(scene, bob):
    for scopes, status in ((["images"], 403), (["chats"], 200)):
        headers = {"Authorization": f"Bearer {people.make_key(bob, scopes=scopes)}"}
        assert Client().get(f"/api/v1/shared/{scene.share.pk}", headers=headers).status_code == status


def test_a_reply_that_is_being_written_anew_ends_what_readers_see(scene, bob):
    Message.objects.filter(pk=scene.second.pk).update(status="streaming", content="Half")
    html = client_of(bob).get(scene.page).content.decode()
    assert "What sings?" in html
    assert "Half" not in html
    assert client_of(bob).get(scene.picture(scene.second)).status_code == 404


def test_a_failed_answer_keeps_the_providers_words_to_the_owner(scene, bob):
    error = {"message": "No credit at Secret connection", "provider": "billing@example.com"}
    Message.objects.filter(pk=scene.second.pk).update(status="failed", error=error)
    html = client_of(bob).get(scene.page).content.decode()
    assert "This answer failed." in html
    assert "credit" not in html
    assert "billing" not in html


def test_a_long_chat_is_read_in_pages_with_a_constant_number_of_queries(scene, bob):
    reader = client_of(bob)

    def grow():
        for number in range(60):
            asked = scene.add("user", f"More {number}", scene.chat.leaf)
            scene.show(scene.add("assistant", f"Told {number}", asked))
        sharing.share_chat(scene.chat)

    assert_queries_do_not_grow(lambda: reader.get(scene.page), grow)
    first, last = reader.get(scene.page).content.decode(), reader.get(f"{scene.page}?page=3").content.decode()
    assert "What sings?" in first
    assert "?page=2" in first
    assert "Told 59" not in first
    assert "Told 59" in last
    assert "?page=2" in last
    assert reader.get(f"{scene.page}?page=nonsense").status_code == 200
    assert reader.get(f"{scene.page}?page=99").status_code == 200


def test_the_list_of_chats_asks_no_more_for_shared_ones(scene, alice):
    def grow():
        for _number in range(5):
            chat = Chat.objects.create(user=alice)
            chat.leaf = Message.objects.create(chat=chat, role="user", content="x")
            chat.save()
            sharing.share_chat(chat)

    assert_queries_do_not_grow(lambda: client_of(alice).get("/sidebar"), grow)


# --- Files ------------------------------------------------------------------------------------------------------------


def test_readers_see_the_files_of_the_shared_branch_alone(scene, bob, alice, admin):
    reader = client_of(bob)
    for message, status in (
        *((scene.question, 200), (scene.second, 200)),
        *((scene.first, 404), (scene.later, 404), (scene.latest, 404)),
    ):
        address = scene.picture(message)
        assert reader.get(address).status_code == status
        assert reader.get(f"{address}?w=128").status_code == status
        assert reader.get(address.removesuffix("/content")).status_code == status
        assert client_of(alice).get(address).status_code == 200
        assert client_of(admin).get(address).status_code == 200


def test_a_shared_file_is_read_and_neither_kept_nor_changed_nor_explained(scene, bob):
    reader, address = client_of(bob), scene.picture(scene.second)
    seen = reader.get(address)
    assert body(seen) == png(8, 10)
    assert seen["Cache-Control"] == "private, no-cache"
    assert reader.get(address.removesuffix("/content")).json()["provenance"] == {}
    assert reader.delete(address.removesuffix("/content")).status_code == 404
    named = {"content": "x", "files": [{"id": address.split("/")[-2]}]}
    assert reader.post("/api/v1/chats/", named, content_type="application/json").status_code >= 400
    assert not File.objects.filter(owner=bob).exists()


def test_a_files_way_to_its_reader_takes_a_constant_number_of_queries(scene, alice, bob):
    reader, address = client_of(bob), scene.picture(scene.question).removesuffix("/content")

    def grow():
        for _number in range(5):
            Scene(alice)
            scene.show(scene.add("assistant", "More", scene.chat.leaf))

    assert_queries_do_not_grow(lambda: reader.get(address), grow)


def test_a_forged_file_id_opens_nothing(scene, alice, bob):
    carol = people.make_user("Carol")
    elsewhere = Chat.objects.create(user=alice)
    loose, others, unshared = (
        files.accept(who, png(20 + number, 9), context=context)
        for number, (who, context) in enumerate(
            [(alice, files.NO_CONTEXT), (carol, FileContext(chat=scene.chat)), (alice, FileContext(chat=elsewhere))]
        )
    )
    scene.second.files += [files.file_json(row) for row in (loose, others, unshared)]
    scene.second.files += ["nonsense", {"id": "nonsense"}, {}]
    scene.second.save()
    html = client_of(bob).get(scene.page).content.decode()
    for row in (loose, others, unshared):
        assert client_of(bob).get(row.url).status_code == 404
        assert str(row.pk) not in html
    continued = sharing.continue_shared(scene.share, bob)
    assert File.objects.filter(owner=bob).count() == 2
    assert [len(message.files) for message in continued.messages.all()] == [1, 1]


def test_an_edited_question_shows_the_files_it_took_over(scene, bob):
    edited = Message.objects.create(
        chat=scene.chat, role="user", content="What really sings?", files=scene.question.files
    )
    scene.show(edited)
    sharing.share_chat(scene.chat)
    assert client_of(bob).get(scene.picture(scene.question)).status_code == 200
    assert client_of(bob).get(scene.picture(scene.second)).status_code == 404


# --- Going on ---------------------------------------------------------------------------------------------------------


def test_a_reader_goes_on_in_a_chat_of_their_own_with_files_of_their_own(scene, bob):
    told = f"Whales: ![one](/api/v1/files/{scene.pictures[scene.second.pk].pk}/content)"
    Message.objects.filter(pk=scene.second.pk).update(content=told)

    answer = client_of(bob).post(f"{scene.page}/continue")

    chat = Chat.objects.get(user=bob)
    assert (answer.status_code, answer["Location"]) == (302, f"/c/{chat.pk}")
    question, second = chat.messages.all()
    assert (second.parent, chat.leaf, chat.title) == (question, second, "Whales & <b>")
    assert (question.content, second.model) == ("What sings?", "m1")
    assert not any([second.connection, second.reasoning, second.usage, second.options])
    assert second.status_history == [{"description": "", "done": True, "sources": [SOURCE]}]
    rows = File.objects.filter(owner=bob).order_by("created")
    assert [row.message for row in rows] == [question, second]
    assert {row.storage_name for row in rows} == {
        scene.pictures[message.pk].storage_name for message in (scene.question, scene.second)
    }
    assert all(row.provenance == {} and row.chat == chat for row in rows)
    assert second.content == f"Whales: ![one](/api/v1/files/{rows[1].pk}/content)"
    assert second.files[0]["url"] == rows[1].url
    assert "Secret engine" not in str(second.files)
    assert body(client_of(bob).get(rows[1].url)) == png(8, 10)


@pytest.mark.django_db(transaction=True)
def test_what_a_reader_took_along_outlives_the_shared_chat(scene, bob):
    chat = sharing.continue_shared(scene.share, bob)
    scene.chat.delete()
    assert [stores.read(row.storage_name) for row in File.objects.filter(chat=chat).order_by("created")] == [
        png(8, 8),
        png(8, 10),
    ]
    names = list(File.objects.values_list("storage_name", flat=True))
    chat.delete()
    for name in names:
        with pytest.raises(FileNotFoundError):
            stores.read(name)


def test_files_that_do_not_fit_the_readers_quota_are_refused_and_nothing_is_made(scene, bob, settings):
    settings.FILE_QUOTA_BYTES = 100
    answer = client_of(bob).post(f"{scene.page}/continue")
    assert answer.status_code == 413
    assert "limit of" in answer.content.decode()
    assert not Chat.objects.filter(user=bob).exists()
    assert client_of(bob).post(f"/api/v1/shared/{scene.share.pk}/continue").status_code == 413


def test_the_api_continues_too(scene, bob):
    made = client_of(bob).post(f"/api/v1/shared/{scene.share.pk}/continue")
    assert made.status_code == 201
    assert Chat.objects.get(pk=made.json()["id"]).user == bob


def test_the_owners_own_page_leads_to_the_chat(scene, alice):
    html = client_of(alice).get(scene.page).content.decode()
    assert f'href="/c/{scene.chat.pk}"' in html
    assert "/continue" not in html


def test_a_link_never_begins_with_a_strangers_host(alice, settings):
    settings.ALLOWED_HOSTS = ["*"]
    chat = Scene(alice).chat
    sharing.unshare(chat)
    browser, address = client_of(alice), f"/api/v1/chats/{chat.pk}/share"
    evil = {"host": "evil.example"}
    unknown = browser.post(address, headers=evil)
    assert (unknown.status_code, unknown.json()["code"]) == (503, "site_address_unknown")
    assert not Share.objects.exists()
    assert (
        browser.post(address, headers={"host": "localhost:8000"}).json()["url"].startswith("http://localhost:8000/s/")
    )
    page = browser.get(f"/c/{chat.pk}/share", headers=evil).content.decode()
    assert "SITE_URL" in page
    assert "evil.example" not in page
    SiteAddress.objects.create(pk=1, origin="https://chat.example.com")
    assert browser.get(address, headers=evil).json()["url"].startswith("https://chat.example.com/s/")
