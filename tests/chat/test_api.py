"""The chat API: create, search, rename, delete, restore, export."""

import uuid
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat import services
from chat.models import Chat, Message
from tests.chat.talk import Talker
from tests.queries import assert_queries_do_not_grow


@pytest.fixture
def make_chat(alice):
    """Rows without a reply: `make_chat("Title", "said", "answered")`."""

    def make(title="A chat", *texts, user=None):
        chat = Chat.objects.create(user=user or alice, title=title, model="m1")
        parent = None
        for number, text in enumerate(texts):
            role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
            parent = Message.objects.create(chat=chat, parent=parent, role=role, content=text)
        Chat.objects.filter(pk=chat.pk).update(leaf=parent)
        return chat

    return make


@pytest.fixture
def talker(site, alice):
    return Talker(site, alice)


class TestOverTheSite:
    def test_an_empty_chat_is_made_without_content(self, talker):
        made = talker.send("POST", "/api/v1/chats/", {}, status=201)

        assert set(made) == {"chat"}
        assert made["chat"]["url"] == f"/c/{made['chat']['id']}"
        assert talker.chat(made["chat"]["id"])["messages"] == []

    def test_a_list_comes_in_pages_newest_first(self, talker, make_chat):
        chats = [make_chat(f"Chat {number}") for number in range(5)]

        first = talker.send("GET", "/api/v1/chats/?limit=2")
        second = talker.send("GET", first["next"].removeprefix(talker.site.url))
        third = talker.send("GET", second["next"].removeprefix(talker.site.url))

        titles = [one["title"] for page in (first, second, third) for one in page["results"]]
        assert titles == [chat.title for chat in reversed(chats)]
        assert third["next"] is None

    def test_search_finds_titles_and_words_in_messages(self, talker, make_chat, bob):
        make_chat("About whales")
        make_chat("Other", "Tell me of WHALES please", "No.")
        make_chat("Nothing", "Hello", "Hello.")
        make_chat("whales of another person", user=bob)

        found = talker.send("GET", "/api/v1/chats/?q=whales")["results"]

        assert {one["title"] for one in found} == {"About whales", "Other"}

    def test_a_title_of_ones_own_is_kept(self, talker, make_chat):
        chat = make_chat("Before")
        tab = talker.listen()

        renamed = talker.send("PATCH", f"/api/v1/chats/{chat.pk}", {"title": "After"})

        assert renamed["title"] == "After"
        event = tab.wait_for(lambda event: event["data"]["type"] == "chat:title")
        assert (event["chat_id"], event["data"]["data"]) == (str(chat.pk), {"title": "After"})
        chat.refresh_from_db()
        assert chat.title_is_own

    def test_a_deleted_chat_is_gone_until_it_is_restored(self, talker, make_chat):
        chat = make_chat("Mine", "said")
        address = f"/api/v1/chats/{chat.pk}"

        talker.send("DELETE", address, status=204)
        talker.send("GET", address, status=404)
        talker.send("POST", f"{address}/messages", {"content": "x"}, status=404)
        assert talker.send("GET", "/api/v1/chats/")["results"] == []
        talker.send("POST", f"{address}/restore", status=200)

        assert talker.chat(chat.pk)["messages"][0]["content"] == "said"

    def test_the_export_is_a_file_in_json_or_markdown(self, talker, make_chat):
        chat = make_chat("Sky & sea", "Colour?", "Blue.")

        as_json = talker.session.get(f"{talker.site.url}/api/v1/chats/{chat.pk}/export")
        as_markdown = talker.session.get(f"{talker.site.url}/api/v1/chats/{chat.pk}/export.md")

        assert as_json.json()["messages"][1]["content"] == "Blue."
        assert as_json.headers["Content-Disposition"] == 'attachment; filename="sky-sea.json"'
        assert as_markdown.text == "# Sky & sea\n\n## You\n\nColour?\n\n## Assistant\n\nBlue.\n"
        assert as_markdown.headers["Content-Disposition"] == 'attachment; filename="sky-sea.md"'

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "", None),
            ("PATCH", "", {"title": "x"}),
            ("DELETE", "", None),
            ("POST", "/restore", None),
            ("GET", "/export", None),
            ("GET", "/export.md", None),
            ("GET", "/messages", None),
            ("POST", "/messages", {"content": "x"}),
            ("GET", "/messages/{message}", None),
            ("POST", "/messages/{message}/regenerate", {}),
            ("POST", "/messages/{message}/edit", {"content": "x"}),
            ("POST", "/messages/{message}/select", None),
            ("POST", "/messages/{message}/stop", None),
        ],
    )
    def test_what_is_not_yours_is_not_there(self, site, make_chat, bob, method, path, body):
        chat = make_chat("Secret", "said", "answered")
        path = path.format(message=chat.messages.last().pk)
        stranger = Talker(site, bob)

        theirs = stranger.send(method, f"/api/v1/chats/{chat.pk}{path}", body, status=404)
        nobodys = stranger.send(method, f"/api/v1/chats/{uuid.uuid4()}{path}", body, status=404)
        nonsense = stranger.send(method, f"/api/v1/chats/nonsense{path}", body, status=404)

        assert theirs == nobodys == nonsense
        assert set(theirs) == {"detail", "code"}

    def test_nobody_is_asked_to_sign_in(self, site, make_chat):
        chat = make_chat()
        nobody = Talker(site)

        for path in ("/api/v1/chats/", f"/api/v1/chats/{chat.pk}", "/api/v1/preferences"):
            assert nobody.send("GET", path, status=401)["code"] == "invalid_api_key"

    def test_a_session_without_its_token_changes_nothing(self, talker, make_chat):
        chat = make_chat("Before")
        del talker.session.headers["X-CSRFToken"]

        talker.send("PATCH", f"/api/v1/chats/{chat.pk}", {"title": "After"}, status=403)

    def test_a_key_opens_the_chats_of_its_person(self, site, make_chat, api_key):
        make_chat("Mine")

        assert Talker(site, key=api_key).send("GET", "/api/v1/chats/")["results"][0]["title"] == "Mine"

    def test_a_key_for_something_else_does_not(self, site, alice):
        from tests import people

        key = people.make_key(alice, scopes=["images"])

        Talker(site, key=key).send("GET", "/api/v1/chats/", status=403)

    def test_wrong_bodies_are_told_by_field(self, talker, make_chat):
        chat = make_chat()

        empty = talker.send("POST", f"/api/v1/chats/{chat.pk}/messages", {"content": "  "}, status=400)
        missing = talker.send("POST", f"/api/v1/chats/{chat.pk}/messages", {}, status=400)
        title = talker.send("PATCH", f"/api/v1/chats/{chat.pk}", {"title": ""}, status=400)

        assert [sorted(one["errors"]) for one in (empty, missing, title)] == [["content"], ["content"], ["title"]]

    def test_preferences_are_remembered_and_forgotten(self, talker):
        talker.send("PATCH", "/api/v1/preferences", {"theme": "dark", "model": "m1"})

        assert talker.send("PATCH", "/api/v1/preferences", {"model": None}) == {"theme": "dark"}
        assert talker.send("GET", "/api/v1/preferences") == {"theme": "dark"}
        talker.send("PATCH", "/api/v1/preferences", {"theme": "pink"}, status=400)


def test_what_was_deleted_long_ago_is_removed_for_good(make_chat, capsys):
    old, new, kept = make_chat("old", "said", "answered"), make_chat("new"), make_chat("kept")
    Chat.objects.filter(pk=old.pk).update(deleted_at=timezone.now() - timedelta(days=31))
    Chat.objects.filter(pk=new.pk).update(deleted_at=timezone.now() - timedelta(days=1))

    call_command("purge_chats")

    assert capsys.readouterr().out == "1 chats removed.\n"
    assert set(Chat.objects.all()) == {new, kept}
    with pytest.raises(CommandError, match="--days"):
        call_command("purge_chats", "--days=-1")
    assert set(Chat.objects.all()) == {new, kept}


def test_many_deleted_chats_are_removed_in_batches(make_chat, monkeypatch):
    monkeypatch.setattr(services, "CHATS_AT_ONCE", 2)
    restored, *_rest = [make_chat("old", "said", "answered") for _chat in range(6)]
    Chat.objects.update(deleted_at=timezone.now() - timedelta(days=31))

    def restore(execute, sql, *args):
        """A person restores one right after it was chosen."""
        result = execute(sql, *args)
        if sql.startswith("SELECT") and not waits.pop("restore", True):
            Chat.objects.filter(pk=restored.pk).update(deleted_at=None)
        return result

    waits = {"restore": False}
    with CaptureQueriesContext(connection) as queries, connection.execute_wrapper(restore):
        assert services.purge_chats() == 5
    removing = [query["sql"] for query in queries if query["sql"].startswith('DELETE FROM "chat_chat"')]
    assert len(removing) in (3, 4)
    assert list(Chat.objects.all()) == [restored]


def test_a_later_deletion_removes_old_ones_too(make_chat):
    old, chat = make_chat("old"), make_chat("now")
    Chat.objects.filter(pk=old.pk).update(deleted_at=timezone.now() - timedelta(days=31))

    services.delete_chat(chat)

    assert list(Chat.objects.all()) == [chat]


@pytest.mark.parametrize("path", ["/api/v1/chats/?limit=100", "/api/v1/chats/?q=word&limit=100"])
def test_a_longer_list_asks_no_more_queries(client, alice, make_chat, path):
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")

    def grow():
        for number in range(5):
            make_chat(f"word {number}", "said", "answered word")

    grow()
    assert_queries_do_not_grow(lambda: client.get(path), grow)


def test_a_longer_chat_asks_no_more_queries(client, alice, make_chat):
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    chat = make_chat("one", "said", "answered")

    def grow():
        for number in range(5):
            Message.objects.create(chat=chat, role=Message.Role.USER, content=f"{number}")

    assert_queries_do_not_grow(lambda: client.get(f"/api/v1/chats/{chat.pk}"), grow)
