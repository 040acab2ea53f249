"""Side by side: several models answer at once, one is picked, a further one merges, and wins are counted."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from chat.comparisons import wins
from chat.models import ChatSettings, ComparedAnswer, Comparison, Message
from tests import people
from tests.chat.sharing.test_sharing import client_of
from tests.chat.talk import Talker
from tests.upstream import Gate, openai

MODELS = ["m1", "m2", "m3"]


@pytest.fixture
def talker(site, alice, upstream, settings):
    settings.CHAT_PIPELINE = []
    settings.CHAT_TOOLS = []
    people.make_connection(upstream.url, *MODELS)
    ChatSettings.objects.update_or_create(pk=1, defaults={"titles": False, "follow_ups": False})
    return Talker(site, alice)


def answered(upstream, gates=None):
    """Each model says its own name; those with a gate wait behind their first word."""

    def answer(received):
        model = received.json["model"]
        gate = (gates or {}).get(model)
        return openai.chat(f"{model} says so.", after={1: gate} if gate else None)(received)

    upstream.always(answer, path="/chat/completions")


def compare(talker, words="Why?", **more):
    started = talker.start(words, models=MODELS, **more)
    chat_id = started["chat"]["id"]
    for message in started["messages"]:
        talker.until_over(chat_id, message["id"])
    return chat_id, started, f"/api/v1/chats/{chat_id}/comparisons/{started['comparison']}"


def test_all_answer_at_once_one_is_picked_and_the_chat_goes_on_with_it(talker, upstream, site, bob):
    answered(upstream)
    chat_id, started, path = compare(talker)
    assert [message["model"] for message in started["messages"]] == MODELS
    assert {message["parent"] for message in started["messages"]} == {started["user_message"]["id"]}
    assert talker.chat(chat_id)["leaf"] == started["messages"][0]["id"]

    second = started["messages"][1]["id"]
    Talker(site, bob).send("POST", f"{path}/pick", {"message": second}, status=404)
    talker.send("POST", f"{path}/pick", {"message": started["user_message"]["id"]}, status=404)
    talker.send("GET", f"/api/v1/chats/{chat_id}/comparisons/9999999999999999999999", status=404)
    assert talker.send("POST", f"{path}/pick", {"message": second})["leaf"] == second
    shown = talker.send("GET", path)
    assert [(row["model"], row["is_picked"]) for row in shown["answers"]] == [
        ("m1", False),
        ("m2", True),
        ("m3", False),
    ]
    below = talker.say(chat_id, "And then?")
    assert (below["message"]["parent"], below["user_message"]["parent"]) == (below["user_message"]["id"], second)
    talker.until_over(chat_id, below["message"]["id"])
    assert "m2 says so." in str(upstream.chats[-1].json["messages"])
    assert "m1 says so." not in str(upstream.chats[-1].json["messages"])

    talker.send("DELETE", f"{path}/pick", status=204)
    assert (talker.send("GET", path)["picked_at"], talker.chat(chat_id)["leaf"]) == (None, second)


def test_an_edited_question_is_answered_side_by_side_again(talker, upstream):
    answered(upstream)
    chat_id, started, path = compare(talker)
    edit = f"/api/v1/chats/{chat_id}/messages/{started['user_message']['id']}/edit"

    def edited(**body):
        exchange = talker.send("POST", edit, {"content": "Why not?", **body}, status=202)
        answers = exchange.get("messages", [exchange["message"]])
        for message in answers:
            talker.until_over(chat_id, message["id"])
        return [message["model"] for message in answers], exchange.get("comparison")

    models, comparison = edited()
    assert models == MODELS
    assert comparison != started["comparison"]
    assert edited(models=["m3", "m2"])[0] == ["m3", "m2"]
    assert edited(model="m2")[0] == ["m2"]  # who names one is answered by one
    talker.send("POST", f"{path}/pick", {"message": started["messages"][1]["id"]})
    assert len(edited()[0]) == 1


def test_one_that_waits_holds_up_nobody_and_can_be_left(talker, upstream):
    gate = Gate()
    answered(upstream, {"m1": gate})
    started = talker.start("Why?", models=MODELS)
    chat_id, (slow, *others) = started["chat"]["id"], started["messages"]
    assert [talker.until_over(chat_id, message["id"])["status"] for message in others] == ["done", "done"]
    path = f"/api/v1/chats/{chat_id}/comparisons/{started['comparison']}"
    assert talker.send("POST", f"{path}/pick", {"message": slow["id"]}, status=409)["code"] == "reply_running"
    assert talker.send("POST", f"{path}/merge", {}, status=409)["code"] == "reply_running"
    talker.send("POST", f"{path}/pick", {"message": others[0]["id"]})
    talker.until_over(chat_id, talker.say(chat_id, "And then?")["message"]["id"])
    gate.open()
    assert talker.until_over(chat_id, slow["id"])["content"] == "m1 says so."


def test_a_model_merges_the_answers_of_all(talker, upstream):
    answered(upstream)
    chat_id, started, path = compare(talker)
    made = talker.send("POST", f"{path}/merge", {"model": "m3"}, status=202)["message"]
    merged = talker.until_over(chat_id, made["id"])
    assert (merged["parent"], merged["model"]) == (started["user_message"]["id"], "m3")
    question = upstream.chats[-1].json["messages"][-1]["content"]
    assert question.startswith("Why?")
    assert all(f"{model} says so." in question for model in MODELS)
    assert [row["is_merged"] for row in talker.send("GET", path)["answers"]] == [False, False, False, True]
    Message.objects.filter(pk=made["id"]).update(status=Message.Status.STREAMING)
    assert talker.send("POST", f"{path}/merge", {}, status=409)["code"] == "reply_running"


def test_the_thread_shows_columns_until_one_is_picked_and_again_later(talker, upstream):
    gate = Gate()
    answered(upstream, {"m1": gate})
    started = talker.start("Why?", models=MODELS)
    chat_id, (slow, second, third) = started["chat"]["id"], started["messages"]
    path = f"/api/v1/chats/{chat_id}/comparisons/{started['comparison']}"

    def thread():
        return talker.send("GET", f"/c/{chat_id}/thread")

    for message in (second, third):
        talker.until_over(chat_id, message["id"])
    assert thread().count('class="compared"') == 3
    assert 'data-action="merge-answers"' not in thread()  # one of them is still being written
    again = f"/api/v1/chats/{chat_id}/messages"
    assert talker.send("POST", f"{again}/{slow['id']}/regenerate", {}, status=409)["code"] == "reply_running"
    made = talker.send("POST", f"{again}/{second['id']}/regenerate", {"once": True}, status=202)["message"]
    talker.until_over(chat_id, made["id"])
    gate.open()
    talker.until_over(chat_id, slow["id"])
    shown = thread()
    assert shown.count('class="compared"') == 3
    assert f'id="m-{made["id"]}"' in shown
    assert f'id="m-{second["id"]}"' not in shown
    assert 'data-action="merge-answers"' in shown
    assert [row["message"] for row in talker.send("GET", path)["answers"]] == [slow["id"], made["id"], third["id"]]
    assert 'data-action="pick-answer"' in talker.send("GET", f"/c/{chat_id}/messages/{third['id']}?whole=1")

    talker.send("POST", f"{path}/pick", {"message": made["id"]})
    assert 'class="compared"' not in thread()
    assert "Picked from 3 answers." in thread()
    talker.send("DELETE", f"{path}/pick", status=204)
    assert thread().count('class="compared"') == 3


@pytest.mark.parametrize("models", [["m1"], ["m1", "m1"], ["m1", "m2", "m3", "m4", "m5"], ["m1", {}], "m1"])
def test_two_to_four_different_models_are_compared(talker, models):
    talker.send("POST", "/api/v1/chats/", {"content": "Why?", "models": models}, status=400)
    talker.send("POST", "/api/v1/chats/", {"content": "Why?", "models": ["m1", "unknown"]}, status=404)
    assert not Comparison.objects.exists()


def test_the_same_request_twice_is_one_comparison(talker, upstream):
    answered(upstream)
    same = {"id": "6f1c9a52-6f0e-4f6a-9a43-0c7a6f0e5a11"}
    _chat_id, started, _path = compare(talker, **same)
    again = talker.start("Why?", models=MODELS, **same)
    assert [row["id"] for row in again["messages"]] == [row["id"] for row in started["messages"]]
    assert Comparison.objects.count() == 1


@pytest.mark.django_db
def test_wins_are_counted_by_model_over_a_period(django_assert_num_queries):
    now = timezone.now()
    for picked, days in (("m1", 1), ("m1", 2), ("m2", 3), ("m2", 40), (None, 1)):
        comparison = Comparison.objects.create(picked_at=now - timedelta(days=days) if picked else None)
        ComparedAnswer.objects.bulk_create(
            ComparedAnswer(comparison=comparison, model=model, is_picked=model == picked) for model in ("m1", "m2")
        )
    with django_assert_num_queries(1):
        rows = wins.by_model(now - timedelta(days=30), now)
    assert [(row.model, row.compared, row.picked, row.percent) for row in rows] == [("m1", 3, 2, 67), ("m2", 3, 1, 33)]


@pytest.mark.django_db
def test_administrators_see_which_model_wins_and_others_do_not(admin, alice):
    comparison = Comparison.objects.create(user=alice, picked_at=timezone.now())
    for model, is_merged in (("m1", False), ("m&2", False), ("m3", True)):
        ComparedAnswer.objects.create(comparison=comparison, model=model, is_merged=is_merged, is_picked=model == "m&2")
    address = "/admin/chat/comparison/models/"
    page = client_of(admin).get(address)
    shown = [(item["row"].model, item["row"].picked, item["row"].merged) for item in page.context["rows"]]
    assert shown == [("m&2", 1, 0), ("m1", 0, 0), ("m3", 0, 1)]
    listed = client_of(admin).get(page.context["rows"][0]["url"]).content.decode()
    assert "m1, m&amp;2, m3 (merged)" in listed
    for query in ("?from=2020-01-01&to=2020-02-01", "?from=x&to=99999-01-01"):
        assert client_of(admin).get(address + query).status_code == 200
    clerk = people.make_user("Clerk", is_staff=True)
    assert client_of(clerk).get(address).status_code == 302
    clerk.user_permissions.add(Permission.objects.get(codename="view_comparison"))
    assert "Wins of 100" in client_of(clerk).get(address).content.decode()
    assert client_of(alice).get(address).status_code == 302
