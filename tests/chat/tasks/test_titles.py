"""Chat titles: first words at the start, then the task model's, and never over a person's own."""

import pytest

from chat import services, tasks
from chat.models import Chat, ChatSettings
from chat.tasks import titles
from providers.callers import caller_for_user
from providers.models import ChatModel, Connection, GatewaySettings, UsageRecord
from tests import people
from tests.chat.talk import Talker
from tests.upstream import Gate, openai


@pytest.fixture
def talker(site, alice, connection):
    return Talker(site, alice)


def is_title(event):
    return event["data"]["type"] == "chat:title"


def test_the_task_model_names_a_chat_after_its_first_answer(talker, upstream):
    upstream.answer("Because of Rayleigh scattering.")
    upstream.answer("<think>hm</think>\n\n**“Why the sky is blue.”**\n")
    tab = talker.listen()

    started = talker.start("Why is the sky blue, and what does that have to do with small particles in the air?")
    event = tab.wait_for(is_title)

    assert started["chat"]["title"] == "Why is the sky blue, and what does that have to…"
    assert event["chat_id"] == started["chat"]["id"]
    assert event["data"]["data"] == {"title": "Why the sky is blue"}
    assert talker.chat(started["chat"]["id"])["title"] == "Why the sky is blue"
    assert upstream.chats[1].json["stream"] is False


def test_a_title_has_no_characters_that_cannot_be_stored(talker, upstream):
    upstream.answer("Because of Rayleigh scattering.")
    upstream.answer("Scattered\x00 light")
    tab = talker.listen()
    talker.start("Why is the sky blue?")
    assert tab.wait_for(is_title)["data"]["data"] == {"title": "Scattered light"}


def test_a_title_that_repeats_the_question_is_asked_for_once_more(talker, upstream):
    upstream.answer("Because of Rayleigh scattering.")
    upstream.answer("Why is the sky blue")
    upstream.answer("Scattered light")
    tab = talker.listen()
    talker.start("Why is the sky blue, and what does that have to do with particles?")
    assert tab.wait_for(is_title)["data"]["data"] == {"title": "Scattered light"}
    assert "Why is the sky blue" in upstream.chats[2].json["messages"][0]["content"].rpartition("</conversation>")[2]


def test_the_heading_of_an_answer_is_better_than_the_questions_words(talker, upstream):
    ChatSettings.objects.update_or_create(pk=1, defaults={"titles": False})
    upstream.answer("## **Rayleigh** scattering\n\nBlue light is scattered more.")
    tab = talker.listen()
    talker.start("Why is the sky blue?")
    assert tab.wait_for(is_title)["data"]["data"] == {"title": "Rayleigh scattering"}
    assert len(upstream.chats) == 1


@pytest.mark.parametrize(
    ("title", "question", "expected"),
    [
        ("Why is the sky", "Why is the sky blue?", True),
        ("why is the SKY blue", "Why is the sky blue?", True),
        ("Why the sky is blue", "Why is the sky blue?", False),
        ("Whales", "Whales", False),
        ("为什么天空是蓝色", "为什么天空是蓝色的？请解释", True),
        ("瑞利散射", "为什么天空是蓝色的？", False),
        ("用Python写一个爬虫", "用 Python 写一个爬虫，抓取新闻", True),
        ("Python爬虫", "Python爬虫怎么写？", False),
        ("なぜ空は青いの", "なぜ空は青いのですか", True),
        ("ทำไมท้องฟ้า", "ทำไมท้องฟ้าเป็นสีฟ้า", True),
        ("Почему небо", "Почему небо синее?", False),
        ("Почему небо син", "Почему небо синее?", False),
        ("하늘은 왜 파란", "하늘은 왜 파란색이야?", False),
        ("", "Anything", False),
    ],
)
def test_what_repeats_a_question(title, question, expected):
    assert titles.repeats(title, question) is expected


def test_its_call_is_recorded_as_a_task(talker, upstream):
    upstream.answer("Blue.")
    upstream.answer("Sky")
    tab = talker.listen()
    talker.start()
    tab.wait_for(is_title)

    from providers.relay import usage

    usage.flush()
    assert set(UsageRecord.objects.values_list("kind", flat=True)) == {"chat", "task"}


def test_later_answers_change_nothing(talker, upstream):
    upstream.answer("Blue.")
    upstream.answer("Sky")
    tab = talker.listen()
    chat_id = talker.start()["chat"]["id"]
    tab.wait_for(is_title)
    upstream.answer("Grey.")
    upstream.answer("Not this")

    made = talker.say(chat_id, "And the sea?")
    talker.until_over(chat_id, made["message"]["id"])

    assert talker.chat(chat_id)["title"] == "Sky"


def test_a_persons_own_title_is_never_overwritten(talker, upstream):
    gate = Gate()
    upstream.answer("Blue.")
    upstream.script(openai.chat("Sky", after={0: gate}), path="/chat/completions")
    tab = talker.listen()
    chat_id = talker.start()["chat"]["id"]
    upstream.wait_for("/chat/completions", 2)

    talker.send("PATCH", f"/api/v1/chats/{chat_id}", {"title": "Mine"})
    tab.wait_for(is_title)
    gate.open()
    upstream.chats[1].wait_done()

    assert talker.chat(chat_id)["title"] == "Mine"


def test_a_task_model_that_fails_leaves_the_first_words(talker, upstream, caplog):
    upstream.answer("Blue.")
    upstream.script(openai.error(500, "No."))
    tab = talker.listen()
    started = talker.start()
    tab.until_done(started["message"]["id"])
    upstream.wait_for("/chat/completions", 2)
    upstream.chats[1].wait_done()

    chat = talker.chat(started["chat"]["id"])

    assert chat["title"] == "What colour is the sky?"
    assert [one["status"] for one in chat["messages"]] == ["done", "done"]


def test_the_demo_is_not_asked(talker, upstream, connection):
    Connection.objects.update(demo=True)
    upstream.answer("Blue.")
    started = talker.start()
    talker.until_over(started["chat"]["id"], started["message"]["id"])
    talker.send("PATCH", f"/api/v1/chats/{started['chat']['id']}", {"title": "x"})

    assert len(upstream.chats) == 1


class TestTheRightModel:
    @pytest.fixture
    def models(self, db, upstream, settings):
        people.make_connection(upstream.url, "outside", name="Cloud")
        people.make_connection(upstream.url, "inside", name="Cellar", connection_type="local")
        people.make_connection(upstream.url, "small", "tiny", name="Tasks")
        GatewaySettings.objects.update_or_create(pk=1, defaults={"task_model": "tiny", "task_model_external": "small"})

    @pytest.mark.parametrize(("model", "expected"), [("outside", "small"), ("inside", "tiny")])
    def test_it_depends_on_where_the_chats_model_is(self, models, alice, model, expected):
        assert self.route(alice, model).public_id == expected

    def test_one_that_is_not_there_or_not_allowed_is_replaced_by_the_chats_own(self, models, alice):
        ChatModel.objects.filter(public_id="small").update(access="private")

        assert self.route(alice, "outside").public_id == "outside"

    def test_without_one_the_chats_own_does_it(self, models, alice):
        GatewaySettings.objects.update(task_model_external="")

        assert self.route(alice, "outside").public_id == "outside"

    def route(self, user, model):
        from providers import callers, catalogue

        return tasks.task_route(catalogue.snapshot_blocking(), callers.caller_for_user(user), model)


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Blue sky", "Blue sky"),
        ('"Blue sky."', "Blue sky"),
        ("# Title: Blue sky", "Blue sky"),
        ("标题：蓝天", "蓝天"),
        ("**Blue sky**\n\nBecause you asked.", "Blue sky"),
        ("", ""),
        ("x" * 300, "x" * 80),
    ],
)
def test_what_models_put_around_a_title_goes(answer, title):
    assert tasks.clean_title(answer) == title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("  two\n lines ", "two lines"),
        ("word " * 30, "word word word word word word word word word word…"),
        ("天" * 60, "天" * 50 + "…"),
    ],
)
def test_the_first_words_are_cut_between_words(text, title):
    assert tasks.first_words(text) == title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Explain **Rayleigh** scattering", "Explain Rayleigh scattering"),
        ("## Plan\n- one", "Plan - one"),
        ("> What is `git rebase`?", "What is git rebase?"),
        ("**", "**"),
        ("2**3 and 4**5", "2**3 and 4**5"),
        ("__init__.py", "__init__.py"),
    ],
)
def test_the_first_words_are_shown_without_their_markdown(text, title):
    assert tasks.first_words(text) == title


def test_a_title_given_at_the_start_is_ones_own(alice, connection):
    chat = services.create_chat(caller_for_user(alice), title="Mine")

    assert Chat.objects.get(pk=chat.pk).title_is_own


def test_an_administrator_can_switch_titles_off(talker, upstream):
    ChatSettings.objects.update(titles=False)
    upstream.answer("Blue.")
    started = talker.start("Why is the sky blue?")
    talker.until_over(started["chat"]["id"], started["message"]["id"])
    upstream.answer("Grey.")
    made = talker.say(started["chat"]["id"], "And the sea?")
    talker.until_over(started["chat"]["id"], made["message"]["id"])

    assert len(upstream.chats) == 2
    assert talker.chat(started["chat"]["id"])["title"] == "Why is the sky blue?"
