"""Pictures of an interrupted reply: they appear in the chat, and asking again does not draw them twice."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone, translation

from chat import events, runs
from chat.models import Chat, Message
from imagegen import jobs, services, workflow
from imagegen.jobs import results, worker
from imagegen.models import ImageJob, ImageSettings
from providers.callers import caller_for_user
from tests.chat.talk import Talker
from tests.chat.test_processes import EMAIL, PASSWORD, RemoteSite
from tests.upstream import Gate, Reply
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20
IMAGES = "/images/generations"
DRAW = {"image_generation": True}
CREATING = {"description": "Creating image", "done": False, "progress": 0.5}
Status = Message.Status


@pytest.fixture
def answer(alice):
    """An answer that was waiting for its picture when its process died."""
    chat = Chat.objects.create(user=alice, title="Kites")
    question = Message.objects.create(chat=chat, role="user", content="a red kite")
    answer = Message.objects.create(
        chat=chat, parent=question, role="assistant", model="m1", status=Status.INTERRUPTED, status_history=[CREATING]
    )
    Chat.objects.filter(pk=chat.pk).update(leaf=answer)
    return answer


@pytest.fixture
def make_job(alice, engine_row, answer):
    def make(**columns):
        facts = {"prompt": "a red kite", "request": {"prompt": "a red kite"}, "worker": "gone:1"}
        return ImageJob.objects.create(
            **{"user": alice, "engine": engine_row, "chat": answer.chat, "message": answer, **facts, **columns}
        )

    return make


def finished(alice, answer, upstream):
    """A job of the answer that this process has drawn."""
    upstream.always(drawn(png(8, 8)), path=IMAGES)
    context = services.files.FileContext(chat=answer.chat, message=answer)
    values = {"prompt": "a red kite"}
    request = services.JobRequest(caller=caller_for_user(alice), values=values, context=context)
    job, _new = services.request_images(request)
    return jobs.wait_for(job, timeout=PATIENCE)


def ended_alone(job):
    return jobs.wait_for(job, timeout=PATIENCE)


def test_the_end_of_a_job_shows_its_picture_in_the_chat_and_tells_the_tabs(site, alice, answer, engine_row, upstream):
    tab = Talker(site, alice).listen()

    job = finished(alice, answer, upstream)

    heard = tab.wait_for(lambda event: event["message_id"] == str(answer.pk) and event["data"]["type"] == "snapshot")
    [file] = heard["data"]["data"]["files"]
    assert file["id"] == str(job.files.get().pk)
    tab.wait_for(lambda event: event["data"]["type"] == "chat:messages")
    answer.refresh_from_db()
    assert (answer.status, answer.files) == (Status.DONE, [file])
    assert [step["done"] for step in answer.status_history] == [True, True]
    assert answer.status_history[-1]["description"] == "Image created"


def test_a_result_is_added_once(alice, answer, engine_row, upstream):
    job = finished(alice, answer, upstream)
    Message.objects.filter(pk=answer.pk).update(status=Status.INTERRUPTED)

    results.show(job)
    results.show(job)

    answer.refresh_from_db()
    assert len(answer.files) == 1
    assert len(answer.status_history) == 2


def test_a_reply_that_runs_shows_its_pictures_itself(alice, answer, engine_row, upstream):
    Message.objects.filter(pk=answer.pk).update(status=Status.PENDING, saved=timezone.now())
    finished(alice, answer, upstream)
    answer.refresh_from_db()
    assert (answer.status, answer.files) == (Status.PENDING, [])


def test_a_picture_that_ended_just_before_its_reply_died_is_shown(alice, answer, engine_row, upstream):
    Message.objects.filter(pk=answer.pk).update(status=Status.PENDING, saved=timezone.now())
    finished(alice, answer, upstream)
    Message.objects.filter(pk=answer.pk).update(saved=timezone.now() - timedelta(minutes=1))

    runs.settle(Message.objects.filter(pk=answer.pk))

    answer.refresh_from_db()
    assert (answer.status, len(answer.files)) == (Status.DONE, 1)


def test_a_picture_that_failed_elsewhere_is_told_in_its_chat(answer, make_job):
    make_job(state=ImageJob.State.RUNNING, heartbeat=timezone.now() - timedelta(minutes=1))
    jobs.start()
    ended_alone(ImageJob.objects.get())
    jobs.shutdown()

    answer.refresh_from_db()
    last = answer.status_history[-1]
    assert answer.status == Status.INTERRUPTED
    assert last["error"] is True
    assert "restarted" in last["detail"]
    assert all(step["done"] for step in answer.status_history)


def test_why_a_picture_failed_is_told_in_the_readers_language(answer, make_job):
    job = make_job(state=ImageJob.State.FAILED, error=worker.lost().message_body())
    with translation.override("zh-hans"):
        results.show(job)

    answer.refresh_from_db()
    last = events.worded_steps(answer.status_history)[-1]
    assert last["description"] == answer.status_history[-1]["description"]
    assert last["description"] == "An error occurred while generating an image"
    assert "restarted" in last["detail"]


@pytest.mark.parametrize("away", [timedelta(minutes=-1), timedelta(days=2)], ids=["old", "by-a-clock-set-back-since"])
def test_no_step_goes_on_after_its_reply(answer, away):
    Message.objects.filter(pk=answer.pk).update(status=Status.PENDING, saved=timezone.now() + away)
    runs.settle(Message.objects.filter(pk=answer.pk))
    answer.refresh_from_db()
    assert answer.status_history == [{**CREATING, "done": True}]


def test_a_stop_ends_the_step_too(site, alice, connection, engine_row, upstream):
    ImageSettings.objects.update(prompt_generation=False)
    talker, gate = Talker(site, alice), Gate()
    upstream.script(Reply(before=[gate]), path=IMAGES)
    started = talker.start("a red kite", features=DRAW)
    gate.wait()
    talker.send("POST", f"/api/v1/chats/{started['chat']['id']}/messages/{started['message']['id']}/stop")
    message = talker.until_over(started["chat"]["id"], started["message"]["id"])
    assert message["status"] == "stopped"
    assert [step["done"] for step in message["status_history"]] == [True]
    gate.open()


def test_again_waits_for_the_picture_that_is_drawn_already(site, alice, connection, answer, make_job, upstream):
    ImageSettings.objects.update(prompt_generation=False)
    gate = Gate()
    upstream.script(replace(drawn(png(8, 8)), before=[gate]), path=IMAGES)
    job = make_job(state=ImageJob.State.QUEUED, heartbeat=timezone.now() - timedelta(minutes=1))
    jobs.start()
    gate.wait()
    talker = Talker(site, alice)
    again = talker.send(
        "POST", f"/api/v1/chats/{answer.chat_id}/messages/{answer.pk}/regenerate", {"features": DRAW, "model": "m1"}
    )["message"]
    for _ in range(500):
        job.refresh_from_db()
        if str(job.message_id) == again["id"]:
            break
    gate.open()

    message = talker.until_over(str(answer.chat_id), again["id"])

    assert ImageJob.objects.count() == 1
    assert [file["id"] for file in message["files"]] == [str(row.pk) for row in job.files.all()]


def test_after_kill_and_restart_a_comfyui_picture_reaches_its_chat(server_process, upstream):
    gate = upstream.comfyui.gates[2] = Gate()
    env = {
        "WEBUI_DEMO": "false",
        "OPENAI_API_BASE_URLS": upstream.url,
        "OPENAI_API_KEYS": "upstream-key",
        "ENABLE_IMAGE_GENERATION": "true",
        "ENABLE_IMAGE_PROMPT_GENERATION": "false",
        "IMAGE_GENERATION_ENGINE": "comfyui",
        "COMFYUI_BASE_URL": upstream.origin,
        "IMAGE_GENERATION_MODEL": "dream.safetensors",
        "COMFYUI_WORKFLOW": json.dumps(workflow.default_graph("generate")),
        "WEBUI_ADMIN_EMAIL": EMAIL,
        "WEBUI_ADMIN_PASSWORD": PASSWORD,
    }
    server = server_process(env=env).start()
    site = RemoteSite(server)
    started = Talker(site).start("a red kite", features=DRAW)
    chat_id, message_id = started["chat"]["id"], started["message"]["id"]
    gate.wait()
    server.kill()
    server.start()
    talker = Talker(site)
    tab = site.listen(talker)
    gate.open()

    tab.wait_for(lambda event: event["message_id"] == message_id and event["data"]["data"].get("files"), timeout=60)

    message = talker.message(chat_id, message_id)
    assert message["status"] == "done"
    assert len(message["files"]) == 1
    assert all(step["done"] for step in message["status_history"])
    assert len([one for one in upstream.asked("/prompt") if one.method == "POST"]) == 1
