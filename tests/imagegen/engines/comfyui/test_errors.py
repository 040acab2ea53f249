"""Errors of ComfyUI: the code, the server's words, and whether a retry helps."""

import threading
from typing import Any

import pytest
import requests

from imagegen import workflow
from imagegen.engines.base import EngineConfig, Run
from providers.errors import ProviderError
from tests.imagegen import graphs
from tests.imagegen.comfy import ENGINE, SMALL, built_in, with_graph
from tests.imagegen.drawing import draw, eventually, picture
from tests.upstream import Gate, Reply, in_html, in_json, in_text
from tests.upstream.comfyui.graph import error


@pytest.fixture
def comfy(upstream):
    return upstream.comfyui


@pytest.fixture
def config(upstream):
    return EngineConfig(url=upstream.origin)


def failing(config: EngineConfig, run: Run | None = None, **wish: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        draw(ENGINE, config, run, **{**SMALL, **wish})
    found = caught.value
    assert found.message
    for secret in ("Traceback", "/opt/", "File ", "a secret"):
        assert secret not in str(found.message_body())
    return found


def changed(config: EngineConfig, *, drop: str = "", **changes: dict[str, Any]) -> EngineConfig:
    """The built-in graph with some inputs changed and a node taken out; its map is that of the whole."""
    graph = built_in(**changes)
    graph.pop(drop, None)
    nodes = tuple(line.as_dict() for line in workflow.guess_nodes(workflow.default_graph()))
    return with_graph(config, graph, nodes=nodes)


# --- what the server says to POST /prompt -----------------------------------------------------------------------------


def refusal(kind: str, message: str = "", details: str = "", node_errors: Any = None, **extra: Any) -> Reply:
    return in_json({"error": error(kind, message, details, **extra), "node_errors": node_errors or {}}, 400)


def node_error(kind: str, message: str, details: str = "", **extra: Any) -> dict[str, Any]:
    entry = {"class_type": "KSampler", "dependent_outputs": ["9"], "errors": [error(kind, message, details, **extra)]}
    return {"3": entry}


FAILED = ("prompt_outputs_failed_validation", "Prompt outputs failed validation", "")
TRACE = ['  File "/opt/ComfyUI/execution.py", line 1, in validate\n']


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (refusal("no_prompt", "No prompt provided"), "no_prompt", "No prompt provided"),
        (in_json({"error": "no prompt", "node_errors": []}, 400), "refused", "no prompt"),
        (refusal("invalid_prompt_id", "Invalid prompt_id"), "invalid_prompt_id", "Invalid prompt_id"),
        (
            refusal("missing_node_type", "Node 'Fancy' not found.", "Node ID '#3'", class_type="Fancy"),
            "missing_node_type",
            "Node 'Fancy' not found. Node ID '#3'",
        ),
        (
            refusal("invalid_prompt", "Cannot execute because node Fancy does not exist.", "Node ID '#3'"),
            "missing_node_type",
            "Cannot execute because node Fancy does not exist. Node ID '#3'",
        ),
        (
            refusal("invalid_prompt", "Cannot execute because a node is missing the class_type property.", "'#id'"),
            "invalid_prompt",
            "Cannot execute because a node is missing the class_type property. '#id'",
        ),
        (refusal("prompt_no_outputs", "Prompt has no outputs"), "prompt_no_outputs", "Prompt has no outputs"),
        (refusal(*FAILED), "dependency_cycle", "Prompt outputs failed validation"),
        (
            refusal(
                *FAILED, node_error("required_input_missing", "Required input is missing", "vae", input_name="vae")
            ),
            "required_input_missing",
            "KSampler (3): Required input is missing: vae",
        ),
        (
            refusal(*FAILED, node_error("bad_linked_input", "Bad linked input", "images", input_name="images")),
            "bad_linked_input",
            "KSampler (3): Bad linked input: images",
        ),
        (
            refusal(*FAILED, node_error("return_type_mismatch", "Return type mismatch", "model", input_name="model")),
            "return_type_mismatch",
            "KSampler (3): Return type mismatch: model",
        ),
        (
            refusal(
                *FAILED, node_error("invalid_input_type", "No INT", "x", input_name="steps", received_value="many")
            ),
            "invalid_input_type",
            "KSampler (3): No INT: steps = many",
        ),
        (
            refusal(
                *FAILED, node_error("value_smaller_than_min", "Too small", "x", input_name="cfg", received_value=-1)
            ),
            "value_smaller_than_min",
            "KSampler (3): Too small: cfg = -1",
        ),
        (
            refusal(*FAILED, node_error("value_bigger_than_max", "Too big", "x", input_name="cfg", received_value=999)),
            "value_bigger_than_max",
            "KSampler (3): Too big: cfg = 999",
        ),
        (
            refusal(
                *FAILED, node_error("value_not_in_list", "Not in list", "x", input_name="lora", received_value="a")
            ),
            "value_not_in_list",
            "KSampler (3): Not in list: lora = a",
        ),
        (
            refusal(
                *FAILED,
                node_error(
                    "custom_validation_failed", "Failed", "image - Invalid image file: x.png", input_name="image"
                ),
            ),
            "custom_validation_failed",
            "KSampler (3): Failed: image - Invalid image file: x.png",
        ),
        (
            refusal(*FAILED, node_error("exception_during_validation", "Exception", "'99'", traceback=TRACE)),
            "exception_during_validation",
            "KSampler (3): Exception: '99'",
        ),
        (
            refusal(*FAILED, node_error("dependency_cycle", "Cycle", "", cycle_nodes=["3", "8"])),
            "dependency_cycle",
            "KSampler (3): Cycle",
        ),
        (in_text("500 Internal Server Error\n\nServer got itself in trouble", 500), "provider_error", "500 Internal"),
    ],
)
def test_a_refused_workflow_is_told_node_by_node_and_not_to_be_tried_again(config, upstream, answer, code, words):
    upstream.script(answer, path="/prompt", method="POST")
    found = failing(config)
    assert (found.code, found.retryable, found.status) == (code, False, answer.status)
    assert found.provider.startswith(words)
    assert upstream.asked("/queue") == []  # nothing was queued, so nothing is taken out


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [
        (Reply(403), "permission_denied", False),
        (in_text("no key", 401), "invalid_api_key", False),
        (in_html(404, "Not Found"), "not_found", False),
        (in_text("Maximum request body size 104857600 exceeded", 413), "request_too_large", False),
        (in_json({"error": "slow down"}, 429, {"Retry-After": "7"}), "rate_limit_exceeded", True),
        (in_html(502), "upstream_unavailable", True),
        (in_html(503), "upstream_unavailable", True),
        (in_html(504), "upstream_unavailable", True),
        (Reply(500), "provider_error", False),
        (Reply(400), "refused", False),
        (in_json([], 400), "refused", False),
        (in_json({"prompt_id": 5}), "invalid_answer", False),
        (in_json([]), "invalid_answer", False),
        (in_text("hello"), "invalid_answer", False),
    ],
)
def test_a_proxys_answer_is_told_by_its_status(config, upstream, answer, code, retryable):
    upstream.script(answer, path="/prompt", method="POST")
    found = failing(config)
    assert (found.code, found.retryable) == (code, retryable)
    assert found.retry_after == (7 if answer.status == 429 else None)


@pytest.mark.parametrize("path", ["/upload/image", "/view"])
@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_files_that_cannot_be_had_are_told_although_the_bodies_are_empty(config, upstream, path, status):
    upstream.always(Reply(status), path=path)
    found = failing(config, images=(picture(),))
    assert found.status == status
    assert not found.retryable


def test_a_file_that_is_no_picture_is_an_error(config, upstream):
    upstream.always(in_text("hello"), path="/view", method="GET")
    assert failing(config).code == "invalid_answer"


# --- what the scripted server finds by itself -------------------------------------------------------------------------


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_an_unknown_model_is_told_by_name(config, comfy, old):
    comfy.old = old
    found = failing(config, model="gone.safetensors")
    assert (found.code, found.param) == ("model_not_found", "model")
    assert "ckpt_name = gone.safetensors" in found.provider


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_a_node_that_is_not_installed_is_told_by_name(config, comfy, old):
    comfy.old = old
    config = changed(config)
    config.workflow["3"]["class_type"] = "FancySampler"
    found = failing(config)
    assert found.code == "missing_node_type"
    assert "FancySampler" in found.provider


def test_other_mistakes_in_the_graph(config):
    assert failing(changed(config, n3={"sampler_name": "eulr"})).code == "value_not_in_list"
    assert failing(changed(config, n3={"cfg": -1})).code == "value_smaller_than_min"
    assert failing(changed(config, n8={"vae": ["99", 0]})).code == "exception_during_validation"
    assert failing(changed(config, drop="9")).code == "prompt_no_outputs"


def test_a_text_where_a_link_belongs_fails_in_the_run(config):
    found = failing(changed(config, n9={"images": "hello"}))
    assert found.code == "execution_error"
    assert found.provider == "Save Image (9): 'str' object has no attribute 'cpu'"


def test_an_answer_of_200_that_drops_our_output_is_a_failure_and_the_rest_is_stopped(config, upstream, comfy):
    config = changed(config, n9={"images": ["99", 0]})
    config.workflow["10"] = graphs.node("PreviewImage", images=["8", 0])
    comfy.hold = Gate()
    found = failing(config)
    assert found.code == "exception_during_validation"
    assert "Save Image (9)" in found.provider
    assert comfy.pending == []
    comfy.hold.open()


def test_and_one_that_drops_only_a_preview_is_none(config):
    config = changed(config)
    config.workflow["10"] = graphs.node("PreviewImage", images=["99", 0])
    assert len(draw(ENGINE, config, **SMALL).pictures) == 1


# --- runs that fail ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("socket", [True, False], ids=["socket", "no socket"])
def test_a_failed_node_is_told_without_paths_and_tracebacks(config, upstream, comfy, socket):
    if not socket:
        upstream.always(in_text("no", 403), path="/ws", method="GET")
    comfy.fail(("RuntimeError", "cannot open '/opt/ComfyUI/models/vae.pt'\n"))
    found = failing(config)
    assert (found.code, found.retryable) == ("execution_error", False)
    assert found.provider == "KSampler (3): cannot open '…/vae.pt'"


def test_an_unreadable_input_picture_is_told(config, upstream, comfy):
    comfy.files[("input", "", "broken.png")] = b"no picture"
    upstream.script(in_json({"name": "broken.png", "subfolder": "", "type": "input"}), path="/upload/image")
    found = failing(config, images=(picture(),))
    assert found.code == "invalid_image"
    assert found.provider == "Picture (10): cannot identify image file '…/broken.png'"


def test_a_full_graphics_card_is_cleared_once(config, upstream, comfy):
    comfy.fail(("torch.OutOfMemoryError", "Allocation on device 0"))
    drawn = draw(ENGINE, config, **SMALL)
    assert len(drawn.pictures) == 1
    assert "freed some" in drawn.notices[0]
    assert upstream.asked("/free")[0].json == {"unload_models": True, "free_memory": True}

    comfy.fail(("torch.OutOfMemoryError", "Allocation on device 0"), ("torch.OutOfMemoryError", "Again"))
    found = failing(config)
    assert (found.code, found.retryable) == ("out_of_memory", False)
    assert found.provider == "KSampler (3): Again"


def test_somebody_else_may_interrupt_our_picture(config, upstream, comfy):
    gate = comfy.gates[2] = Gate()

    def interrupt() -> None:
        gate.wait()
        requests.post(f"{upstream.origin}/interrupt", timeout=10)
        gate.open()

    threading.Thread(target=interrupt).start()
    found = failing(config)
    assert (found.code, found.retryable) == ("interrupted", False)


def test_somebody_else_may_clear_the_queue(config, upstream, comfy):
    comfy.hold = Gate()

    def clear() -> None:
        comfy.hold.wait()
        eventually(lambda: bool(comfy.pending))
        upstream.wait_for("/queue")
        comfy.pending.clear()
        comfy.hold.open()

    threading.Thread(target=clear).start()
    found = failing(config)
    assert (found.code, found.retryable) == ("cancelled_upstream", False)


def test_an_error_whose_history_is_gone_is_known_from_the_socket(config, comfy):
    comfy.get_history = lambda received: in_json({})
    comfy.fail(("RuntimeError", "boom"))
    assert failing(config).provider == "KSampler (3): boom"


def test_success_beside_an_error_in_the_messages_is_a_failure(config, upstream, comfy):
    message = [
        "execution_error",
        {"exception_type": "DependencyCycleError", "exception_message": "A circle", "node_id": "3"},
    ]
    entry = {"outputs": {}, "status": {"status_str": "success", "completed": True, "messages": [message]}}
    comfy.get_history = lambda received: in_json({received.params["id"]: entry})
    assert failing(config).provider == "KSampler (3): A circle"


def test_a_blocked_branch_is_only_a_report(config, upstream, comfy):
    report = ["execution_error", {"exception_type": "ExecutionBlocked", "exception_message": "blocked", "node_id": "3"}]

    def answer(received):
        entry = comfy.history.get(received.params["id"])
        if entry and report not in entry["status"]["messages"]:
            entry["status"]["messages"].insert(0, report)
        return in_json({received.params["id"]: entry} if entry else {})

    comfy.get_history = answer
    assert len(draw(ENGINE, config, **SMALL).pictures) == 1


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"status": None},
        {"status": {"status_str": "error"}},
        {"outputs": 5},
        {"outputs": {"9": {"images": [1, {"x": 2}]}}},
    ],
)
def test_a_strange_entry_is_an_error_and_no_crash(config, comfy, entry):
    comfy.get_history = lambda received: in_json({received.params["id"]: {"x": 1, **entry}})
    assert failing(config).code in ("no_picture", "execution_error")
