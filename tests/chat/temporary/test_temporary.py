"""Temporary chats: the usual pipeline and events, and no row. `tests/imagegen` tests their pictures."""

import uuid

import pytest

from chat import files
from chat.files import stores
from chat.models import Chat, ChatSettings, File, Message
from chat.runs.temporary import TemporaryStore
from tests.chat.talk import Talker
from tests.chat.test_processes import RemoteSite, environment  # noqa: F401  a fixture
from tests.upstream import Gate

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "/api/chat/completions"
QUESTION = {"model": "m1", "messages": [{"role": "user", "content": "Colour of the sky?"}]}


@pytest.fixture
def talker(site, alice, connection):
    return Talker(site, alice)


def ask(talker, *, chat_id="local:one", status=None, **more):
    """Ask in a temporary chat; returns the id of the answer, or the refusal that has this status."""
    message_id = str(uuid.uuid4())
    body = {**QUESTION, "chat_id": chat_id, "id": message_id, "session_id": "s1", **more}
    answer = talker.send("POST", ADDRESS, body, status=status)
    if status is not None:
        return answer
    assert answer == {"status": True, "task_id": message_id}
    return message_id


def kinds(tab, message_id):
    return [event["data"]["type"] for event in tab.of(message_id)]


def rows():
    return Chat.objects.count(), Message.objects.count()


def test_an_answer_comes_as_numbered_events_and_leaves_no_row(talker, upstream):
    upstream.answer("The sky is blue.", usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})
    first, second = talker.listen(), talker.listen()
    messages = [{"role": "system", "content": "Be brief."}, *QUESTION["messages"]]

    message_id = ask(talker, messages=messages, temperature=0)
    end = first.until_done(message_id)
    second.until_done(message_id)

    assert (end["status"], end["usage"]["total_tokens"]) == ("done", 7)
    assert first.text_of(message_id) == second.text_of(message_id) == "The sky is blue."
    heard = first.of(message_id)
    assert [event["seq"] for event in heard] == list(range(1, len(heard) + 1))
    assert {event["chat_id"] for event in heard} == {"local:one"}
    assert [one["role"] for one in upstream.chats[0].json["messages"]] == ["system", "user"]
    assert upstream.chats[0].json["temperature"] == 0
    assert rows() == (0, 0)
    assert len(upstream.chats) == 1  # no title was asked for


def test_the_pipeline_works_there_and_its_statuses_are_events(talker, upstream, settings):
    settings.CHAT_PIPELINE = ["tests.chat.handlers.Weather", "tests.chat.handlers.Failing"]
    upstream.answer("Wet.")
    tab = talker.listen()

    message_id = ask(talker, features={"weather": True})
    tab.until_done(message_id)

    assert kinds(tab, message_id)[:4] == ["status", "files", "status", "status"]
    assert upstream.chats[0].json["messages"][0]["content"].endswith("<context>It is raining.</context>")
    tab.send({"type": "resume", "message_id": message_id, "seq": 0})
    told = tab.wait_for(lambda event: event["data"]["type"] == "snapshot")["data"]["data"]
    assert [one["description"] for one in told["status_history"]][:2] == ["Looking outside", "Looked outside"]
    assert rows() == (0, 0)


def test_a_provider_that_fails_is_told_as_everywhere(talker, upstream):
    from tests.upstream.openai import error

    upstream.script(error(400, "No such thing.", code="nope"), path="/chat/completions")
    tab = talker.listen()
    message_id = ask(talker)
    end = tab.until_done(message_id)
    assert (end["status"], end["error"]["provider"]) == ("failed", "No such thing.")
    assert "chat:message:error" in kinds(tab, message_id)


def test_it_can_be_stopped_and_seen_by_its_person_alone(talker, upstream, site, bob):
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    tab, stranger, bobs_tab = talker.listen(), Talker(site, bob), Talker(site, bob).listen()
    message_id = ask(talker)
    tab.wait_for(lambda event: event["data"]["type"] == "chat:completion")

    stranger.send("POST", f"/api/tasks/stop/{message_id}", status=404)
    assert stranger.send("GET", "/api/tasks/chat/local:one") == {"task_ids": []}
    bobs_tab.send({"type": "resume", "message_id": message_id, "seq": 0})
    refused = bobs_tab.wait_for(lambda event: event["data"]["type"] == "error")
    assert (refused["message_id"], refused["data"]["data"]["code"]) == (message_id, "message_not_found")
    assert talker.send("GET", "/api/tasks/chat/local:one") == {"task_ids": [message_id]}
    assert talker.send("GET", "/api/tasks/chat/local:other") == {"task_ids": []}

    assert talker.send("POST", f"/api/tasks/stop/{message_id}") == {"status": True}

    assert tab.until_done(message_id)["status"] == "stopped"
    assert tab.text_of(message_id).strip() == "one"
    upstream.chats[0].wait_closed()
    assert talker.send("GET", "/api/tasks/chat/local:one") == {"task_ids": []}
    assert [event for event in bobs_tab.heard if event["chat_id"]] == []


def test_the_socket_can_stop_it_too(talker, upstream):
    upstream.answer("one two three", after={1: Gate()})
    tab = talker.listen()
    message_id = ask(talker)
    tab.wait_for(lambda event: event["data"]["type"] == "chat:completion")
    tab.send({"type": "stop", "message_id": message_id})
    assert tab.until_done(message_id)["status"] == "stopped"


def test_a_tab_that_lost_its_socket_catches_up_while_it_runs_and_after_its_end(talker, upstream):
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    lost = talker.listen()
    message_id = ask(talker)
    lost.wait_for(lambda event: event["data"]["type"] == "chat:completion")
    lost.close()

    back = talker.listen()
    back.send({"type": "resume", "message_id": message_id, "seq": 0})
    whole = back.wait_for(lambda event: event["data"]["type"] == "snapshot")
    assert (whole["data"]["data"]["content"].strip(), whole["data"]["data"]["done"]) == ("one", False)
    gate.open()
    back.until_done(message_id)

    late = talker.listen()
    late.send({"type": "resume", "message_id": message_id, "seq": 0})
    end = late.until_done(message_id)
    assert (end["content"], end["status"]) == ("one two three", "done")


def test_the_same_request_sent_twice_makes_one_answer(talker, upstream):
    gate = Gate()
    upstream.answer("one two", after={1: gate})
    tab = talker.listen()
    message_id = ask(talker)
    ask_again = {**QUESTION, "chat_id": "local:one", "id": message_id, "session_id": "s1"}
    tab.wait_for(lambda event: event["data"]["type"] == "chat:completion")
    assert talker.send("POST", ADDRESS, ask_again)["task_id"] == message_id
    elsewhere = talker.send("POST", ADDRESS, {**ask_again, "chat_id": "local:two"}, status=409)
    assert elsewhere["error"]["code"] == "id_taken"
    gate.open()
    tab.until_done(message_id)
    assert len(upstream.chats) == 1


def test_the_id_of_a_strangers_answer_in_another_process_is_taken(talker, site, bob, upstream, alice):
    """The cache says that the answer is Alice's, so Bob cannot read its state by asking with its id."""
    elsewhere = uuid.uuid4()
    TemporaryStore(elsewhere, "local:theirs", alice.pk)
    body = {**QUESTION, "chat_id": "local:one", "id": str(elsewhere), "session_id": "s1"}
    refused = Talker(site, bob).send("POST", ADDRESS, body, status=409)
    assert refused["error"]["code"] == "id_taken"
    assert upstream.chats == []


def test_the_id_of_a_stored_message_is_taken(talker, upstream, alice):
    stored = Message.objects.create(chat=Chat.objects.create(user=alice), role="user", content="Hi")
    body = {**QUESTION, "chat_id": "local:one", "id": str(stored.pk), "session_id": "s1"}
    assert talker.send("POST", ADDRESS, body, status=409)["error"]["code"] == "id_taken"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"chat_id": "local:a b"}, 400, "invalid_id"),
        ({"chat_id": "local:"}, 400, "invalid_id"),
        ({"model": "gone"}, 404, "model_not_found"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(talker, change, status, code):
    assert ask(talker, status=status, **change)["error"]["code"] == code


def test_an_id_that_is_none_is_refused(talker):
    talker.send("POST", ADDRESS, {**QUESTION, "chat_id": "local:one", "id": "x", "session_id": "s1"}, status=404)


def test_where_they_are_switched_off_they_are_refused(talker):
    row = ChatSettings.load()
    row.temporary_chats = False
    row.save()
    assert ask(talker, status=403)["error"]["code"] == "temporary_chats_off"


def test_without_all_three_ids_it_streams_at_once(talker, upstream):
    upstream.answer("Blue.")
    answer = talker.send("POST", ADDRESS, {**QUESTION, "chat_id": "local:one"})
    assert answer["choices"][0]["message"]["content"] == "Blue."
    assert rows() == (0, 0)


def test_files_of_its_messages_reach_the_model_and_an_empty_answer_does_not(talker, upstream, alice):
    note = files.accept(alice, b"It is noon.", name="note.txt", context=files.temporary_context())
    gone = {"id": str(uuid.uuid4())}
    messages = [
        {"role": "user", "content": "Read this", "files": [{"id": str(note.pk)}, gone]},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "Well?"},
    ]
    upstream.answer("Noon.")
    tab = talker.listen()

    tab.until_done(ask(talker, messages=messages))

    [sent] = upstream.chats[0].json["messages"]
    assert sent["role"] == "user"
    assert all(words in str(sent["content"]) for words in ("Read this", "It is noon.", "Well?"))
    assert "files" not in sent
    note.refresh_from_db()
    assert note.expires_at is not None


TOLD = [
    {"role": "user", "content": "Which <b>colour</b>?", "files": []},
    {
        "role": "assistant",
        "content": "**Blue**.",
        "reasoning": "Look up.",
        "reasoning_ms": 4200,
        "model": "m1",
        "usage": {"prompt_tokens": 3},
        "status_history": [{"description": "Looked outside", "done": True}],
    },
]


def draw(talker, *messages):
    return talker.send("POST", "/temporary/messages", {"messages": list(messages)})


def test_its_messages_are_drawn_like_stored_ones_and_not_kept(talker, alice):
    [mine] = [files.accept(alice, b"a note", name="note.txt")]
    question = {**TOLD[0], "id": str(uuid.uuid4()), "files": [{"id": str(mine.pk)}, {"id": str(uuid.uuid4())}]}
    error = {"message": "It failed.", "provider": "On holiday.", "blame": "network", "retryable": True}
    html = draw(talker, question, TOLD[1], {**TOLD[1], "status": "failed", "content": "", "error": error})

    assert f'id="m-{question["id"]}"' in html
    assert "Which &lt;b&gt;colour&lt;/b&gt;?" in html
    assert html.count("note.txt") >= 1
    assert "<strong>Blue</strong>" in html
    assert "Thought for 4 s" in html
    assert "Looked outside" in html
    assert "On holiday." in html
    assert "The provider did not answer. Try again in a moment." in html
    assert rows() == (0, 0)


def test_a_strangers_file_is_not_drawn(talker, bob):
    theirs = files.accept(bob, b"secret", name="secret.txt")
    assert "secret.txt" not in draw(talker, {**TOLD[0], "files": [{"id": str(theirs.pk)}]})


def test_in_the_end_it_can_be_kept(talker, alice, bob):
    picture = files.accept(alice, b"a note", name="note.txt", context=files.temporary_context("s1"))
    theirs = files.accept(bob, b"secret", context=files.temporary_context())
    inline = files.accept(alice, b"inline", context=files.temporary_context())
    last = {**TOLD[0], "content": f"Look: ![it]({inline.url})"}
    told = [{**TOLD[0], "files": [{"id": str(picture.pk)}, {"id": str(theirs.pk)}]}, TOLD[1], last]
    tab = talker.listen()

    chat = talker.send("POST", "/api/v1/chats/keep", {"messages": told}, status=201)["chat"]

    tab.wait_for(lambda event: event["data"]["type"] == "chat:list")
    assert (chat["title"], chat["model"]) == ("Which <b>colour</b>?", "m1")
    kept = talker.chat(chat["id"])
    question, answer, last = kept["messages"]
    assert [question["parent"], answer["parent"], last["parent"]] == [None, question["id"], answer["id"]]
    assert kept["leaf"] == last["id"]
    assert (answer["content"], answer["reasoning"], answer["status"]) == ("**Blue**.", "Look up.", "done")
    assert answer["reasoning_ms"] == 4200
    assert answer["status_history"] == [{"description": "Looked outside", "done": True}]
    assert [file["id"] for file in question["files"]] == [str(picture.pk)]
    assert last["files"] == []
    inline.refresh_from_db()
    assert (inline.expires_at, str(inline.message_id)) == (None, last["id"])
    picture.refresh_from_db()
    assert (picture.expires_at, str(picture.message_id)) == (None, question["id"])
    theirs.refresh_from_db()
    assert (theirs.message_id, theirs.expires_at is None) == (None, False)


def test_a_file_that_belongs_elsewhere_stays_there_when_it_is_kept(talker, alice):
    """Else it would go with whichever chat is deleted first."""
    own = files.accept(alice, b"drawn in the studio", context=files.FileContext(provenance={"engine": "Demo"}))
    made = files.accept(alice, b"made in the chat", context=files.temporary_context("s1"))
    told = [{**TOLD[0], "files": [{"id": str(own.pk)}]}, {**TOLD[1], "content": f"![it]({made.url})"}]

    first, second = (
        talker.send("POST", "/api/v1/chats/keep", {"messages": told}, status=201)["chat"] for _time in range(2)
    )

    Chat.objects.get(pk=first["id"]).delete()
    assert File.objects.get(pk=own.pk).chat_id is None
    question, answer = talker.chat(second["id"])["messages"]
    kept = File.objects.filter(chat_id=second["id"])
    assert {file["id"] for file in question["files"]} < {str(row.pk) for row in kept}
    assert any(row.url in answer["content"] for row in kept)
    assert {stores.read(row.storage_name) for row in kept} == {b"drawn in the studio", b"made in the chat"}


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "Obey."}],
        [{**TOLD[0], "content": None}],
        [TOLD[0], {**TOLD[1], "status": "streaming"}],
        [TOLD[0]] * 1001,
    ],
)
def test_what_is_no_finished_conversation_is_not_kept(talker, messages):
    talker.send("POST", "/api/v1/chats/keep", {"messages": messages}, status=400)
    assert rows() == (0, 0)


def test_the_page_is_offered_and_opened_where_they_are_switched_on(talker):
    assert "/?temporary=1" in talker.send("GET", "/")
    page = talker.send("GET", "/?temporary=1")
    assert 'data-chat="local:' in page
    assert "This chat is not saved" in page
    row = ChatSettings.load()
    row.temporary_chats = False
    row.save()
    assert "temporary=1" not in talker.send("GET", "/")
    assert 'data-chat="local:' not in talker.send("GET", "/?temporary=1")


def test_another_process_stops_and_resumes_it(server_process, environment, upstream, redis_url):  # noqa: F811
    environment["REDIS_URL"] = redis_url
    first = server_process(server="uvicorn", env=environment).start()
    second = server_process(server="uvicorn", env=environment, data_dir=first.data_dir).start()
    here, there = Talker(RemoteSite(first)), Talker(RemoteSite(second))
    tab = RemoteSite(second).listen(there)
    upstream.answer("one two three", after={1: Gate()})
    message_id = ask(here)
    tab.wait_for(lambda event: event["data"]["type"] == "chat:completion")

    tab.send({"type": "resume", "message_id": message_id, "seq": 0})
    whole = tab.wait_for(lambda event: event["data"]["type"] == "snapshot")["data"]["data"]
    assert there.send("POST", f"/api/tasks/stop/{message_id}") == {"status": True}
    end = tab.until_done(message_id)
    tab.send({"type": "resume", "message_id": message_id, "seq": 0})
    late = tab.wait_for(lambda event: event["data"]["type"] == "snapshot")["data"]["data"]

    assert (whole["content"].strip(), whole["done"]) == ("one", False)
    assert (end["status"], late["status"], late["done"]) == ("stopped", "stopped", True)
    upstream.chats[0].wait_closed()
    there.send("POST", f"/api/tasks/stop/{uuid.uuid4()}", status=404)
