"""The chat settings in the admin: the form, the test of the web search, and the initial values."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from chat import chat_settings, first_rows
from chat.models import Chat, ChatSettings, Memory, Message, Share, Transfer
from tests.queries import assert_queries_do_not_grow
from tests.upstream import search

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/chat/chatsettings/1/change/"


@pytest.fixture
def desk(admin):
    client = Client()
    client.force_login(admin)
    return client


def form(**values):
    return {
        "titles": "on", "follow_ups": "on", "tools": "on", "web_search_results": "5", "attachment_budget": "60000",
        "web_search_engine": "searxng", "web_search_pages": "0", "web_search_characters": "20000",
        **values,
    }  # fmt: skip


def test_the_list_leads_to_the_one_row_and_nothing_is_switched_on(desk):
    answer = desk.get("/admin/chat/chatsettings/", follow=True)
    assert answer.redirect_chain[-1][0] == PAGE
    row = ChatSettings.objects.get()
    assert (row.memory, row.web_search) == (False, False)


def test_it_stands_under_conversations_with_shares_and_memories(desk):
    page = desk.get("/admin/").content.decode()
    for name in ("chatsettings", "share", "memory"):
        assert f"/admin/chat/{name}/" in page


def test_what_is_saved_holds_at_once(desk):
    ChatSettings.load()
    assert not chat_settings.current_blocking().memory
    answer = desk.post(PAGE, form(memory="on"))
    assert answer.status_code == 302, answer.context["adminform"].errors
    found = chat_settings.current_blocking()
    assert (found.memory, found.sharing, found.titles) == (True, False, True)


def test_the_key_is_never_shown_kept_when_left_empty_and_removed_on_demand(desk):
    ChatSettings.load()
    desk.post(PAGE, form(new_key="very-secret-key"))
    assert ChatSettings.load().web_search_key == "very-secret-key"
    assert "very-secret" not in desk.get(PAGE).content.decode()
    desk.post(PAGE, form(memory="on"))
    assert ChatSettings.load().web_search_key == "very-secret-key"
    desk.post(PAGE, form(remove_key="on"))
    assert ChatSettings.load().web_search_key == ""
    history = desk.get("/admin/chat/chatsettings/1/history/").content.decode()
    assert "API key changed" in history
    assert "very-secret" not in history


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"web_search": "on"}, "web_search_url"),
        ({"web_search": "on", "web_search_engine": "brave"}, "new_key"),
        ({"web_search": "on", "web_search_engine": "google", "new_key": "search-key-123"}, "web_search_id"),
        ({"web_search_pages": "11"}, "web_search_pages"),
        ({"web_search_url": "searxng:8080"}, "web_search_url"),
        ({"web_search_url": "http://me:secret@searxng"}, "web_search_url"),
        ({"web_search_results": "0"}, "web_search_results"),
        ({"attachment_budget": "1"}, "attachment_budget"),
    ],
)
def test_a_wrong_value_is_explained_at_its_field(desk, values, field):
    ChatSettings.load()
    answer = desk.post(PAGE, form(**values))
    assert field in answer.context["adminform"].form.errors


def test_the_test_asks_the_search_as_chats_do_and_shows_what_it_found(desk, upstream):
    ChatSettings.objects.create(pk=1, web_search_url=upstream.search.url, web_search_key="search-key")
    upstream.search.finds = [("Kites", "https://kites.example/one", "All about <b>kites</b>.")]
    assert desk.get("/admin/chat/chatsettings/1/try", follow=True).status_code == 200
    page = desk.post("/admin/chat/chatsettings/search/", {"query": "red kites"}).content.decode()
    assert 'href="https://kites.example/one"' in page
    assert "All about kites." in page
    assert upstream.last.raw_path == "/search?q=red+kites&format=json"
    assert upstream.last.key == "search-key"


def test_a_test_that_fails_shows_the_servers_words_and_no_key(desk, upstream):
    ChatSettings.objects.create(pk=1, web_search_url=upstream.search.url, web_search_key="search-key")
    upstream.script(search.refusal(401, "Unknown subscription."), path="/search")
    page = desk.post("/admin/chat/chatsettings/search/", {"query": "kites"}).content.decode()
    assert "Unknown subscription." in page
    assert "search-key" not in page


def test_only_who_may_change_the_settings_may_try_the_search(client, alice, upstream):
    client.force_login(alice)
    assert client.post("/admin/chat/chatsettings/search/", {"query": "kites"}).status_code == 302
    assert not upstream.asked("/search")


# --- shares and memories ----------------------------------------------------------------------------------------------


def make_share(person, title):
    chat = Chat.objects.create(user=person, title=title)
    return Share.objects.create(chat=chat, leaf=Message.objects.create(chat=chat, role="user", content="Hi"))


def test_a_shared_chats_link_can_be_revoked_and_the_chat_stays(desk, alice):
    share = make_share(alice, "Holidays")
    page = desk.get("/admin/chat/share/").content.decode()
    assert "Holidays" in page
    assert "Revoke the chosen links" in page
    desk.post("/admin/chat/share/", {"action": "delete_selected", "_selected_action": [str(share.pk)], "post": "yes"})
    assert not Share.objects.exists()
    assert Chat.objects.filter(pk=share.chat_id).exists()


def test_the_list_of_memories_says_whose_and_how_many_and_not_what(desk, alice, bob):
    for person, text in ((alice, "I like tea"), (alice, "I live in Oslo"), (bob, "I have a dog")):
        Memory.objects.create(user=person, text=text)
    answer = desk.get("/admin/chat/memory/")
    page = answer.content.decode()
    assert "Alice" in page
    assert "Oslo" not in page
    assert sorted(row.person_total for row in answer.context["cl"].result_list) == [1, 2, 2]
    one = Memory.objects.get(text="I live in Oslo")
    assert "I live in Oslo" in desk.get(f"/admin/chat/memory/{one.pk}/change/").content.decode()


def test_the_list_of_transfers_says_whose_and_why_one_failed(desk, alice):
    error = {"message": "This ZIP archive is damaged.", "code": "invalid_request", "blame": "caller"}
    row = Transfer.objects.create(
        user=alice, kind="import", state="failed", name="my diary.zip", size=2_000_000, error=error
    )
    page = desk.get("/admin/chat/transfer/").content.decode()
    assert all(words in page for words in ("Alice", "1.9", "This ZIP archive is damaged.", "failed"))
    assert "diary" not in page
    address = f"/admin/chat/transfer/{row.pk}/change/"
    assert "my diary.zip" in desk.get(address).content.decode()
    assert desk.post(address, {"state": "done"}).status_code == 403
    assert desk.get("/admin/chat/transfer/add/").status_code == 403


@pytest.mark.parametrize("path", ["/admin/chat/share/", "/admin/chat/memory/", "/admin/chat/transfer/"])
def test_lists_do_not_ask_more_with_more_rows(desk, alice, path):
    def grow():
        for number in range(4):
            Transfer.objects.create(user=alice, kind="export")
            make_share(alice, f"Chat {number}")
            Memory.objects.create(user=alice, text=f"Fact {number}")

    grow()
    assert_queries_do_not_grow(lambda: desk.get(path), grow)


# --- first values -----------------------------------------------------------------------------------------------------


def test_the_environment_fills_the_row_once(settings):
    settings.CHAT_CONFIG = {
        "ENABLE_TITLE_GENERATION": False,
        "ENABLE_MEMORIES": True,
        "ENABLE_WEB_SEARCH": True,
        "SEARXNG_QUERY_URL": "http://searxng:8080/search?q=<query>",
        "WEB_SEARCH_RESULT_COUNT": 3,
    }
    first_rows.fill_from_environment()
    row = ChatSettings.objects.get()
    assert (row.titles, row.follow_ups, row.memory, row.web_search) == (False, True, True, True)
    assert (row.web_search_url, row.web_search_results) == ("http://searxng:8080/search?q=<query>", 3)

    row.memory = False
    row.save()
    first_rows.fill_from_environment()
    assert not ChatSettings.load().memory

    settings.ENABLE_PERSISTENT_CONFIG = False
    first_rows.fill_from_environment()
    assert ChatSettings.load().memory
    assert ChatSettings.history.count() == 3


def test_nothing_set_makes_the_row_of_defaults(settings):
    settings.CHAT_CONFIG = {}
    first_rows.fill_from_environment()
    assert not ChatSettings.objects.get().web_search


@pytest.mark.parametrize(("name", "value"), [("SEARXNG_QUERY_URL", "searxng"), ("WEB_SEARCH_RESULT_COUNT", 99)])
def test_a_wrong_first_value_names_its_variable(settings, name, value):
    settings.CHAT_CONFIG = {name: value}
    with pytest.raises(ImproperlyConfigured, match=name):
        first_rows.fill_from_environment()
