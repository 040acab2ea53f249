"""The frames of ComfyUI's socket: their prompt, their meaning, and invalid frames."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen import workflow
from imagegen.engines.comfyui.failures import dropped_outputs, refused_workflow
from imagegen.engines.comfyui.prompt_state import PromptState
from imagegen.engines.comfyui.results import failure, files, without_graph
from imagegen.engines.events import Progress
from tests.imagegen.graphs import node
from tests.upstream.pictures import png

OURS, THEIRS = "0d3b7d0e-6d0a-4a44-9a0e-0c7c7e9f1a11", "7c7c7e9f-6d0a-4a44-9a0e-0d3b7d0e1a11"
JPEG = b"\xff\xd8\xff\xe0 a picture"


def new_state(**changes: dict[str, Any]) -> PromptState:
    return PromptState(OURS, {**workflow.default_graph(), **workflow.parse(changes or {"99": node("Note")})}, {"9"})


def text(kind: str, prompt_id: str | None = OURS, **data: Any) -> str:
    return json.dumps({"type": kind, "data": data | ({"prompt_id": prompt_id} if prompt_id else {})})


def preview(picture: bytes = JPEG, form: int = 1) -> bytes:
    return struct.pack(">II", 1, form) + picture


def preview_of(prompt_id: str, node_id: str = "3", picture: bytes = JPEG) -> bytes:
    facts = json.dumps({"prompt_id": prompt_id, "node_id": node_id, "image_type": "image/jpeg"}).encode()
    return struct.pack(">II", 4, len(facts)) + facts + picture


def shown(state: PromptState, *frames: str | bytes) -> list[Progress]:
    return [found for frame in frames if (found := state.read(frame))]


def test_other_peoples_frames_mean_nothing():
    one = new_state()
    frames = [
        text("execution_start", THEIRS),
        text("executing", THEIRS, node="3"),
        text("progress", THEIRS, value=3, max=4, node="3"),
        text("progress_state", THEIRS, nodes={"3": {"state": "running", "value": 3, "max": 4}}),
        preview(),
        preview_of(THEIRS),
        text("executing", THEIRS, node=None),
        text("executing", None, node="3"),  # after a reconnect: nobody's
        text("executing", None, node=None),
        text("crystools.monitor", None, cpu=3),
        text("execution_error", THEIRS, exception_type="X"),
    ]
    assert shown(one, *frames) == []
    assert (one.started, one.ended, one.failure) == (False, False, None)


def test_a_preview_without_metadata_belongs_to_the_step_told_last():
    one = new_state()
    assert shown(one, text("progress", value=1, max=4, node="3"), preview())[-1].preview == JPEG
    assert shown(one, text("progress", THEIRS, value=1, max=4, node="3"), preview()) == []


def test_a_server_that_knows_metadata_sends_previews_with_their_prompt():
    one = new_state()
    one.read(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
    one.read(text("progress", value=1, max=4, node="3"))
    assert shown(one, preview(), preview_of(THEIRS)) == []
    (found,) = shown(one, preview_of(OURS))
    assert (found.preview, found.preview_type) == (JPEG, "image/jpeg")


@pytest.mark.parametrize("frame", [preview(png(), 2), preview_of(OURS, "9", png())])
def test_the_picture_of_save_image_websocket_is_told_from_a_preview_by_its_node(frame):
    one = new_state(**{"9": node("SaveImageWebsocket", images=["8", 0])})
    assert shown(one, text("progress", value=1, max=4, node="3"), preview())[-1].preview
    one.read(text("executing", node="9"))
    one.read(text("progress", value=0, max=1, node="9"))
    assert shown(one, frame) == []
    assert one.pictures == [png()]


def test_the_bar_never_falls_and_sampling_is_most_of_it():
    one = new_state()
    frames = [
        text("execution_start"),
        text("execution_cached", nodes=["4"]),
        text("executing", node="6"),
        text("executing", node="3"),
        text("progress", value=2, max=4, node="3"),
        text("progress", value=1, max=4, node="3"),
        text("progress_state", nodes={"6": {"state": "finished"}, "3": {"state": "running", "value": 3, "max": 4}}),
        text("executing", node="8"),
        text("executed", node="9", output=None),
        text("execution_success"),
    ]
    seen = shown(one, *frames)
    fractions = [found.fraction for found in seen]
    assert fractions == sorted(fractions)
    assert next(0.45 < found.fraction < 0.55 for found in seen if found.step == 2)
    assert fractions[-1] == 1.0
    assert not one.ended  # the history entry is not written yet
    one.read(text("executing", node=None))
    assert one.ended


def test_nodes_that_a_node_made_count_as_it():
    one = new_state()
    one.read(text("executing", node="3.0.1", display_node="3"))
    state = {"3.0.1": {"state": "running", "value": 1, "max": 2, "display_node_id": "3"}}
    (found,) = shown(one, text("progress_state", nodes=state))
    assert (found.step, found.total) == (1, 2)
    state = {"3.0.1": {"state": "finished", "display_node_id": "3"}}
    before = found.fraction
    assert all(found.fraction == before for found in shown(one, text("progress_state", nodes=state)))


def test_a_part_of_a_run_fills_its_part_of_the_bar():
    one = PromptState(OURS, workflow.default_graph(), {"9"}, share=(0.5, 0.25))
    assert shown(one, text("execution_start"))[0].fraction == 0.5
    assert shown(one, text("execution_success"))[0].fraction == 0.75


def test_errors_and_interruptions_are_kept_and_reports_are_not():
    one = new_state()
    one.read(text("execution_error", exception_type="ExecutionBlocked"))
    assert one.failure is None
    one.read(text("execution_error", exception_type="RuntimeError"))
    one.read(text("execution_interrupted"))
    assert one.failure["exception_type"] == "RuntimeError"
    assert one.interrupted


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=80) | st.text(max_size=80))
def test_no_frame_does_harm(frame):
    new_state().read(frame)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["3", "x", OURS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["3", "state", "value", "max"]), inner),
    max_leaves=6,
)
MEMBERS = ["3", "type", "errors", "extra_info", "dependent_outputs", "input_name", "messages", "images", "filename"]
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["x", "a.png", "value_not_in_list", "execution_error"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=3),
    max_leaves=10,
)
KINDS = ["status", "execution_cached", "executing", "progress", "progress_state", "executed", "execution_error"]
NAMES = ["node", "display_node", "value", "max", "nodes", "exception_type", "output"]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_no_event_of_ours_does_harm(kind, data):
    one = new_state()
    one.read(text("progress", value=1, max=4, node="3"))
    found = one.read(json.dumps({"type": kind, "data": {**data, "prompt_id": OURS}}))
    assert found is None or 0 <= found.fraction <= 1


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=60))
def test_taking_the_graph_out_of_a_broken_file_does_no_harm(tail):
    picture = png(8, 8)
    assert without_graph(picture) == picture
    without_graph(picture[:33] + tail)
    assert without_graph(tail) == tail or tail.startswith(b"\x89PNG")


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(["error", "node_errors"]), BODIES))
def test_no_refusal_does_harm(body):
    assert refused_workflow(body, workflow.default_graph()).message
    dropped_outputs(body.get("node_errors"))


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(["status", "outputs", "prompt"]), BODIES))
def test_no_history_does_harm(entry):
    failure(entry, workflow.default_graph())
    files(entry)


def test_an_error_with_numbers_that_are_no_json_is_read():
    state = new_state()
    state.read(
        text(
            "execution_error",
            node_id="3",
            exception_type="RuntimeError",
            exception_message="Out of luck.",
            x=float("nan"),
        )
    )
    assert state.failure is not None
    assert state.failure["exception_message"] == "Out of luck."
