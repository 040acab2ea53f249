"""Branches over the API: every branch stays, and the model gets the messages of one."""

import uuid

import pytest

from chat.models import Chat, Message
from tests.chat.talk import Talker
from tests.upstream import Gate

pytestmark = pytest.mark.usefixtures("connection")


@pytest.fixture
def talker(site, alice):
    return Talker(site, alice)


@pytest.fixture
def answered(talker, upstream):
    """A chat with one question and its answer: `(chat id, question id, answer id)`."""
    upstream.answer("Blue.")
    upstream.answer("Title")  # the task model's
    started = talker.start("Colour of the sky?")
    chat_id, answer_id = started["chat"]["id"], started["message"]["id"]
    talker.until_over(chat_id, answer_id)
    upstream.wait_for("/chat/completions", 2)
    return chat_id, started["user_message"]["id"], answer_id


def sent(upstream):
    """The messages that the model got for the newest reply; requests for titles are not streamed."""
    return [one.json["messages"] for one in upstream.chats if one.json["stream"]][-1]


def test_the_next_message_goes_on_from_the_shown_branch(talker, upstream, answered):
    chat_id, _, answer_id = answered
    upstream.answer("Grey.")

    made = talker.say(chat_id, "And the sea?")
    talker.until_over(chat_id, made["message"]["id"])

    assert made["user_message"]["parent"] == answer_id
    assert made["message"]["parent"] == made["user_message"]["id"]
    assert sent(upstream) == [
        {"role": "user", "content": "Colour of the sky?"},
        {"role": "assistant", "content": "Blue."},
        {"role": "user", "content": "And the sea?"},
    ]
    assert talker.chat(chat_id)["leaf"] == made["message"]["id"]


def test_regenerating_keeps_the_earlier_answer_beside_the_new_one(talker, upstream, answered):
    chat_id, question_id, answer_id = answered
    upstream.answer("Azure.")

    made = talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{answer_id}/regenerate", {}, status=202)
    talker.until_over(chat_id, made["message"]["id"])

    chat = talker.chat(chat_id)
    assert {one["content"]: one["parent"] for one in chat["messages"]} == {
        "Colour of the sky?": None,
        "Blue.": question_id,
        "Azure.": question_id,
    }
    assert chat["leaf"] == made["message"]["id"]
    assert sent(upstream) == [{"role": "user", "content": "Colour of the sky?"}]


def test_editing_makes_a_branch_with_an_answer_of_its_own(talker, upstream, answered):
    chat_id, question_id, answer_id = answered
    upstream.answer("Red.")

    made = talker.send(
        "POST", f"/api/v1/chats/{chat_id}/messages/{question_id}/edit", {"content": "Colour of blood?"}, status=202
    )
    talker.until_over(chat_id, made["message"]["id"])

    assert made["user_message"]["parent"] is None
    assert len(talker.chat(chat_id)["messages"]) == 4
    assert sent(upstream) == [{"role": "user", "content": "Colour of blood?"}]
    assert talker.message(chat_id, answer_id)["content"] == "Blue."


def test_only_ones_own_words_can_be_edited(talker, answered):
    chat_id, _, answer_id = answered

    problem = talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{answer_id}/edit", {"content": "x"}, status=400)

    assert problem["code"] == "not_editable"


def test_selecting_a_branch_goes_to_its_newest_end_and_other_tabs_hear_it(talker, upstream, answered):
    chat_id, question_id, answer_id = answered
    upstream.answer("Grey.")
    below = talker.say(chat_id, "And the sea?")["message"]["id"]
    talker.until_over(chat_id, below)
    upstream.answer("Red.")
    edited = talker.send(
        "POST", f"/api/v1/chats/{chat_id}/messages/{question_id}/edit", {"content": "Blood?"}, status=202
    )
    talker.until_over(chat_id, edited["message"]["id"])
    tab = talker.listen()

    selected = talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{answer_id}/select")

    assert selected == {"leaf": below}
    assert talker.chat(chat_id)["leaf"] == below
    assert tab.next()["data"] == {"type": "chat:messages", "data": {"chat_id": chat_id}}


def test_an_answer_without_a_word_is_not_sent_and_the_questions_become_one(talker, upstream, answered):
    chat_id, _, answer_id = answered
    Message.objects.filter(pk=answer_id).update(content="", status="failed")
    upstream.answer("Grey.")

    made = talker.say(chat_id, "Hello?")
    talker.until_over(chat_id, made["message"]["id"])

    assert sent(upstream) == [{"role": "user", "content": "Colour of the sky?\n\nHello?"}]


def test_a_message_cannot_go_below_an_answer_that_is_still_growing(talker, upstream):
    gate = Gate()
    upstream.answer("one two", after={1: gate})
    started = talker.start()
    chat_id, answer_id = started["chat"]["id"], started["message"]["id"]

    below = talker.send("POST", f"/api/v1/chats/{chat_id}/messages", {"content": "x"}, status=409)
    beside = talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{answer_id}/regenerate", {}, status=409)
    upstream.answer("elsewhere")
    elsewhere = talker.send(
        "POST",
        f"/api/v1/chats/{chat_id}/messages/{started['user_message']['id']}/edit",
        {"content": "another"},
        status=202,
    )
    gate.open()

    assert below["code"] == beside["code"] == "reply_running"
    assert talker.until_over(chat_id, answer_id)["content"] == "one two"
    assert talker.until_over(chat_id, elsewhere["message"]["id"])["status"] == "done"


def test_the_same_request_twice_makes_one_chat(talker, upstream):
    upstream.answer("Blue.")
    wanted = str(uuid.uuid4())

    first = talker.start("Colour?", id=wanted)
    talker.until_over(first["chat"]["id"], first["message"]["id"])
    second = talker.start("Colour?", id=wanted)

    assert first["user_message"]["id"] == second["user_message"]["id"] == wanted
    assert first["message"]["id"] == second["message"]["id"]
    assert Chat.objects.count() == 1


def test_an_id_of_somebody_else_is_taken(talker, upstream, site, bob, answered):
    _, question_id, _ = answered

    problem = Talker(site, bob).send(
        "POST", "/api/v1/chats/", {"content": "x", "model": "m1", "id": question_id}, status=409
    )

    assert problem["code"] == "id_taken"


def test_an_unknown_model_is_refused_before_anything_is_saved(talker):
    problem = talker.send("POST", "/api/v1/chats/", {"content": "x", "model": "gone"}, status=404)

    assert problem["code"] == "model_not_found"
    assert not Chat.objects.exists()
    assert not Message.objects.exists()


def test_without_a_model_the_chats_then_the_last_one_is_used(talker, upstream, connection):
    from tests import people

    people.make_connection(upstream.url, "z9", name="Second")
    upstream.answer("a")
    first = talker.start("one", model="z9")
    talker.until_over(first["chat"]["id"], first["message"]["id"])

    second = talker.send("POST", "/api/v1/chats/", {"content": "two"}, status=201)
    in_first = talker.say(first["chat"]["id"], "three")

    assert (second["message"]["model"], in_first["message"]["model"]) == ("z9", "z9")


def test_regenerating_with_another_model_uses_it(talker, upstream, answered):
    from tests import people

    people.make_connection(upstream.url, "z9", name="Second")
    chat_id, _, answer_id = answered

    made = talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{answer_id}/regenerate", {"model": "z9"}, status=202)

    assert made["message"]["model"] == "z9"
    assert talker.until_over(chat_id, made["message"]["id"])["status"] == "done"


def test_parameters_reach_the_provider_and_are_used_again(talker, upstream):
    upstream.answer("a")
    started = talker.start("one", params={"temperature": 0.5, "stream": False, "model": "other"})
    chat_id, answer_id = started["chat"]["id"], started["message"]["id"]
    talker.until_over(chat_id, answer_id)
    first = upstream.chats[0].json

    again = talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{answer_id}/regenerate", {}, status=202)
    talker.until_over(chat_id, again["message"]["id"])

    assert (first["temperature"], first["stream"], first["model"]) == (0.5, True, "m1")
    assert [one.json.get("temperature") for one in upstream.chats].count(0.5) == 2


def test_two_tabs_that_send_at_once_make_two_turns_or_one_is_refused(talker, upstream, answered, site, alice):
    import threading

    chat_id, _, _ = answered
    gate = Gate()
    upstream.answer("one", after={1: gate})
    answers = []

    def post(text):
        session = site.session(alice)
        answers.append(
            session.post(f"{site.url}/api/v1/chats/{chat_id}/messages", json={"content": text}, timeout=15).status_code
        )

    threads = [threading.Thread(target=post, args=(text,)) for text in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gate.open()

    assert sorted(answers) == [202, 409]


def test_attached_files_belong_to_the_message(talker, upstream, alice):
    from chat import files

    row = files.accept(alice, b"some text", name="note.txt")
    upstream.answer("a")

    started = talker.start("see", files=[{"id": str(row.pk)}])

    row.refresh_from_db()
    assert str(row.message_id) == started["user_message"]["id"]
    assert started["user_message"]["files"][0]["url"] == row.url


def test_another_persons_file_cannot_be_attached(talker, bob):
    from chat import files

    row = files.accept(bob, b"secret", name="note.txt")

    talker.send("POST", "/api/v1/chats/", {"content": "see", "model": "m1", "files": [{"id": str(row.pk)}]}, status=404)
