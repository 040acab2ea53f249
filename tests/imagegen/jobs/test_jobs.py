"""Picture jobs: rows, threads, limits, cancelling, retries, and takeover after a process died."""

import uuid
from datetime import timedelta

import pytest
import requests
from django.utils import timezone, translation

from chat.files import stores
from imagegen import jobs, services, workflow
from imagegen.jobs import claims, dispatcher, shape
from imagegen.models import ImageJob, ImageSettings
from providers import runtime
from providers.callers import caller_for_user
from providers.errors import BadRequest, Conflict, Forbidden, NotFound
from tests.imagegen.drawing import request_images
from tests.upstream import Gate, Reply
from tests.upstream.openai import error
from tests.upstream.openai.images import drawn, streamed
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20
State = ImageJob.State
RED, BLUE = png(8, 8), png(8, 8, shade=90)


def ask(user, **values):
    return request_images(user, {"prompt": "a red kite", **values})[0]


def ended(job):
    return jobs.wait_for(job, timeout=PATIENCE)


def test_a_request_becomes_a_stored_picture_that_belongs_to_its_owner_and_says_how_it_was_made(
    alice, engine_row, upstream
):
    upstream.script(drawn(RED))

    job = ended(ask(alice, size="1024x1024"))

    assert (job.state, job.error) == (State.SUCCEEDED, None)
    row = job.files.get()
    assert stores.read(row.storage_name) == RED
    assert (row.owner, row.content_type, row.name) == (alice, "image/png", "a-red-kite.png")
    assert row.provenance["engine"] == "Studio"
    assert row.provenance["model"] == "gpt-image-2"
    assert row.provenance["prompt"] == "a red kite"
    engine_row.refresh_from_db()
    assert engine_row.last_ok is not None


def test_the_providers_words_reach_the_job_and_the_engines_health_but_never_its_switch(alice, engine_row, upstream):
    upstream.always(error(500, "The painter is ill.", code="server_error"), path="/images/generations")

    job = ended(ask(alice))

    assert job.state == State.FAILED
    assert "The painter is ill." in job.error["provider"]
    assert job.error["retryable"] is True
    engine_row.refresh_from_db()
    assert engine_row.last_error == f"{job.error['message']} The painter is ill."
    assert engine_row.last_fault["code"] == "server_error"
    assert engine_row.enabled


def test_a_failed_job_can_be_retried_as_a_new_one(alice, engine_row, upstream):
    upstream.script(error(500, "ill", code="server_error"))
    failed = ended(ask(alice, size="1024x1024", seed=None))
    upstream.always(drawn(RED), path="/images/generations")

    again = ended(services.retry_job(caller_for_user(alice), failed))

    assert again.state == State.SUCCEEDED
    assert again.pk != failed.pk
    assert again.request == failed.request


def test_an_open_job_cannot_be_retried_and_an_ended_one_not_cancelled(alice, engine_row, upstream):
    gate = Gate()
    upstream.script(Reply(before=[gate]), drawn(RED))
    job = ask(alice)
    with pytest.raises(Conflict):
        services.retry_job(caller_for_user(alice), job)
    services.cancel_job(job)
    with pytest.raises(Conflict):
        services.cancel_job(ended(job))
    gate.open()


def test_cancelling_a_running_job_closes_the_call_at_the_upstream(alice, engine_row, upstream):
    gate = Gate()
    upstream.script(Reply(before=[gate]))
    job = ask(alice)
    received = upstream.wait_for("/images/generations")

    services.cancel_job(job)

    assert ended(job).state == State.CANCELLED
    assert received.closed.wait(PATIENCE)
    gate.open()


def test_what_another_process_is_asked_to_cancel_is_cancelled_by_the_one_that_draws(alice, engine_row, upstream):
    gate = Gate()
    upstream.script(Reply(before=[gate]), path="/images/generations")
    job = ask(alice)
    upstream.wait_for("/images/generations")

    ImageJob.objects.filter(pk=job.pk).update(cancel_requested=True)  # all that the other process can do

    assert upstream.last.closed.wait(PATIENCE)
    assert ended(job).state == State.CANCELLED
    gate.open()


def test_a_job_that_only_waits_is_cancelled_at_once_and_never_reaches_the_upstream(alice, make_engine, upstream):
    make_engine(url=upstream.url, concurrency=1)
    gate = Gate()
    upstream.script(Reply(before=[gate]))
    first = ask(alice)
    upstream.wait_for("/images/generations")
    waiting = ask(alice)

    assert shape.job_json(waiting)["queue"] == 0
    services.cancel_job(waiting)

    assert ended(waiting).state == State.CANCELLED
    assert len(upstream.asked("/images/generations")) == 1
    services.cancel_job(first)
    gate.open()


def test_an_engine_draws_as_many_pictures_at_once_as_its_row_allows(alice, bob, make_engine, upstream):
    make_engine(url=upstream.url, concurrency=1)
    gate = Gate()
    upstream.script(Reply(before=[gate]), drawn(BLUE))
    first = ask(alice)
    upstream.wait_for("/images/generations")
    second = ask(bob)
    third = ask(bob)
    assert [shape.job_json(job)["queue"] for job in (second, third)] == [0, 1]

    services.cancel_job(first)
    gate.open()
    upstream.always(drawn(BLUE), path="/images/generations")

    assert ended(second).state == ended(third).state == State.SUCCEEDED


def test_one_person_cannot_take_every_place(alice, bob, make_engine, upstream):
    make_engine(url=upstream.url, concurrency=5)
    ImageSettings.objects.update(per_user=1)
    gate = Gate()
    upstream.script(Reply(before=[gate]))
    first = ask(alice)
    upstream.wait_for("/images/generations")
    second = ask(alice)
    upstream.always(drawn(BLUE), path="/images/generations")

    assert ended(ask(bob)).state == State.SUCCEEDED
    second.refresh_from_db()
    assert second.state == State.QUEUED
    services.cancel_job(first)
    gate.open()
    assert ended(second).state == State.SUCCEEDED


def test_pictures_on_the_way_are_told_to_listeners_and_written_as_progress(alice, make_engine, upstream):
    make_engine(url=upstream.url, options={"partial_images": 2})
    gate = Gate()
    upstream.script(streamed(RED, BLUE, steps=[gate]))
    told = []
    job = ask(alice)
    feed = jobs.feed_of(job.pk)
    feed.listen(lambda kind, data: told.append((kind, data)))
    gate.wait()
    gate.open()

    assert ended(job).state == State.SUCCEEDED
    assert feed.ended.wait(PATIENCE)
    assert [kind for kind, _data in told][-1] == "end"
    assert told[-1][1]["state"] == "succeeded"


def test_the_same_idempotency_key_returns_the_first_job_and_draws_once(alice, bob, engine_row, upstream):
    upstream.always(drawn(RED), path="/images/generations")
    wish = {"prompt": "a red kite"}

    first, new = request_images(alice, wish, idempotency_key="k1")
    again, new_again = request_images(alice, wish, idempotency_key="k1")
    others, new_of_others = request_images(bob, wish, idempotency_key="k1")

    assert (new, new_again, new_of_others) == (True, False, True)
    assert first.pk == again.pk != others.pk
    with pytest.raises(Conflict):
        request_images(alice, {"prompt": "something else"}, idempotency_key="k1")
    ended(first)
    ended(others)
    assert len(upstream.asked("/images/generations")) == 2


def test_an_edit_sends_the_named_pictures_and_remembers_them(alice, engine_row, upstream):
    from imagegen import inputs

    upstream.script(drawn(BLUE))
    source = inputs.file_from_bytes(alice, RED, name="kite.png")

    job = request_images(alice, {"prompt": "make it blue"}, images=[source])[0]

    assert ended(job).state == State.SUCCEEDED
    assert upstream.last.path == "/v1/images/edits"
    assert job.files.get().provenance["inputs"] == [str(source.pk)]


def test_nothing_is_drawn_while_the_switch_is_off_or_for_people_outside_the_groups(alice, admin, engine_row, upstream):
    from django.contrib.auth.models import Group

    image_settings = ImageSettings.load()
    image_settings.groups.add(Group.objects.create(name="painters"))
    with pytest.raises(Forbidden) as refused:
        ask(alice)
    assert refused.value.code == "images_not_permitted"
    alice.groups.add(Group.objects.get())
    upstream.always(drawn(RED), path="/images/generations")
    assert ended(ask(alice)).state == State.SUCCEEDED
    ImageSettings.objects.update(enabled=False)
    for user in (alice, admin):
        with pytest.raises(Forbidden):
            ask(user)


def test_an_engine_that_is_not_theirs_does_not_exist_for_them(alice, admin, make_engine, upstream):
    make_engine(url=upstream.url, access="private", name="Secret")
    upstream.always(drawn(RED), path="/images/generations")
    for name in ({}, {"engine": "Secret"}, {"engine": "nothing"}):
        with pytest.raises(NotFound):
            ask(alice, **name)
    assert ended(ask(admin, engine="Secret")).state == State.SUCCEEDED


def test_what_an_engine_cannot_express_is_refused_before_a_job_is_written(alice, engine_row):
    with pytest.raises(BadRequest):
        ask(alice, size="17x17")
    assert not ImageJob.objects.exists()


def test_work_of_a_process_that_is_gone_ends_with_a_reason_and_what_waited_is_drawn(alice, engine_row, upstream):
    upstream.always(drawn(RED), path="/images/generations")
    long_ago = timezone.now() - timedelta(minutes=1)
    facts = {"user": alice, "engine": engine_row, "prompt": "x", "worker": "gone:1", "heartbeat": long_ago}
    running = ImageJob.objects.create(state=State.RUNNING, request={"prompt": "x"}, **facts)
    waiting = ImageJob.objects.create(state=State.QUEUED, request={"prompt": "x", "n": 1}, **facts)

    jobs.start()
    dispatcher.look()

    assert ended(running).state == State.FAILED
    assert running.error["code"] == "interrupted"
    assert running.error["retryable"] is True
    assert ended(waiting).state == State.SUCCEEDED


def test_a_cancelled_job_of_a_process_that_is_gone_stops_at_its_engine_too(alice, make_engine, upstream):
    row = make_engine(name="Comfy", kind="comfyui", url=upstream.origin, secret="", model="dream.safetensors")
    gate = upstream.comfyui.gates[2] = Gate()
    prompt_id = str(uuid.uuid4())
    body = {"prompt": workflow.default_graph("generate"), "client_id": "gone", "prompt_id": prompt_id}
    body["prompt"]["4"]["inputs"]["ckpt_name"] = "dream.safetensors"
    assert requests.post(f"{upstream.origin}/prompt", json=body, timeout=10).ok
    gate.wait()
    job = ImageJob.objects.create(
        user=alice, engine=row, prompt="x", request={"prompt": "x"}, state=State.RUNNING, upstream_id=prompt_id,
        cancel_requested=True, worker="gone:1", heartbeat=timezone.now() - timedelta(minutes=1),
    )  # fmt: skip

    jobs.start()
    dispatcher.look()

    assert ended(job).state == State.CANCELLED
    assert prompt_id in {one.json["prompt_id"] for one in upstream.asked("/interrupt")}
    gate.open()


def test_a_stop_ends_what_no_other_process_can_go_on_with_at_its_upstream_too(alice, make_engine, upstream):
    make_engine(name="Forge", kind="automatic1111", url=upstream.origin, secret="", model="")
    gate = Gate()
    upstream.automatic1111.gates = {3: gate}
    job = ask(alice)
    gate.wait()

    jobs.shutdown()

    assert upstream.asked("/interrupt")
    job.refresh_from_db()
    assert (job.state, job.error["code"], job.error["retryable"]) == (State.FAILED, "interrupted", True)
    gate.open()


def test_two_processes_cannot_take_one_job(alice, engine_row):
    job = ImageJob.objects.create(
        user=alice, engine=engine_row, prompt="x", worker=claims.worker(), heartbeat=timezone.now()
    )
    assert claims.take_next([job.pk]).pk == job.pk
    assert claims.take_next([job.pk]) is None
    claims.finish(job, State.CANCELLED)


def test_a_forked_process_signs_its_jobs_with_a_name_of_its_own():
    ours = claims.worker()
    assert claims.worker() == ours
    runtime.replace()  # what a fork does
    assert claims.worker() != ours


def test_texts_of_a_job_come_in_the_language_of_the_person_who_asked(alice, engine_row, upstream):
    upstream.always(drawn(RED), path="/images/generations")
    with translation.override("zh-hans"):
        job = ask(alice)
    held = runtime.state(dispatcher.Dispatcher).held_of(job.pk)
    assert held is None or held.language == "zh-hans"
    ended(job)
