"""The life of a ComfyUI prompt over real sockets: progress, lost connections, cancelling, restarts."""

import threading
import time
from typing import Any

import pytest

from imagegen.engines.base import Cancelled, EngineConfig, Run
from imagegen.engines.events import Progress
from imagegen.image_request import ImageRequest
from providers.errors import ProviderError, UpstreamTimeout
from tests.imagegen.comfy import ENGINE, SMALL, built_in
from tests.imagegen.drawing import Drawing, draw, eventually, too_late_at
from tests.upstream import DROP, Gate, Reply, in_text


@pytest.fixture
def comfy(upstream):
    return upstream.comfyui


@pytest.fixture
def config(upstream):
    return EngineConfig(url=upstream.origin)


# --- progress ---------------------------------------------------------------------------------------------------------


def gated(comfy, *steps: int) -> list[Gate]:
    comfy.gates = {step: Gate() for step in steps}
    return list(comfy.gates.values())


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
@pytest.mark.parametrize("metadata", [True, False], ids=["type 4", "type 1"])
def test_steps_and_previews_come_over_the_socket(config, comfy, old, metadata):
    comfy.old, comfy.previews, comfy.metadata = old, True, metadata
    drawn = draw(ENGINE, config, **SMALL)

    fractions = [one.fraction for one in drawn.progress if one.fraction is not None]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) > 5
    assert {(one.step, one.total) for one in drawn.progress} >= {(1, 4), (4, 4)}
    previews = [one for one in drawn.progress if one.preview]
    assert len(previews) >= 3  # one may fall between the two forms, while the server learns which we take
    assert all(one.preview_type == "image/jpeg" and one.preview.startswith(b"\xff\xd8\xff") for one in previews)


def test_throttled_steps_still_fill_the_bar(config, comfy):
    drawn = draw(ENGINE, config, **{**SMALL, "steps": 40})
    assert {one.step for one in drawn.progress if one.total == 40} == {1, 40}
    assert drawn.progress[-1].fraction == 1.0


def test_previews_are_asked_for_with_each_prompt(config, upstream):
    draw(ENGINE, config, **SMALL)
    assert upstream.asked("/prompt", "POST")[0].json["extra_data"] == {"preview_method": "auto"}


def test_a_cached_run_is_at_its_end_at_once(config):
    draw(ENGINE, config, seed=1, **SMALL)
    drawn = draw(ENGINE, config, seed=1, **SMALL)
    assert drawn.progress[-1].fraction == 1.0
    assert len(drawn.pictures) == 1


def test_waiting_behind_others_is_told_as_a_queue(config, comfy, upstream):
    comfy.hold = Gate()
    for _number in range(2):
        graph = built_in(n5={"width": 64, "height": 64}, n3={"steps": 1})
        comfy.pending.append([0, f"theirs-{_number}", graph, {}, ["9"], None])
    seen: list[int] = []
    for event in ENGINE.generate(config, ImageRequest(prompt="x", **SMALL), Run()):
        if getattr(event, "queue", None) is not None:
            seen.append(event.queue)
            comfy.hold.open()
    assert seen[0] == 2


# --- the socket is away -----------------------------------------------------------------------------------------------


def test_without_a_socket_the_history_is_enough(config, upstream):
    upstream.always(in_text("no", 403), path="/ws", method="GET")
    assert len(draw(ENGINE, config, **SMALL).pictures) == 1


@pytest.mark.parametrize("lost", [{"executing"}, {"executing", "executed", "progress", "progress_state", "status"}])
def test_frames_that_get_lost_cost_nothing_but_time(config, comfy, lost):
    comfy.silent = lost
    assert len(draw(ENGINE, config, **SMALL).pictures) == 1


def drop(comfy, gate: Gate, then: Gate) -> None:
    gate.wait()
    comfy.drop_sockets()
    eventually(lambda: len(comfy.upstream.asked("/ws")) == 2)
    gate.open()
    then.wait()
    then.open()


def test_a_socket_that_breaks_is_opened_again_under_the_same_id(config, upstream, comfy):
    first, second = gated(comfy, 2, 4)
    thread = threading.Thread(target=drop, args=(comfy, first, second))
    thread.start()
    drawn = draw(ENGINE, config, **SMALL)
    thread.join()
    assert len(drawn.pictures) == 1
    assert len({one.query["clientId"] for one in upstream.asked("/ws")}) == 1
    assert (4, 4) in {(one.step, one.total) for one in drawn.progress}


def test_a_restarted_server_has_forgotten_us_and_trying_again_helps(config, comfy):
    (gate,) = gated(comfy, 2)

    def restart() -> None:
        gate.wait()
        comfy.restart()

    threading.Thread(target=restart).start()
    with pytest.raises(ProviderError) as caught:
        draw(ENGINE, config, **SMALL)
    assert (caught.value.code, caught.value.retryable) == ("upstream_restarted", True)


def test_an_answer_that_gets_lost_is_looked_up_before_anything_is_sent_again(config, upstream, comfy):
    def posted_and_lost(received):
        comfy.post_prompt(received)
        return Reply(before=[DROP])

    upstream.script(posted_and_lost, path="/prompt", method="POST")
    assert len(draw(ENGINE, config, **SMALL).pictures) == 1
    assert len(comfy.posted) == 1


def test_a_prompt_that_never_arrived_is_sent_again(config, upstream, comfy):
    upstream.script(Reply(before=[DROP]), path="/prompt", method="POST")
    assert len(draw(ENGINE, config, **SMALL).pictures) == 1
    assert len(comfy.posted) == 1


def test_a_server_that_is_away_for_a_moment_loses_nothing(config, upstream):
    upstream.always(in_text("no", 403), path="/ws", method="GET")
    upstream.script(Reply(before=[DROP]), in_text("busy", 503), path="/queue", method="GET")
    assert len(draw(ENGINE, config, **SMALL).pictures) == 1


# --- cancelling -------------------------------------------------------------------------------------------------------


def cancel_at(gate: Gate, run: Run) -> None:
    def cancel() -> None:
        gate.wait()
        run.cancel()

    threading.Thread(target=cancel).start()


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
@pytest.mark.parametrize("socket", [True, False], ids=["socket", "no socket"])
def test_cancelling_interrupts_our_running_prompt_by_its_id(config, upstream, comfy, old, socket):
    comfy.old = old
    if not socket:
        upstream.always(in_text("no", 403), path="/ws", method="GET")
    (gate,) = gated(comfy, 2)
    upstream_ids: list[str] = []
    run = Run(started=upstream_ids.append)
    cancel_at(gate, run)
    with pytest.raises(Cancelled):
        draw(ENGINE, config, run, **SMALL)

    assert upstream_ids == [comfy.posted[0]["prompt_id"]]
    assert {one.json["prompt_id"] for one in upstream.asked("/interrupt")} == set(upstream_ids)
    gate.open()
    eventually(lambda: upstream_ids[0] in comfy.history)
    assert comfy.history[upstream_ids[0]]["status"]["messages"][-1][0] == "execution_interrupted"


def test_cancelling_takes_our_pending_prompt_out_of_the_queue_and_leaves_the_others(config, upstream, comfy):
    comfy.hold = Gate()
    comfy.pending.append([0, "theirs", built_in(), {}, ["9"], None])
    run = Run()
    cancel_at(comfy.hold, run)
    with pytest.raises(Cancelled):
        draw(ENGINE, config, run, **SMALL)
    assert [item[1] for item in comfy.pending] == ["theirs"]
    assert upstream.asked("/interrupt") == []
    comfy.pending.clear()
    comfy.hold.open()


def test_closing_the_generator_early_stops_the_prompt_too(config, upstream, comfy):
    (gate,) = gated(comfy, 2)
    events = ENGINE.generate(config, ImageRequest(prompt="x", **SMALL), Run())
    next(one for one in events if isinstance(one, Progress) and one.step == 1)
    gate.wait()
    events.close()
    assert upstream.asked("/interrupt")
    gate.open()


def test_cancelling_what_has_ended_or_was_never_there_does_no_harm(config, upstream):
    upstream_ids: list[str] = []
    draw(ENGINE, config, Run(started=upstream_ids.append), **SMALL)
    ENGINE.cancel(config, upstream_ids[0])
    ENGINE.cancel(config, "unknown")
    assert upstream.asked("/interrupt") == []
    assert upstream.asked("/queue", "POST") == []


def test_the_time_limit_stops_the_prompt(config, upstream, comfy):
    (gate,) = gated(comfy, 2)
    run = Run()
    too_late_at(gate, run)
    with pytest.raises(UpstreamTimeout):
        draw(ENGINE, config, run, **SMALL)
    assert upstream.asked("/interrupt")
    gate.open()


def test_the_time_limit_counts_from_the_start_and_not_from_the_queue(config, comfy):
    comfy.hold = Gate()
    run = Run(deadline=time.monotonic() + 100)
    deadlines: list[float] = []
    for event in ENGINE.generate(config, ImageRequest(prompt="x", **SMALL), run):
        if getattr(event, "queue", None) is not None:
            deadlines.append(run.deadline)
        if len(deadlines) == 3:
            comfy.hold.open()
    assert deadlines == sorted(set(deadlines))


# --- after a restart of ours ------------------------------------------------------------------------------------------


def abandoned(config: EngineConfig, upstream, **wish: Any) -> str:
    """Queue a prompt and go away, as a process does that is killed; its id."""
    graph = built_in(n5={"width": 64, "height": 64}, n3={"steps": 4, "seed": 11})
    import requests

    body = {"prompt": graph, "client_id": "gone", "prompt_id": "0d3b7d0e-6d0a-4a44-9a0e-0c7c7e9f1a11"}
    answer = requests.post(f"{upstream.origin}/prompt", json=body, timeout=10)
    return str(answer.json()["prompt_id"])


def test_a_prompt_that_still_runs_is_picked_up_with_its_events(config, upstream, comfy):
    first, second = gated(comfy, 2, 3)
    prompt_id = abandoned(config, upstream)
    first.wait()
    drawn = Drawing()

    def go_on() -> None:
        upstream.wait_for("/ws")
        eventually(lambda: "gone" in comfy.clients)
        first.open()
        second.wait()
        second.open()

    threading.Thread(target=go_on).start()
    drawn.events.extend(ENGINE.resume(config, prompt_id, Run()))

    (one,) = drawn.pictures
    assert (one.seed, one.model, one.content_type) == (11, "dream.safetensors", "image/png")
    assert (4, 4) in {(one.step, one.total) for one in drawn.progress}


def test_a_prompt_that_ended_meanwhile_is_read_from_history(config, upstream, comfy):
    prompt_id = abandoned(config, upstream)
    eventually(lambda: prompt_id in comfy.history)
    (one,) = Drawing(list(ENGINE.resume(config, prompt_id, Run()))).pictures
    assert one.seed == 11
    assert upstream.asked("/ws") == []


def test_a_prompt_that_failed_meanwhile_is_told(config, upstream, comfy):
    comfy.fail(("RuntimeError", "boom"))
    prompt_id = abandoned(config, upstream)
    eventually(lambda: prompt_id in comfy.history)
    with pytest.raises(ProviderError) as caught:
        list(ENGINE.resume(config, prompt_id, Run()))
    assert caught.value.code == "execution_error"


def test_a_prompt_that_nobody_knows_any_more_can_be_tried_again(config):
    with pytest.raises(ProviderError) as caught:
        list(ENGINE.resume(config, "0d3b7d0e-6d0a-4a44-9a0e-0c7c7e9f1a11", Run()))
    assert (caught.value.code, caught.value.retryable) == ("upstream_restarted", True)


def test_a_resumed_prompt_can_be_cancelled(config, upstream, comfy):
    (gate,) = gated(comfy, 2)
    prompt_id = abandoned(config, upstream)
    gate.wait()
    run = Run()
    cancel_at(gate, run)
    with pytest.raises(Cancelled):
        list(ENGINE.resume(config, prompt_id, run))
    assert upstream.asked("/interrupt")
    gate.open()
