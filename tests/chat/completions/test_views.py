"""`POST /api/chat/completions`: a direct stream, or with three ids a reply in a chat."""

import uuid

import openai
import pytest

from chat.models import Chat, Message
from tests.chat.talk import Talker
from tests.upstream import Gate
from tests.upstream import openai as protocol

ADDRESS = "/api/chat/completions"
QUESTION = {"model": "m1", "messages": [{"role": "user", "content": "Colour of the sky?"}]}


@pytest.fixture
def talker(site, alice, connection, api_key):
    """A program with Alice's key, and her socket."""
    talker = Talker(site, key=api_key)
    talker.user = alice
    return talker


@pytest.fixture
def chat(alice):
    return Chat.objects.create(user=alice)


def named(chat, message_id, **more):
    return {**QUESTION, "chat_id": str(chat.pk), "id": str(message_id), "session_id": "s1", **more}


class TestStraightThrough:
    def test_the_official_sdk_streams(self, site, api_key, connection, upstream):
        upstream.answer("The sky is blue.")
        client = site.openai(api_key)
        client.base_url = f"{site.url}/api"

        chunks = client.chat.completions.create(**QUESTION, stream=True)

        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "The sky is blue."

    def test_unknown_fields_reach_the_provider_and_ours_do_not(self, talker, upstream):
        upstream.answer("Blue.")

        body = {**QUESTION, "seed": 7, "unheard_of": [1], "session_id": "s", "features": {}, "files": [], "params": {}}
        answer = talker.send("POST", ADDRESS, body)

        assert answer["choices"][0]["message"]["content"] == "Blue."
        assert upstream.last.json == {**QUESTION, "seed": 7, "unheard_of": [1]}

    def test_params_are_defaults_for_the_request(self, talker, upstream):
        upstream.answer("Blue.")

        talker.send("POST", ADDRESS, {**QUESTION, "temperature": 1, "params": {"temperature": 0, "top_p": 0.5}})

        assert (upstream.last.json["temperature"], upstream.last.json["top_p"]) == (1, 0.5)

    def test_the_providers_error_passes_through_with_its_status(self, talker, upstream):
        upstream.script(protocol.error(429, "slow", code="rate_limit_exceeded", headers={"Retry-After": "7"}))

        answer = talker.session.post(f"{talker.site.url}{ADDRESS}", json=QUESTION, timeout=15)

        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
        assert answer.json()["error"]["message"] == "slow"

    def test_errors_have_openais_shape(self, site, api_key, connection):
        client = site.openai(api_key)
        client.base_url = f"{site.url}/api"

        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(model="gone", messages=QUESTION["messages"])

        assert missing.value.code == "model_not_found"

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"model": "m1"}, 400),
            ({**QUESTION, "features": []}, 400),
            ({**QUESTION, "chat_id": 5}, 400),
            ([], 400),
        ],
    )
    def test_a_wrong_body_is_refused(self, talker, body, status):
        assert "error" in talker.send("POST", ADDRESS, body, status=status)

    def test_nobody_gets_401(self, site):
        assert Talker(site).send("POST", ADDRESS, QUESTION, status=401)["error"]["code"] == "invalid_api_key"

    def test_a_client_that_leaves_closes_the_upstream(self, talker, upstream):
        upstream.answer("one two three", after={1: Gate()})
        answer = talker.session.post(
            f"{talker.site.url}{ADDRESS}", json={**QUESTION, "stream": True}, stream=True, timeout=15
        )
        next(answer.iter_content(1))

        answer.close()

        upstream.last.wait_closed()


class TestInTheBackground:
    def test_a_new_id_becomes_the_answer_to_a_new_question(self, talker, upstream, chat):
        upstream.answer("Blue.")
        message_id = str(uuid.uuid4())
        tab = talker.listen()

        answer = talker.send("POST", ADDRESS, named(chat, message_id))
        tab.until_done(message_id)

        assert answer == {"status": True, "task_id": message_id}
        messages = talker.chat(chat.pk)["messages"]
        assert [(one["role"], one["content"]) for one in messages] == [
            ("user", "Colour of the sky?"),
            ("assistant", "Blue."),
        ]
        assert messages[1]["id"] == message_id
        assert messages[1]["parent"] == messages[0]["id"]

    def test_the_requests_own_messages_are_what_the_model_gets(self, talker, upstream, chat):
        upstream.answer("Blue.")
        messages = [{"role": "system", "content": "Be brief."}, *QUESTION["messages"]]

        body = named(chat, uuid.uuid4(), messages=messages, temperature=0.2)
        task = talker.send("POST", ADDRESS, body)["task_id"]
        talker.until_over(chat.pk, task)

        assert upstream.chats[0].json["messages"] == messages
        assert upstream.chats[0].json["temperature"] == 0.2
        assert upstream.chats[0].json["stream"] is True

    def test_a_question_of_the_chat_gets_another_answer(self, talker, upstream, chat):
        question = Message.objects.create(chat=chat, role="user", content="Colour of the sky?")
        upstream.answer("Blue.")

        task = talker.send("POST", ADDRESS, named(chat, question.pk))["task_id"]

        assert talker.until_over(chat.pk, task)["parent"] == str(question.pk)

    def test_an_answer_of_the_chat_is_made_anew(self, talker, upstream, chat):
        question = Message.objects.create(chat=chat, role="user", content="Colour of the sky?")
        answer = Message.objects.create(chat=chat, role="assistant", parent=question, content="Green.", status="failed")
        upstream.answer("Blue.")

        task = talker.send("POST", ADDRESS, named(chat, answer.pk))["task_id"]

        assert task == str(answer.pk)
        saved = talker.until_over(chat.pk, task)
        assert (saved["status"], saved["content"], saved["error"]) == ("done", "Blue.", None)

    def test_an_answer_that_is_still_growing_is_left_alone(self, talker, upstream, chat):
        gate = Gate()
        upstream.answer("one two", after={1: gate})
        task = talker.send("POST", ADDRESS, named(chat, uuid.uuid4()))["task_id"]

        problem = talker.send("POST", ADDRESS, named(chat, task), status=409)
        gate.open()

        assert problem["error"]["code"] == "reply_running"
        assert talker.until_over(chat.pk, task)["content"] == "one two"

    def test_tasks_are_listed_while_they_run_and_can_be_stopped(self, talker, upstream, chat):
        upstream.answer("one two", after={1: Gate()})
        task = talker.send("POST", ADDRESS, named(chat, uuid.uuid4()))["task_id"]
        upstream.wait_for("/chat/completions")

        running = talker.send("GET", f"/api/tasks/chat/{chat.pk}")
        talker.send("POST", f"/api/tasks/stop/{task}", status=200)

        assert running == {"task_ids": [task]}
        assert talker.until_over(chat.pk, task)["status"] == "stopped"
        assert talker.send("GET", f"/api/tasks/chat/{chat.pk}") == {"task_ids": []}

    def test_what_is_not_yours_is_not_there(self, talker, chat, bob):
        foreign = Chat.objects.create(user=bob)
        question = Message.objects.create(chat=foreign, role="user", content="secret")

        for body in (
            named(foreign, uuid.uuid4()),
            named(chat, question.pk),
            named(chat, "no-uuid"),
            {**named(chat, uuid.uuid4()), "chat_id": "nonsense"},
        ):
            assert "error" in talker.send("POST", ADDRESS, body, status=404)
        talker.send("GET", f"/api/tasks/chat/{foreign.pk}", status=404)
        talker.send("POST", f"/api/tasks/stop/{question.pk}", status=404)
        assert Message.objects.count() == 1
