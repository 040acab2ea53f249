"""The API of the prompt task: `POST /api/v1/tasks/image_prompt/completions`."""

import json

import pytest

from imagegen.conversation import prompt
from imagegen.models import ImageSettings
from providers.models import ChatModel
from tests.chat.talk import Talker

ROUTE = "/api/v1/tasks/image_prompt/completions"
TALK = [
    {"role": "user", "content": "I like kites."},
    {"role": "assistant", "content": "So do I."},
    {"role": "user", "content": "Paint {{USER_NAME}} one"},
]


@pytest.fixture
def talker(site, alice, connection):
    return Talker(site, alice)


def test_the_task_model_is_asked_for_a_prompt_and_its_answer_comes_back(talker, upstream):
    upstream.answer('{"prompt": "A scarlet kite at dawn"}')

    answer = talker.send("POST", ROUTE, {"model": "m1", "messages": TALK})

    said = answer["choices"][0]["message"]["content"]
    assert json.loads(said) == {"prompt": "A scarlet kite at dawn"}
    assert prompt.prompt_in(said) == "A scarlet kite at dawn"
    told = upstream.last.json["messages"][0]["content"]
    assert "assistant: So do I.\nuser: Paint {{USER_NAME}} one\n</conversation>" in told
    assert told.endswith("The request: Paint {{USER_NAME}} one")


def test_an_administrators_template_is_used(talker, upstream):
    ImageSettings.objects.update_or_create(
        pk=1, defaults={"prompt_template": "{{USER_NAME}}: {{prompt:end:3}} {{MESSAGES:END:1}}"}
    )
    talker.send("POST", ROUTE, {"model": "m1", "messages": TALK})

    assert upstream.last.json["messages"][0]["content"] == "Alice: one user: Paint {{USER_NAME}} one"


def test_a_model_that_is_not_theirs_does_nothing_for_them(talker, upstream):
    ChatModel.objects.update(access="private")

    assert talker.send("POST", ROUTE, {"model": "m1", "messages": TALK}, status=404)["code"] == "model_not_found"
    assert upstream.history == []


def test_strangers_are_refused(site, connection):
    Talker(site).send("POST", ROUTE, {"model": "m1", "messages": TALK}, status=401)
