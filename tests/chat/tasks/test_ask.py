"""The API of the task model, and its prompt templates: text from a chat is never read as a placeholder."""

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chat.history import last_question
from chat.tasks.templates import fill
from providers.models import ChatModel, GatewaySettings
from tests import people
from tests.chat.talk import Talker
from tests.upstream import openai

TITLE, FOLLOW_UPS = "/api/v1/tasks/title/completions", "/api/v1/tasks/follow_ups/completions"
TALK = [
    {"role": "system", "content": "You are a pirate."},
    {"role": "user", "content": [{"type": "text", "text": "Why is the sky blue?"}, {"type": "image_url"}]},
    {"role": "assistant", "content": "Rayleigh."},
]
BODY = {"model": "m1", "messages": TALK}


@pytest.fixture
def talker(site, alice, connection):
    return Talker(site, alice)


@pytest.mark.parametrize(("route", "json_mode"), [(TITLE, None), (FOLLOW_UPS, {"type": "json_object"})])
def test_the_task_models_whole_answer_comes_back(talker, upstream, route, json_mode):
    people.make_connection(upstream.url, "small", name="Tasks")
    GatewaySettings.objects.update_or_create(pk=1, defaults={"task_model_external": "small"})
    upstream.answer("Said.")

    answer = talker.send("POST", route, BODY)

    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] == "Said."
    asked = upstream.last.json
    assert (asked["model"], asked["stream"], asked.get("response_format")) == ("small", False, json_mode)
    told = asked["messages"][0]["content"]
    assert "user: Why is the sky blue?\nassistant: Rayleigh." in told
    assert "pirate" not in told


@pytest.mark.parametrize(
    "body",
    [{}, {"model": "m1"}, {"model": "m1", "messages": []}, {"messages": TALK}, {"model": "m1", "messages": ["Hi"]}],
)
def test_what_cannot_be_asked_is_refused_before_the_provider_is_called(talker, upstream, body):
    refusal = talker.send("POST", TITLE, body, status=400)

    assert set(refusal) >= {"detail", "code"}
    assert upstream.history == []


def test_a_model_that_is_not_theirs_does_nothing_for_them(talker, upstream):
    ChatModel.objects.update(access="private")

    assert talker.send("POST", TITLE, BODY, status=404)["code"] == "model_not_found"
    assert upstream.history == []


def test_strangers_and_keys_for_something_else_are_refused(site, alice, connection):
    Talker(site).send("POST", TITLE, BODY, status=401)
    refusal = Talker(site, key=people.make_key(alice, scopes=["images"])).send("POST", TITLE, BODY, status=403)

    assert refusal["code"] == "insufficient_scope"


def test_the_providers_own_status_and_words_come_back(talker, upstream):
    upstream.always(openai.error(429, "Slow down.", headers={"Retry-After": "7"}), path="/chat/completions")
    answer = talker.session.post(f"{talker.site.url}{TITLE}", json=BODY, timeout=10)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert "Slow down." in answer.json()["provider"]


# --- Templates --------------------------------------------------------------------------------------------------------

LINES = [{"role": "user", "content": f"line {number}"} for number in range(1, 9)]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{MESSAGES:END:2}}", "user: line 7\nuser: line 8"),
        ("{{MESSAGES:START:1}}", "user: line 1"),
        ("{{MESSAGES:END:0}}|{{MESSAGES:START:0}}", "|"),
        ("{{ MESSAGES:END:99 }}", "\n".join(f"user: line {number}" for number in range(1, 9))),
        ("{{MESSAGES}}", "\n".join(f"user: line {number}" for number in range(1, 9))),
        ("{{prompt}} {{prompt:start:2}} {{prompt:end:2}} {{prompt:end:0}}", "wish wi sh "),
        ("{{USER_NAME}}", "Alice"),
        ("{{ UNKNOWN }} {{MESSAGES:MIDDLE:2}} {single} {{", "{{ UNKNOWN }} {{MESSAGES:MIDDLE:2}} {single} {{"),
    ],
)
def test_a_placeholder_is_filled_and_other_text_stays(template, expected):
    assert fill(template, LINES, "wish", user_name="Alice") == expected


def test_today_is_todays_date():
    assert fill("{{CURRENT_DATE}}", []) == timezone.localdate().isoformat()


@given(
    st.lists(st.sampled_from(["{{", "}}", "USER_NAME", "prompt", "{{USER_NAME}}", "{{MESSAGES}}", " "])).map("".join)
)
def test_nobodys_words_name_another_place(words):
    messages = [{"role": "user", "content": words}]

    assert fill("{{prompt}}|{{MESSAGES}}", messages, words, user_name="secret") == f"{words}|user: {words}"
    assert fill("{{USER_NAME}}", messages, "secret", user_name=words) == words


def test_the_last_question_is_the_persons():
    assert last_question(TALK) == "Why is the sky blue?"
    assert last_question(TALK[2:]) == ""
