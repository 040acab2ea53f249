"""The chat pages and their parts, as HTML from the server."""

import datetime
import re
import uuid
from unittest import mock

import pytest
from django.db import connection, connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat import access, markdown
from chat.models import Chat, ChatSettings, File, Message, Share
from chat.pages import queries, sidebar, welcome
from chat.search import index
from providers.errors import CredentialRefused, NoCredential, NoSignOn
from tests.queries import assert_queries_do_not_grow

pytestmark = pytest.mark.django_db
PART = {"X-Part": "1"}


@pytest.fixture
def client_of(client):
    def sign_in(user):
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


def make_chat(user, title="A chat", *, turns=1, age=datetime.timedelta(0)):
    """A chat of some question-and-answer pairs, one branch."""
    moment = timezone.now() - age
    chat = Chat.objects.create(user=user, title=title, created=moment, updated=moment)
    for number in range(turns):
        add_turn(chat, f"Question {number}", f"Answer **{number}**")
    return chat


def add_turn(chat, question, answer, *, parent=None, **fields):
    asked = Message.objects.create(chat=chat, parent=parent or chat.leaf, role="user", content=question)
    chat.leaf = Message.objects.create(chat=chat, parent=asked, role="assistant", content=answer, model="m1", **fields)
    chat.save()
    return asked, chat.leaf


# --- Who may see what -------------------------------------------------------------------------------------------------


def test_strangers_are_sent_to_the_login_page(client):
    answer = client.get("/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=/")


def test_parts_answer_strangers_with_401_so_that_their_page_can_reload(client):
    assert client.get("/sidebar", headers=PART).status_code == 401
    assert client.get("/", headers={"HX-Request": "true"}).status_code == 401


def test_somebody_elses_chat_is_not_there(client_of, alice, bob):
    chat = make_chat(bob)
    page = client_of(alice)
    for address in (f"/c/{chat.pk}", f"/c/{chat.pk}/thread", f"/c/{chat.pk}/messages/{chat.leaf.pk}"):
        assert page.get(address).status_code == 404
    assert page.get(f"/c/{uuid.uuid4()}").status_code == 404


def test_a_deleted_chat_is_not_there(client_of, alice):
    chat = make_chat(alice)
    Chat.objects.filter(pk=chat.pk).update(deleted_at=timezone.now())
    assert client_of(alice).get(f"/c/{chat.pk}").status_code == 404
    assert "A chat" not in client_of(alice).get("/").content.decode()


def test_pages_are_only_read(client_of, alice):
    assert client_of(alice).post("/").status_code == 405


# --- The empty page ---------------------------------------------------------------------------------------------------


def test_the_empty_page_greets_and_offers_starters(client_of, alice, connection):
    html = client_of(alice).get("/").content.decode()
    assert "Hello, Alice" in html
    assert html.count('class="starter"') == 4
    assert html.count('data-action="start"') == 3  # and one that asks for a document


@pytest.mark.parametrize(
    ("hour", "words"),
    [(4, "Good evening"), (5, "Good morning"), (12, "Good afternoon"), (18, "Good evening")],
)
def test_who_comes_back_is_greeted_by_the_time_of_the_day(alice, monkeypatch, hour, words):
    now = timezone.localtime().replace(hour=hour)
    monkeypatch.setattr(welcome.timezone, "localtime", lambda moment=None: moment or now)
    hello, question = welcome.greeting(Chat(user=alice, updated=now), "Alice")
    assert (hello, question) == (f"{words}, Alice", "What comes next?")
    assert welcome.greeting(Chat(updated=now - datetime.timedelta(days=2)), "Alice")[1] != question


def test_starters_begin_with_recent_work_and_what_is_switched_on(client_of, alice, connection):
    make_chat(alice, "Plans for the garden")
    ChatSettings.objects.update_or_create(
        pk=1, defaults={"web_search": True, "web_search_url": "https://search.example.com"}
    )
    page = client_of(alice)
    with CaptureQueriesContext(connections["default"]) as captured:
        html = page.get("/").content.decode()
    assert len([query for query in captured if re.search(r'FROM "chat_chat".*LIMIT 1$', query["sql"])]) == 1
    section = html[html.index('class="starters"') :]
    assert section.index("Go on where you stopped") < section.index("Search the web") < section.index("document")
    assert 'data-start-feature="web_search"' in section


def test_starters_change_from_day_to_day(alice, monkeypatch):
    first = {}
    for day in range(3):
        date = datetime.date(2026, 3, 1) + datetime.timedelta(days=day)
        monkeypatch.setattr(welcome.timezone, "localdate", lambda date=date: date)
        first[day] = welcome.text_starters(None)[0].title
    assert len(set(first.values())) == 3


def test_an_administrator_puts_the_checklist_away(client_of, admin):
    page = client_of(admin)
    assert "Get this site ready" in page.get("/").content.decode()
    page.patch("/api/v1/preferences", {"checklist": False}, content_type="application/json")
    assert "Get this site ready" not in page.get("/").content.decode()
    page.patch("/api/v1/preferences", {"checklist": None}, content_type="application/json")
    assert "Get this site ready" in page.get("/").content.decode()


def test_without_a_model_the_empty_page_says_so_and_offers_no_starters(client_of, alice):
    html = client_of(alice).get("/").content.decode()
    assert "No model is available to you yet" in html
    assert 'data-action="start"' not in html


def test_the_demo_says_that_it_is_one(client_of, alice, connection):
    connection.demo = True
    connection.save()
    assert "This is a demo" in client_of(alice).get("/").content.decode()


def test_the_checklist_is_for_administrators_and_goes_when_it_is_done(client_of, admin, alice, connection):
    steps = ["tests.chat.pages.test_views.done_step", "tests.chat.pages.test_views.open_step"]
    with override_settings(CHECKLIST=steps):
        html = client_of(admin).get("/").content.decode()
        assert "1 of 2 done" in html
        assert "<details open" not in html
        assert "Get this site ready" not in client_of(alice).get("/").content.decode()
    with override_settings(CHECKLIST=steps[:1]):
        assert "Get this site ready" not in client_of(admin).get("/").content.decode()


def done_step(caller):
    from chat.pages.welcome import Step

    return Step("Done", "", "/", done=True)


def open_step(caller):
    from chat.pages.welcome import Step

    return Step("Open", "", "/", done=False)


# --- The thread -------------------------------------------------------------------------------------------------------


def test_a_thread_shows_questions_as_they_were_typed_and_answers_as_markdown(client_of, alice):
    chat = make_chat(alice, turns=0)
    add_turn(chat, "**<b>typed</b>**", "**rendered**")
    html = client_of(alice).get(f"/c/{chat.pk}").content.decode()
    assert "**&lt;b&gt;typed&lt;/b&gt;**" in html
    assert "<strong>rendered</strong>" in html


def test_a_long_thread_comes_in_stretches_from_its_end(client_of, alice):
    chat = make_chat(alice, turns=25)
    page = client_of(alice)
    html = page.get(f"/c/{chat.pk}").content.decode()
    assert "Question 24" in html
    assert "Question 14" not in html
    earlier = queries.thread(chat).earlier
    above = page.get(f"/c/{chat.pk}/thread?before={earlier}", headers=PART).content.decode()
    assert "Question 14" in above
    assert "Question 15" not in above


def test_an_unknown_place_shows_nothing_rather_than_everything(client_of, alice):
    chat = make_chat(alice)
    html = client_of(alice).get(f"/c/{chat.pk}/thread?before={uuid.uuid4()}", headers=PART).content.decode()
    assert "Question" not in html


def test_versions_can_be_paged_through(client_of, alice):
    chat = make_chat(alice, turns=1)
    question = chat.leaf.parent
    second = Message.objects.create(chat=chat, parent=question, role="assistant", content="Second")
    chat.leaf = second
    chat.save()
    entry = queries.entry(second, whole=True)
    assert (entry.number, len(entry.branches), entry.next) == (2, 2, None)
    html = client_of(alice).get(f"/c/{chat.pk}/messages/{second.pk}", headers=PART).content.decode()
    assert "2/2" in html
    assert f'data-branch="{entry.previous}"' in html


def test_only_the_shown_branch_is_shown(client_of, alice):
    chat = make_chat(alice, turns=1)
    shown = chat.leaf
    add_turn(chat, "Other question", "Other answer", parent=shown.parent.parent)
    chat.leaf = shown
    chat.save()
    html = client_of(alice).get(f"/c/{chat.pk}").content.decode()
    assert "Question 0" in html
    assert "Other question" not in html


def test_a_failed_answer_shows_the_providers_words_and_what_to_do(client_of, alice):
    chat = make_chat(alice, turns=0)
    error = {"message": "It refused.", "provider": "quota <exceeded>", "retryable": True, "retry_after": 7.0}
    add_turn(chat, "Question", "", status="failed", error=error)
    html = client_of(alice).get(f"/c/{chat.pk}").content.decode()
    assert "It refused." in html
    assert "quota &lt;exceeded&gt;" in html
    assert "Try again in 7 seconds." in html


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ({"blame": "caller"}, "Change your message"),
        ({"blame": "configuration"}, 'data-action="choose-model"'),
        ({"blame": "network"}, "did not answer"),
        ({"blame": "provider", "retryable": True}, "This may be temporary"),
        ({"blame": "provider"}, "choose another model"),
        (None, "choose another model"),
    ],
)
def test_advice_follows_the_blame(client_of, alice, error, advice):
    chat = make_chat(alice, turns=0)
    add_turn(chat, "Question", "", status="failed", error=error)
    assert advice in client_of(alice).get(f"/c/{chat.pk}").content.decode()


@pytest.mark.parametrize("status", [401, 402, 403])
def test_an_administrator_is_led_to_the_connection_that_a_provider_refuses(client_of, admin, connection, status):
    chat = make_chat(admin, turns=0)
    error = {"message": "It refused.", "status": status, "blame": "provider", "retryable": False}
    add_turn(chat, "Question", "", status="failed", error=error)
    html = client_of(admin).get(f"/c/{chat.pk}").content.decode()
    assert "Check the connection in the administration, then try again." in html
    assert "/admin/providers/connection/" in html
    assert "choose-model" not in html


@pytest.mark.parametrize(
    ("error", "advised", "linked"),
    [
        (NoCredential("Sign in again.", code="oauth_token_ended"), False, False),
        (CredentialRefused("Ask for access."), False, False),
        (NoSignOn("It is not set up."), True, True),
    ],
)
def test_an_error_of_ones_own_credential_has_no_other_advice(client_of, admin, error, advised, linked):
    chat = make_chat(admin, turns=0)
    add_turn(chat, "Question", "", status="failed", error=error.message_body())
    html = client_of(admin).get(f"/c/{chat.pk}").content.decode()
    assert error.message in html
    assert ("error-advice" in html, "/admin/providers/connection" in html) == (advised, linked)


def test_a_link_that_htmx_follows_gets_the_main_part_alone_and_going_back_the_whole_page(client_of, alice):
    chat = make_chat(alice)
    page = client_of(alice)
    part = page.get(f"/c/{chat.pk}", headers={"HX-Request": "true"})
    assert "<title>A chat" in part.content.decode()
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]
    back = page.get(f"/c/{chat.pk}", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in back.content.decode()


# --- The sidebar ------------------------------------------------------------------------------------------------------


def test_chats_are_grouped_by_day_in_the_readers_time_zone(client_of, alice):
    moment = datetime.datetime(2026, 3, 10, 23, 30, tzinfo=datetime.UTC)
    chat = make_chat(alice)
    Chat.objects.filter(pk=chat.pk).update(updated=moment)
    with timezone.override("UTC"):
        assert _labels(alice, datetime.date(2026, 3, 11)) == ["Yesterday"]
    with timezone.override("Asia/Shanghai"):
        assert _labels(alice, datetime.date(2026, 3, 11)) == ["Today"]


def _labels(user, today):
    return [
        sidebar._day_label(timezone.localtime(row.chat.updated).date(), today)
        for section in sidebar.sidebar_page(user).sections
        for row in section.rows
    ]


def test_groups_are_today_yesterday_a_week_and_older(alice):
    for days in (0, 1, 3, 30):
        make_chat(alice, age=datetime.timedelta(days=days))
    labels = [section.label for section in sidebar.sidebar_page(alice).sections]
    assert labels == ["Today", "Yesterday", "Previous 7 days", "Older"]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Nowhere/Land", "../../etc/passwd", "\x00", ""])
def test_any_time_zone_cookie_gives_a_page(client_of, alice, zone):
    page = client_of(alice)
    page.cookies["timezone"] = zone
    assert page.get("/").status_code == 200


def test_the_list_reads_no_pictures_that_are_in_no_chat(alice):
    make_chat(alice)
    own = {"owner": alice, "storage_name": "files/x.png", "size": 1, "content_type": "image/png"}
    File.objects.bulk_create(File(name=f"{number}.png", **own) for number in range(300))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as queries:
        sidebar.sidebar_page(alice)
    listing = next(query["sql"] for query in queries if "has_pictures" in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {listing}")
        steps = [row[-1] for row in cursor.fetchall()]
    assert [step for step in steps if "files_of_chats" in step], steps


def test_the_list_comes_in_pages_without_a_repeated_heading(client_of, alice):
    for number in range(sidebar.LIST_SIZE + 5):
        make_chat(alice, f"Chat {number}", turns=0, age=datetime.timedelta(days=100 + number))
    first = sidebar.sidebar_page(alice)
    second = sidebar.sidebar_page(alice, cursor=first.cursor)
    titles = [row.chat.title for page in (first, second) for section in page.sections for row in section.rows]
    assert titles == [f"Chat {number}" for number in range(sidebar.LIST_SIZE + 5)]
    assert second.sections[0].continued
    assert second.cursor == ""
    html = client_of(alice).get("/sidebar", {"cursor": first.cursor}, headers=PART).content.decode()
    assert "Older" not in html


@pytest.mark.parametrize("cursor", ["x", "_", "2026-01-01_x", "2026-01-01T00:00:00_" + "0" * 32, "0" * 400])
def test_a_cursor_that_is_not_ours_starts_at_the_top(client_of, alice, cursor):
    make_chat(alice)
    assert "A chat" in client_of(alice).get("/sidebar", {"cursor": cursor}, headers=PART).content.decode()


def test_a_search_finds_titles_and_messages_and_shows_where(client_of, alice):
    chat = make_chat(alice, "About bread", turns=0)
    add_turn(chat, "Why?", f"{'word ' * 40}the **Sourdough** rose {'word ' * 40}")
    make_chat(alice, "Something else")
    html = client_of(alice).get("/sidebar", {"q": "sourdough"}, headers=PART).content.decode()
    assert "About bread" in html
    assert "**<mark>Sourdough</mark>** rose" in html
    assert "Something else" not in html
    assert "Something else" in client_of(alice).get("/sidebar", {"q": "ELSE"}, headers=PART).content.decode()
    nothing = client_of(alice).get("/sidebar", {"q": "<nothing>"}, headers=PART).content.decode()
    assert "No chat contains these words." in nothing


# --- The models -------------------------------------------------------------------------------------------------------


def test_the_picker_lists_only_the_models_one_may_use(client_of, alice, bob, connection):
    from providers.models import ChatModel

    ChatModel.objects.create(public_id="secret-preset", base=ChatModel.objects.get(public_id="m1"), access="private")
    html = client_of(alice).get("/models", headers=PART).content.decode()
    assert 'data-model="m1"' in html
    assert "secret-preset" not in html


# --- Queries do not grow with rows ------------------------------------------------------------------------------------


def test_queries_of_the_pages_do_not_grow(client_of, alice, connection):
    chat = make_chat(alice, turns=3)
    Message.objects.create(chat=chat, parent=chat.leaf.parent, role="assistant", content="Other")
    page = client_of(alice)

    def grow():
        for number in range(10):
            make_chat(alice, f"More {number}", turns=3)
        for number in range(15):
            asked, _answer = add_turn(chat, f"Again {number}", "Answer")
            Message.objects.create(chat=chat, parent=asked, role="assistant", content="Other")

    addresses = ["/", f"/c/{chat.pk}", f"/c/{chat.pk}/thread", f"/c/{chat.pk}/messages/{chat.leaf.pk}", "/sidebar?q=a"]

    def visit():
        for address in addresses:
            assert page.get(address).status_code == 200

    assert_queries_do_not_grow(visit, grow)


def test_queries_do_not_grow_with_failed_answers(client_of, alice, admin, connection):
    error = {"message": "It refused.", "blame": "provider"}
    chats = [make_chat(user) for user in (alice, admin)]
    add_turn(chats[1], "Why?", "", status="failed", error=error, connection=connection.name)

    def visit():
        for chat in chats:
            assert client_of(chat.user).get(f"/c/{chat.pk}").status_code == 200

    def grow():
        for chat in chats * 5:
            add_turn(chat, "Why?", "", status="failed", error=error, connection=connection.name)

    assert_queries_do_not_grow(visit, grow)
    html = client_of(admin).get(f"/c/{chats[1].pk}").content.decode()
    assert html.count(f"/admin/providers/connection/{connection.pk}/change/") == 6


def test_queries_of_the_picker_do_not_grow(client_of, alice, connection):
    from providers.models import ChatModel, ModelSource

    page = client_of(alice)

    def grow():
        for number in range(20):
            model = ChatModel.objects.create(public_id=f"more-{number}")
            ModelSource.objects.create(model=model, connection=connection, upstream_id=f"more-{number}")

    assert_queries_do_not_grow(lambda: page.get("/models", headers=PART), grow)


# --- Very long messages -----------------------------------------------------------------------------------------------

BOLD = 1_000  # few enough for the budget of any machine
LONG = f"**bold** {'and plain words ' * 3}" * BOLD
SHORT = "**short**"


@pytest.fixture
def long_chat(alice):
    chat = Chat.objects.create(user=alice, title="Long")
    add_turn(chat, LONG, LONG, reasoning=LONG)
    add_turn(chat, SHORT, SHORT)
    return chat


@pytest.mark.parametrize("address", ["/c/{chat}", "/c/{chat}/thread"])
def test_a_very_long_message_is_not_rendered_with_the_page(client_of, alice, long_chat, address):
    page = client_of(alice)
    with mock.patch.object(markdown.render, "_render", side_effect=markdown.render._render) as rendered:
        html = page.get(address.format(chat=long_chat.pk)).content.decode()
    assert [call.args[0] for call in rendered.call_args_list] == [SHORT]
    assert html.count("Only its beginning is shown") == 2
    assert html.count("**bold** ") < 3 * queries.SHOWN / len("**bold** ")


def test_the_whole_of_a_very_long_message_is_shown_on_request(client_of, alice, long_chat):
    message = long_chat.messages.filter(role="assistant").earliest("created")
    part = f"/c/{long_chat.pk}/messages/{message.pk}"
    page = client_of(alice)
    assert "Only its beginning is shown" in page.get(part).content.decode()
    html = page.get(f"{part}?whole=1").content.decode()
    assert "Only its beginning is shown" not in html
    assert html.count("<strong>bold</strong>") == 2 * BOLD  # of the thoughts, too
    assert LONG in html  # to be copied, and the reasoning


def test_only_the_beginnings_of_long_texts_are_read_from_the_database(alice, long_chat):
    rows = [entry.message for entry in queries.thread(long_chat).entries]
    assert max(len(row.content) for row in rows) == max(len(row.reasoning) for row in rows) == queries.SHOWN
    with CaptureQueriesContext(connection) as captured:
        list(queries.thread(long_chat).entries)
        assert access.message_for(alice, rows[0].pk, among=queries.beginnings()).content_beginning
    assert not any(re.search(r'[ ,]"chat_message"."(content|reasoning)"', query["sql"]) for query in captured)


def test_a_shared_page_shows_a_very_long_message_on_request(client_of, alice, bob, long_chat):
    share = Share.objects.create(chat=long_chat, leaf=long_chat.leaf)
    message = long_chat.messages.filter(role="assistant").earliest("created")
    reader = client_of(bob)
    html = reader.get(f"/s/{share.pk}").content.decode()
    assert html.count("Only its beginning is shown") == 2
    assert f"?page=1&amp;whole={message.pk}#m-{message.pk}" in html
    html = reader.get(f"/s/{share.pk}?page=1&whole={message.pk}").content.decode()
    assert html.count("Only its beginning is shown") == 1
    assert html.count("<strong>bold</strong>") == BOLD
    assert len(reader.get(f"/api/v1/shared/{share.pk}").json()["messages"][0]["content"]) == len(LONG)


def test_a_search_reads_the_words_and_what_stands_around_them(alice):
    chat = make_chat(alice, turns=0)
    add_turn(chat, "hello", "x " * 50_000 + "The Needle in it" + " y" * 50_000)
    (section,) = sidebar.sidebar_page(alice, words="needle").sections
    hit = section.rows[0].hit
    assert "The Needle in it y" in hit.excerpt.text
    assert len(hit.message.part) == index.PART  # no more of a long message is read
