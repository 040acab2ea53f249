"""The pipeline: handlers work on turns of the browser's replies and of programs' requests alike."""

from dataclasses import replace

import pytest

from chat import pipeline
from chat.pipeline import CompletionRequest, Handler, Turn, contexts, picture_allowance
from providers.callers import caller_for_user
from providers.models import ChatModel
from tests.chat.handlers import Weather
from tests.chat.talk import Talker
from tests.fixtures.openai_schemas import check, frames_of

HERE = "tests.chat.handlers"
PICTURE = "data:image/png;base64,QUJD"


@pytest.fixture
def talker(site, alice, connection):
    return Talker(site, alice)


@pytest.fixture
def use(settings):
    """`use("Weather", "Always")`: these handlers in this order."""

    def choose(*names):
        settings.CHAT_PIPELINE = [f"{HERE}.{name}" for name in names]

    return choose


def reply(talker, content="Umbrella?", **more):
    tab = talker.listen()
    started = talker.start(content, **more)
    tab.until_done(started["message"]["id"])
    return tab, talker.message(started["chat"]["id"], started["message"]["id"])


def types_of(tab, message):
    return [event["data"]["type"] for event in tab.of(message["id"])]


class TestAReplyInTheBrowser:
    def test_a_handler_adds_status_context_and_files(self, talker, upstream, use):
        use("Weather", "Always")
        upstream.answer("Take one.")

        tab, message = reply(talker, features={"weather": True})

        assert upstream.chats[0].json["messages"] == [
            {"role": "user", "content": "Umbrella?\n\n<context>It is raining.</context>"},
        ]
        assert upstream.chats[0].json["temperature"] == 0.1
        assert types_of(tab, message)[:3] == ["status", "files", "status"]
        assert [one["description"] for one in message["status_history"]] == ["Looking outside", "Looked outside"]
        assert [one["id"] for one in message["files"]] == ["1"]
        assert message["content"] == "Take one."

    def test_it_is_left_alone_when_the_toggle_is_off(self, talker, upstream, use):
        use("Weather")
        upstream.answer("Take one.")

        _, message = reply(talker)

        assert message["status_history"] == []
        assert len(upstream.chats[0].json["messages"]) == 1

    def test_it_is_left_alone_when_the_person_may_not_use_it(self, site, bob, connection, upstream, use):
        use("Weather")
        upstream.answer("Take one.")

        _, message = reply(Talker(site, bob), features={"weather": True})

        assert message["status_history"] == []

    @pytest.mark.parametrize(
        ("handler", "words"), [("Broken", "Something went wrong on this site."), ("Failing", "no clouds today")]
    )
    def test_a_handler_that_fails_says_so_and_the_model_answers(self, talker, upstream, use, handler, words):
        use(handler)
        upstream.answer("Anyway.")

        _, message = reply(talker)

        assert message["status_history"] == [{"description": words, "done": True, "error": True}]
        assert (message["status"], message["content"]) == ("done", "Anyway.")

    def test_a_handler_may_answer_itself(self, talker, upstream, use):
        use("Parrot", "Broken")

        tab, message = reply(talker, features={"parrot": True})

        assert (message["status"], message["content"]) == ("done", "Umbrella?!")
        assert tab.text_of(message["id"]) == "Umbrella?!"
        assert message["status_history"] == []
        assert [one for one in upstream.chats if one.json["stream"]] == []

    def test_stop_reaches_a_handler_at_work(self, talker, upstream, use):
        use("Slow")
        tab = talker.listen()
        started = talker.start()
        tab.wait_for(lambda event: event["data"]["type"] == "status")

        tab.send({"type": "stop", "message_id": started["message"]["id"]})

        assert tab.until_done(started["message"]["id"])["status"] == "stopped"
        assert upstream.chats == []

    def test_pictures_of_the_model_go_to_the_handler_that_keeps_them(self, talker, upstream, use):
        use("Always", "Album")
        upstream.answer("Look.", images=["data:image/png;base64,AA"])

        _, message = reply(talker)

        assert [one["url"] for one in message["files"]] == ["data:image/png;base64,AA"]

    def test_without_such_a_handler_the_person_is_told(self, talker, upstream, use):
        use()
        upstream.answer("Look.", images=["data:image/png;base64,AA"])

        _, message = reply(talker)

        assert message["status_history"][0]["error"] is True
        assert message["content"] == "Look."


class TestAProgramsRequest:
    def ask(self, site, api_key, **body):
        client = site.session(key=api_key)
        payload = {"model": "m1", "messages": [{"role": "user", "content": "Umbrella?"}], **body}
        return client.post(f"{site.url}/api/chat/completions", json=payload, timeout=15)

    def bodies(self, site, api_key, stream):
        answer = self.ask(site, api_key, features={"parrot": True}, stream=stream)
        return [data for _event, data in frames_of(answer.text)] if stream else [answer.json()]

    def test_the_same_handlers_work_on_it(self, site, api_key, connection, upstream, use):
        use("Weather", "Always")
        upstream.answer("Take one.")

        answer = self.ask(site, api_key, features={"weather": True}, stream=True)

        assert answer.status_code == 200
        assert "Take" in answer.text
        sent = upstream.last.json
        assert sent["messages"][-1]["content"].endswith("\n\n<context>It is raining.</context>")
        assert (sent["temperature"], sent.get("features")) == (0.1, None)

    def test_what_is_the_same_in_every_turn_stands_first(self, site, api_key, connection, upstream, use):
        use("Weather", "Always")
        preset = {"base": ChatModel.objects.get(public_id="m1"), "access": "public"}
        ChatModel.objects.create(public_id="pirate", system_prompt="You are a pirate.", **preset)
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Umbrella?"}]

        assert self.ask(site, api_key, model="pirate", messages=messages, features={"weather": True}).ok

        system, question = [message["content"] for message in upstream.last.json["messages"]]
        assert system == "You are a pirate.\n\nBe brief."
        assert question == "Umbrella?\n\n<context>It is raining.</context>"

    @pytest.mark.parametrize("stream", [True, False])
    def test_a_handlers_own_answer_has_openais_form(self, site, api_key, connection, upstream, use, stream):
        use("Parrot")
        client = site.openai(api_key)
        client.base_url = f"{site.url}/api"

        answer = client.chat.completions.create(
            model="m1",
            messages=[{"role": "user", "content": "Umbrella?"}],
            stream=stream,
            extra_body={"features": {"parrot": True}},
        )

        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer)
        else:
            text = answer.choices[0].message.content
        assert text == "Umbrella?!"
        published = {True: "CreateChatCompletionStreamResponse", False: "CreateChatCompletionResponse"}[stream]
        for body in self.bodies(site, api_key, stream):
            check(published, body)
        assert upstream.chats == []


SYSTEM = {"role": "system", "content": "Be brief."}
BOTH = "<context>a</context>\n\n<context>b</context>"


class Kept:
    def __init__(self):
        self.events = []

    async def emit(self, type, data):
        self.events.append((type, data))


class TestATurn:
    @pytest.fixture
    def turn(self, alice):
        messages = [{"role": "user", "content": "x"}]
        return Turn(CompletionRequest(caller_for_user(alice), model="m1", messages=messages), Kept())

    @pytest.mark.parametrize(
        ("messages", "placed"),
        [
            ([SYSTEM, {"role": "user", "content": "x"}], [SYSTEM, {"role": "user", "content": f"x\n\n{BOTH}"}]),
            (
                [{"role": "user", "content": [{"type": "text", "text": "x"}]}, {"role": "assistant", "content": "y"}],
                [
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": text} for text in ("x", *BOTH.split("\n\n"))],
                    },
                    {"role": "assistant", "content": "y"},
                ],
            ),
            ([SYSTEM], [{"role": "system", "content": BOTH}, SYSTEM]),
        ],
        ids=["behind the question", "a part of its own", "without a question"],
    )
    def test_context_goes_behind_the_last_question(self, turn, messages, placed):
        turn.payload["messages"] = messages
        turn.add_context("a")
        turn.add_context("b")

        contexts.insert(turn)

        assert turn.messages == placed

    async def test_new_files_stand_before_earlier_ones(self, turn):
        await turn.add_files([{"id": "1"}])
        await turn.add_files([{"id": "2"}, {"id": "3"}])

        assert [file["id"] for file in turn.sink.events[-1][1]["files"]] == ["2", "3", "1"]

    async def test_files_of_the_answer_stand_in_the_requests_metadata(self, turn):
        turn = Turn(replace(turn.request, files=[{"id": "0"}], chat_id="c", message_id="m"), Kept())
        await turn.add_files([{"id": "1"}])

        ids = {"chat_id": "c", "message_id": "m", "session_id": ""}
        assert turn.metadata == {**ids, "files": [{"id": "0"}, {"id": "1"}]}

    @pytest.mark.parametrize(("bound", "most"), [("MAX_PICTURES", 20), ("MAX_SIZE", 4 * len(PICTURE))])
    async def test_pictures_that_an_answer_has_no_room_for_are_left_out(self, turn, use, monkeypatch, bound, most):
        use("Album")
        monkeypatch.setattr(picture_allowance, bound, most)

        for _frame in range(4):
            await pipeline.receive_pictures(turn, [PICTURE] * 7)
        assert await pipeline.keep_picture(turn, PICTURE) is None

        assert len(turn.answer_files) == (20 if bound == "MAX_PICTURES" else 4)
        told = [data["description"] for type, data in turn.sink.events if type == "status"]
        assert told == ["The model sent more pictures than one answer may hold. The others were left out."]


def test_the_composer_is_offered_what_the_person_may_use(use, alice, bob):
    use("Always", "Weather", "Parrot")

    offered = [[name for name, _ in pipeline.toggles_for(caller_for_user(who))] for who in (alice, bob)]

    assert offered == [["weather", "parrot"], ["parrot"]]


def test_a_path_that_leads_nowhere_is_named(settings):
    settings.CHAT_PIPELINE = ["tests.chat.handlers.Gone"]

    with pytest.raises(ImportError, match="Gone"):
        pipeline.handlers()


@pytest.mark.parametrize("handler", [*pipeline.handlers(), Weather()], ids=lambda handler: handler.name)
def test_each_handler_of_the_site_keeps_the_contract(handler):
    assert isinstance(handler, Handler)
    assert handler.name
    assert handler.toggle is None or (str(handler.toggle.label) and handler.toggle.icon)
    assert type(handler).handle is not Handler.handle
